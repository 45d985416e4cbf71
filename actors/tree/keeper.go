package tree

import (
	"errors"
	"time"

	"github.com/waymeet/waymeet/supervision"
)

// keepEvery is how often a keeper looks whether a child is missing.
const keepEvery = 30 * time.Second

// keeper starts the children of the dynamic supervisor that stands right before
// it: in every life, so also after the supervisor was restarted and its
// children are gone, and now and then, for what could not be started at first.
// A child in quarantine is there, and comes back by itself.
type keeper struct {
	// ensure starts whoever is missing; who is there already is no error.
	ensure func(*supervision.Tree) error
}

// keeperMessage is the keeper's inbox: its own reminder.
type keeperMessage interface{ keeperMessage() }

type lookAgain struct{}

func (lookAgain) keeperMessage() {}

// Keeper is a keeper with that name.
func Keeper(name string, ensure func(*supervision.Tree) error) supervision.Child {
	return supervision.WorkerSpec[keeperMessage]{
		Name: name, New: func() supervision.Actor[keeperMessage] { return keeper{ensure} },
	}.Child()
}

// Start implements supervision.Actor.
func (k keeper) Start(c *supervision.Context[keeperMessage]) error {
	c.WakeAt(c.Now().Add(keepEvery), lookAgain{})
	if err := k.ensure(c.Tree()); !errors.Is(err, supervision.ErrStopped) {
		return err
	}
	return nil // the supervisor is on its way down: when it is back, so is the keeper
}

// Receive implements supervision.Actor.
func (k keeper) Receive(c *supervision.Context[keeperMessage], _ keeperMessage) {
	c.WakeAt(c.Now().Add(keepEvery), lookAgain{})
	if err := k.ensure(c.Tree()); err != nil {
		c.Log().Warn("not started", "reason", err)
	}
}

// Stop implements supervision.Actor.
func (keeper) Stop(*supervision.Context[keeperMessage]) {}
