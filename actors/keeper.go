package actors

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
	n *Node
	// ensure starts whoever is missing; who is there already is no error.
	ensure func() error
}

// keeperMessage is the keeper's inbox: its own reminder.
type keeperMessage interface{ keeperMessage() }

type lookAgain struct{}

func (lookAgain) keeperMessage() {}

func (n *Node) keeperChild(ensure func() error) supervision.Child {
	return supervision.WorkerSpec[keeperMessage]{
		Name: "keeper",
		New:  func() supervision.Actor[keeperMessage] { return keeper{n, ensure} },
	}.Child()
}

// Start implements supervision.Actor.
func (k keeper) Start(c *supervision.Context[keeperMessage]) error {
	k.n.root.Store(c.Tree())
	c.WakeAt(c.Now().Add(keepEvery), lookAgain{})
	if err := k.ensure(); !errors.Is(err, supervision.ErrStopped) {
		return err
	}
	return nil // the supervisor is on its way down: when it is back, so is the keeper
}

// Receive implements supervision.Actor.
func (k keeper) Receive(c *supervision.Context[keeperMessage], _ keeperMessage) {
	c.WakeAt(c.Now().Add(keepEvery), lookAgain{})
	if err := k.ensure(); err != nil {
		c.Log().Warn("not started", "reason", err)
	}
}

// Stop implements supervision.Actor.
func (keeper) Stop(*supervision.Context[keeperMessage]) {}

// keepContexts starts the subtree of every context whose journal is open.
func (n *Node) keepContexts() error {
	var errs []error
	for _, cx := range n.databases.all() {
		errs = append(errs, n.spawnContext(cx))
	}
	return errors.Join(errs...)
}

// keepRelays starts the client of every relay that is used.
func (n *Node) keepRelays() error {
	n.relays.mu.Lock() // a use that is left meanwhile must not come back
	defer n.relays.mu.Unlock()
	var errs []error
	for _, use := range n.relays.uses {
		errs = append(errs, n.spawnRelay(use))
	}
	return errors.Join(errs...)
}
