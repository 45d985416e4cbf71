package supervision

import (
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"
)

// body is what lives in a cell: a worker or a supervisor. Its methods run on
// the cell's mailbox, one at a time.
type body interface {
	handle(control)
	deliver(*envelope)
}

// parent hears from a cell about its lives; it is the supervisor's cell, or the
// tree for the root.
type parent interface {
	childUp(name string, life Incarnation)
	childExit(name string, life Incarnation, exit *Exit)
}

// control is a message of the control lane.
type control interface{ isControl() }

type (
	beginLife struct{ number Incarnation }
	endLife   struct{ number Incarnation }
	killLife  struct{ number Incarnation }
	wakeLife  struct{ number Incarnation }
	taskDone  struct {
		number Incarnation
		crash  *Crash // nil: it returned
	}
	downNotice struct {
		number Incarnation
		id     uint64
		down   Down
	}
	crewMessage struct{ event crewEvent }
	discard     struct{} // the cell has no place in the tree any more
	drainOver   struct{} // tasks of a discarded cell had their time
)

func (beginLife) isControl()   {}
func (endLife) isControl()     {}
func (killLife) isControl()    {}
func (wakeLife) isControl()    {}
func (taskDone) isControl()    {}
func (downNotice) isControl()  {}
func (crewMessage) isControl() {}
func (discard) isControl()     {}
func (drainOver) isControl()   {}

// cell is one actor of protoactor: a path, a mailbox and a body. It outlives
// the lives of its body, so protoactor never restarts it, never sees it panic
// and knows no children of it; those are the parts of protoactor that lose
// messages, stacks or whole actors.
type cell struct {
	tree   *Tree
	parent parent
	name   string
	path   string
	child  Child
	body   body
	box    *mailbox
	pid    *actor.PID

	life    atomic.Pointer[life] // the last one begun
	lives   atomic.Uint64        // how many were begun
	state   atomic.Int32         // a State
	stale   atomic.Uint64        // messages of dead lives that were dropped
	refused atomic.Uint64        // messages refused because the mailbox was full
	told    atomic.Uint64        // messages told, counted for chaos alone
	tasks   taskList

	// Guarded by tree.mu.
	children map[string]*cell
	settled  bool // the tree does not wait for it any more

	// Owned by the mailbox's run.
	phase      Phase
	points     uint64
	discarding bool
	drain      Timer
}

// Receive is called by protoactor.
func (c *cell) Receive(pc actor.Context) {
	switch m := pc.Message().(type) {
	case *envelope:
		c.body.deliver(m)
	case discard:
		c.discard()
	case drainOver:
		c.drained(true)
	case control:
		if c.discarding {
			c.drained(false)
			return
		}
		c.body.handle(m)
	case *actor.Stopped:
		c.box.close()
		c.tree.settle(c)
	}
}

// current is the number of the life if there is one.
func (c *cell) current() Incarnation {
	if l := c.life.Load(); l != nil && !l.over.Load() {
		return l.number
	}
	return 0
}

// open begins a life.
func (c *cell) open(n Incarnation) *life {
	l := &life{number: n}
	c.life.Store(l)
	c.lives.Add(1)
	c.setState(StateStarting)
	return l
}

// acknowledge tells the parent that the life has started.
func (c *cell) acknowledge(l *life) {
	c.setState(StateUp)
	c.tree.report(Started{Path: c.path, Incarnation: l.number, Restarts: c.restarts()})
	c.parent.childUp(c.name, l.number)
}

// leave tells the parent that the life is over.
func (c *cell) leave(exit *Exit) {
	c.phase = Idle
	c.setState(StateDown)
	if !exit.Reason.Failure() {
		c.tree.report(Stopped{exit})
	}
	c.parent.childExit(c.name, exit.Incarnation, exit)
}

// crashed completes the report of a crash of life n and sends it out.
func (c *cell) crashed(n Incarnation, crash *Crash) {
	crash.Path, crash.Incarnation = c.path, n
	crash.At, crash.Phase, crash.Depth = c.tree.now(), c.phase, c.box.depth()
	c.tree.report(Crashed{crash})
}

// childUp and childExit come from the cell of a child.
func (c *cell) childUp(name string, life Incarnation) {
	c.box.post(crewMessage{childUp{name, life}})
}

func (c *cell) childExit(name string, life Incarnation, exit *Exit) {
	c.box.post(crewMessage{childExit{name, life, exit}})
}

// fence ends the life from outside, whatever the actor is doing.
func (c *cell) fence() {
	if l := c.life.Load(); l != nil {
		l.end()
	}
}

// discard ends the cell, after tasks that still run had the time of a stop.
func (c *cell) discard() {
	if c.discarding {
		return
	}
	c.discarding = true
	if c.tasks.len() > 0 {
		c.drain = c.tree.config.Runtime.AfterFunc(c.child.stopWithin, func() { c.box.post(drainOver{}) })
		return
	}
	c.end()
}

// drained ends a discarded cell once no task is left, or when late.
func (c *cell) drained(late bool) {
	left := c.tasks.len()
	if c.drain == nil || left > 0 && !late {
		return
	}
	c.drain.Stop()
	c.drain = nil
	if left > 0 {
		c.tree.stuck(c, c.child.stopWithin)
	}
	c.end()
}

func (c *cell) end() {
	c.setState(StateGone)
	theSystem().Root.Stop(c.pid)
}

// restarts counts the lives after the first.
func (c *cell) restarts() uint64 { return max(c.lives.Load(), 1) - 1 }

func (c *cell) setState(s State) { c.state.Store(int32(s)) }
