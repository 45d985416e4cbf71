package actorstest

import (
	"context"
	"time"

	"github.com/waymeet/waymeet/actors/tree"
	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/rendezvoustest"
	"github.com/waymeet/waymeet/supervision"
)

// actor runs a host of the played world at its place in the tree. It implements
// rendezvoustest.Actor.
type actor[M, F any] struct {
	tree *nodeTree
	path string
	ref  supervision.Ref[M]
	// context is that of the life whose effect is being performed.
	context *supervision.Context[M]
}

// adopt makes the actor at a path the one that runs the host.
func adopt[M, F any](t *nodeTree, path string, h *rendezvoustest.Host[M, F]) {
	if h.Actor() != nil {
		return
	}
	h.Run(&actor[M, F]{tree: t, path: path, ref: supervision.Lookup[M](t.tree, path)})
	if h.Died != nil {
		t.died[path] = h.Died
	}
}

// host makes a life of a machine: supervision.Host around it, as in package
// actors.
func host[M, F any](t *nodeTree, path string, h *rendezvoustest.Host[M, F]) tree.New[M] {
	return func() supervision.Actor[M] {
		if h.Gone() {
			return supervision.Host[M, F]{New: nothing[M, F]}.Actor()
		}
		return supervision.Host[M, F]{
			New: func(c *supervision.Context[M]) (supervision.Machine[M, F], error) {
				t.newest[path] = c.Incarnation()
				return traced[M, F]{h.Build(), &t.stage.trace}, nil
			},
			Perform: func(c *supervision.Context[M], effect F) { perform(t, h, c, effect) },
			Tick:    h.Tick, First: h.First(), Last: h.Last,
		}.Actor()
	}
}

// perform does one effect, if its life and its process are there.
func perform[M, F any](t *nodeTree, h *rendezvoustest.Host[M, F], c *supervision.Context[M], effect F) {
	if h.Gone() {
		return
	}
	if newest := t.newest[c.Path()]; newest != c.Incarnation() || !c.Live() {
		t.stage.world.Fault("%s: life %d of %s acts, the last one begun is %d", t.node, c.Incarnation(), c.Path(), newest)
	}
	a := h.Actor().(*actor[M, F])
	a.context = c
	defer func() { a.context = nil }()
	h.Perform(effect)
}

// Tell implements rendezvoustest.Actor. A message that finds no actor is lost,
// as in package actors.
func (a *actor[M, F]) Tell(m M) { _ = a.ref.Tell(m) }

// Task implements rendezvoustest.Actor. How long it takes is the stage's to
// say.
func (a *actor[M, F]) Task(name string, _ time.Duration, work func(emit func(M))) {
	t := a.tree
	a.context.Task(name, func(_ context.Context, emit func(M)) {
		if !t.halted {
			work(emit)
		}
	})
}

// Watch implements rendezvoustest.Actor.
func (a *actor[M, F]) Watch(id messages.AttemptID, m M) {
	tick := any(messages.Tick{}).(M)
	a.context.Monitor(tree.AtHandshake(id), func(down supervision.Down) M {
		if down.Reason.Reason.Failure() {
			return m
		}
		return tick // it ended by itself, and said how
	})
}

// Kill implements rendezvoustest.Actor.
func (a *actor[M, F]) Kill() { a.tree.tree.Kill(a.path) }

// End implements rendezvoustest.Actor.
func (a *actor[M, F]) End() {
	if a.context != nil {
		a.context.StopSelf()
		return
	}
	_ = a.tree.tree.StopChild(a.path) // it may have ended by itself
}

// still is the machine of a process that is gone.
type still[M, F any] struct{}

// Step does nothing.
func (still[M, F]) Step(time.Time, M) []F { return nil }

// Deadline is none.
func (still[M, F]) Deadline() time.Time { return time.Time{} }

func nothing[M, F any](*supervision.Context[M]) (supervision.Machine[M, F], error) {
	return still[M, F]{}, nil
}
