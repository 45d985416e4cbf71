package actors

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/waymeet/waymeet/actors/tree"
	"github.com/waymeet/waymeet/supervision"
)

// boundless is the intensity of /host: it bears any number of children in
// quarantine, for a defect of the host program must not end the node. Each child
// is bound by an intensity of its own.
var boundless = supervision.Intensity{Restarts: math.MaxInt, Within: time.Minute}

// hostIntensity is that of a child which says nothing else: 3 in 60 s.
var hostIntensity = supervision.Intensity{Restarts: 3, Within: time.Minute}

// hostActors are the actors that the host program has under /host, in the order
// in which it asked for them. The list outlives the supervisor, which loses its
// children when it is started again.
type hostActors struct {
	mu       sync.Mutex
	children []hostChild
	last     uint64 // numbers the entries
}

// hostChild is one entry of the list. Its number tells it from another of the
// same name, earlier or later.
type hostChild struct {
	supervision.Child
	number uint64
}

func (h *hostActors) find(name string) int {
	return slices.IndexFunc(h.children, func(c hostChild) bool { return c.Name() == name })
}

// dismiss takes a child off the list, and reports whether it was on it.
func (h *hostActors) dismiss(name string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	at := h.find(name)
	if at >= 0 {
		h.children = slices.Delete(h.children, at, at+1)
	}
	return at >= 0
}

// forget takes the entry of that number off the list.
func (h *hostActors) forget(number uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.children = slices.DeleteFunc(h.children, func(c hostChild) bool { return c.number == number })
}

// Supervise starts an actor of the host program, or a supervisor with actors of
// its own, at /host/NAME. It does not wait for the start: one that fails is like
// a crash. The children there are independent of each other. They are stopped
// before anything of the node, and started again with it. One that crashes more
// often than its intensity allows is quarantined alone.
func (n *Node) Supervise(child supervision.Child) error {
	child = child.OrIntensity(hostIntensity)
	h := &n.hostActors
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.find(child.Name()) >= 0 {
		return fmt.Errorf("%w: %s", supervision.ErrExists, tree.AtHostActor(child.Name()))
	}
	err := n.tree().Spawn(tree.AtHost, child)
	if err != nil && !(errors.Is(err, supervision.ErrStopped) && n.restarting()) {
		return err
	}
	h.last++
	h.children = append(h.children, hostChild{child, h.last})
	n.tellHostKeeper(lookAfter{child.Name(), h.last})
	return nil
}

// restarting reports whether who is down now will be started again.
func (n *Node) restarting() bool {
	select {
	case <-n.tree().Done():
		return false
	default:
		return !n.stopping.Load()
	}
}

// Dismiss stops what Supervise started and does not start it again. It does not
// wait.
func (n *Node) Dismiss(name string) error {
	if !n.hostActors.dismiss(name) {
		return fmt.Errorf("%w: %s", supervision.ErrNoActor, tree.AtHostActor(name))
	}
	if err := n.tree().StopChild(tree.AtHostActor(name)); !errors.Is(err, supervision.ErrNoActor) {
		return err
	}
	return nil // it was down, and stays so
}

// HostActor is the address of an actor under /host.
func HostActor[M any](n *Node, name string) supervision.Ref[M] {
	return supervision.Lookup[M](n.tree(), tree.AtHostActor(name))
}

// Report is all that the node's supervision tree can tell of itself.
func (n *Node) Report() supervision.Report { return n.tree().Report() }

// hostKeeper stands right behind /host: it starts the children of the list in
// every life, so also after the supervisor was started again, and takes off the
// list who has ended for good.
type hostKeeper struct {
	n *Node
	// watched are the entries of whose end this life will hear.
	watched map[uint64]bool
}

// hostKeeperMessage is the inbox of the hostKeeper.
type hostKeeperMessage interface{ hostKeeperMessage() }

type (
	// lookAfter: this child was started.
	lookAfter struct {
		name   string
		number uint64
	}
	// childGone: a life of a child has ended.
	childGone struct {
		number uint64
		down   supervision.Down
	}
)

func (lookAfter) hostKeeperMessage() {}
func (childGone) hostKeeperMessage() {}

func (n *Node) tellHostKeeper(m hostKeeperMessage) { tell(n, tree.AtHostKeeper, m) }

func (n *Node) hostKeeperChild() supervision.Child {
	return supervision.WorkerSpec[hostKeeperMessage]{
		Name: "hostkeeper",
		New: func() supervision.Actor[hostKeeperMessage] {
			return &hostKeeper{n: n, watched: make(map[uint64]bool)}
		},
	}.Child()
}

// Start implements supervision.Actor.
func (k *hostKeeper) Start(c *supervision.Context[hostKeeperMessage]) error {
	h := &k.n.hostActors
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, child := range h.children {
		if err := c.Tree().Spawn(tree.AtHost, child.Child); err != nil && !errors.Is(err, supervision.ErrExists) {
			return err
		}
		k.watch(c, lookAfter{child.Name(), child.number})
	}
	return nil
}

// Receive implements supervision.Actor.
func (k *hostKeeper) Receive(c *supervision.Context[hostKeeperMessage], message hostKeeperMessage) {
	switch m := message.(type) {
	case lookAfter:
		k.watch(c, m)
	case childGone:
		if m.down.Restarting {
			return
		}
		delete(k.watched, m.number)
		if goneForGood(m.down.Reason.Reason) {
			k.n.hostActors.forget(m.number)
		}
	}
}

// Stop implements supervision.Actor.
func (*hostKeeper) Stop(*supervision.Context[hostKeeperMessage]) {}

func (k *hostKeeper) watch(c *supervision.Context[hostKeeperMessage], entry lookAfter) {
	if !k.watched[entry.number] {
		k.watched[entry.number] = true
		c.Monitor(tree.AtHostActor(entry.name), func(d supervision.Down) hostKeeperMessage { return childGone{entry.number, d} })
	}
}

// goneForGood reports whether a child that left the tree for this reason is not
// to come back: it ended by itself. One that was stopped went with its
// supervisor, or was dismissed.
func goneForGood(reason supervision.Reason) bool {
	return reason != supervision.ReasonShutdown && reason != supervision.ReasonNoActor
}
