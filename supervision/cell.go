package supervision

import (
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"
)

// body is what lives in a cell: a worker or a supervisor. Its methods run on
// the cell's mailbox, one at a time.
type body interface {
	handle(control)
	deliver(envelope)
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
	leaveLate struct{ number Incarnation } // tasks of a life that ends by itself had their time
	pause     struct{ on bool }            // Tree.Suspend and Resume
	discard   struct{}                     // the cell has no place in the tree any more
	drainOver struct{}                     // tasks of a discarded cell had their time
)

func (beginLife) isControl()  {}
func (endLife) isControl()    {}
func (killLife) isControl()   {}
func (wakeLife) isControl()   {}
func (taskDone) isControl()   {}
func (downNotice) isControl() {}
func (leaveLate) isControl()  {}
func (pause) isControl()      {}
func (discard) isControl()    {}
func (drainOver) isControl()  {}

// cell is one actor of protoactor: a path, a mailbox and a body. It outlives
// the lives of its body, so protoactor never restarts it, never sees it panic
// and knows no children of it; those are the parts of protoactor that lose
// messages, stacks or whole actors.
type cell struct {
	tree   *Tree
	parent *cell // nil: the root
	child  *Child
	path   string
	body   body
	pid    *actor.PID
	life   atomic.Pointer[life] // the last one begun

	// Owned by the mailbox's run.
	phase      Phase
	paused     []control // notices that wait while it is suspended
	drain      Timer
	discarding bool
	suspended  bool

	lives atomic.Uint64 // how many were begun
	state atomic.Int32  // a State
	tasks taskList

	// Guarded by tree.mu.
	settled  bool             // the tree does not wait for it any more
	told     bool             // that it is stuck
	watching bool             // it has, or had, monitors
	children map[string]*cell // of a supervisor; nil: a worker

	// What others write while it runs stands last, away from what it reads.
	counters counters
	box      mailbox
}

// counters are what Inspect counts.
type counters struct {
	stale    atomic.Uint64 // messages of dead lives that were dropped
	refused  atomic.Uint64 // messages refused because the mailbox was full
	dropped  atomic.Uint64 // droppable messages lost because it was full
	replaced atomic.Uint64 // messages that a later one of their key replaced
	told     atomic.Uint64 // messages told; only with chaos
}

// adopt goes on counting where another left off.
func (n *counters) adopt(old *counters) {
	n.stale.Store(old.stale.Load())
	n.refused.Store(old.refused.Load())
	n.dropped.Store(old.dropped.Load())
	n.replaced.Store(old.replaced.Load())
	n.told.Store(old.told.Load())
}

// Receive is called by protoactor, which has but one thing to say here: the
// mailbox hands messages over itself.
func (c *cell) Receive(pc actor.Context) {
	if _, stopped := pc.Message().(*actor.Stopped); stopped {
		c.box.close()
		c.tree.settle(c)
	}
}

// obey takes a message of the control lane.
func (c *cell) obey(m control) {
	switch m := m.(type) {
	case discard:
		c.discard()
	case drainOver:
		c.drained(true)
	default:
		if c.discarding {
			if done, ok := m.(taskDone); ok && done.crash != nil {
				c.crashed(done.number, done.crash)
			}
			c.drained(false)
			return
		}
		if !c.postpone(m) {
			c.body.handle(m)
		}
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
func (c *cell) open(l *life) {
	c.life.Store(l)
	c.lives.Add(1)
	c.setState(StateStarting)
}

// acknowledge tells the parent that the life has started.
func (c *cell) acknowledge(l *life) {
	c.setState(StateUp)
	defer func() { // whatever a hook does with the report
		if c.parent == nil {
			close(c.tree.up)
			return
		}
		c.parent.childUp(c.child.name, l.number)
	}()
	if c.tree.heard() {
		c.tree.report(Started{Path: c.path, Incarnation: l.number, Restarts: c.restarts()})
	}
}

// leave tells the parent that the life is over.
func (c *cell) leave(exit *Exit) {
	c.phase = Idle
	c.setState(StateDown)
	defer func() { // whatever a hook does with the report
		if c.parent == nil {
			c.tree.ended(exit)
			return
		}
		c.parent.childExit(c.child.name, exit.Incarnation, exit)
	}()
	if !exit.Reason.Failure() && c.tree.heard() {
		c.tree.report(Stopped{exit})
	}
}

// crashed completes the report of a crash of life n and sends it out.
func (c *cell) crashed(n Incarnation, crash *Crash) {
	crash.Path, crash.Incarnation = c.path, n
	crash.At, crash.Phase, crash.Depth = c.tree.now(), c.phase, c.box.depth()
	crash.Last = c.box.steps()
	if crash.Phase != Idle {
		crash.Step = c.box.recorder.seq // written by this run alone
	}
	c.tree.report(Crashed{crash})
}

// childUp and childExit come from the cell of a child.
func (c *cell) childUp(name string, life Incarnation) {
	c.box.post(childUp{name, life})
}

func (c *cell) childExit(name string, life Incarnation, exit *Exit) {
	c.box.post(childExit{name, life, exit})
}

// fence ends the life from outside, whatever the actor is doing.
func (c *cell) fence() {
	if l := c.life.Load(); l != nil {
		l.end()
	}
}

// forsake fails the questions that the last life heard.
func (c *cell) forsake(why *Exit) {
	if l := c.life.Load(); l != nil {
		l.forsake(c.path, why)
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
