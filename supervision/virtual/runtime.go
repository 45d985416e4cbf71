// Package virtual runs supervision trees on one thread, in virtual time. Begin
// one with supervision.Launch, end it with Tree.Shutdown, and step in between:
// Start and Stop would wait for ever, since nobody else steps meanwhile. What
// is ready runs in an order drawn from a seed, one message at a time; when
// nothing is ready the clock jumps to the next timer. The same seed and the same
// inputs give the same run, step by step, so a run that went wrong can be run
// again.
//
// Several trees may share one Runtime. Nothing may block, for there is nobody
// else to go on meanwhile: work given to Task must not wait, nor emit more than
// the mailbox has room for, and an actor must not call runtime.Goexit, which ends
// the thread. A tree's watchdog has a timer that never ends, so Step never runs
// out of work in a tree whose Config.BlockedAfter is not negative: use RunFor. It
// imports supervision and the standard
// library. Start reading at Runtime.Step.
package virtual

import (
	"container/heap"
	"math/rand/v2"
	"time"

	"github.com/waymeet/waymeet/supervision"
)

// batch is how many messages a mailbox handles in a step: the order of any two
// messages to different actors is then the seed's.
const batch = 1

// Runtime implements supervision.Runtime. It is not safe for concurrent use:
// whoever calls Step is the thread that everything runs on.
type Runtime struct {
	rng   *rand.Rand
	now   time.Time
	ready []*step
	due   timers
	last  uint64 // numbers the timers
	steps uint64
}

var _ supervision.Runtime = (*Runtime)(nil)

// step is something to run: at once, or when its time comes.
type step struct {
	run    func()
	at     time.Time
	serial uint64
	slot   int  // in due; -1: not there
	over   bool // it ran, or was taken off
}

// New returns a Runtime whose clock stands at start.
func New(seed uint64, start time.Time) *Runtime {
	return &Runtime{rng: rand.New(rand.NewPCG(seed, 0x7669727475616c)), now: start}
}

// Now is the virtual time.
func (r *Runtime) Now() time.Time { return r.now }

// Steps counts what has run.
func (r *Runtime) Steps() uint64 { return r.steps }

// Batch is one message.
func (r *Runtime) Batch() int { return batch }

// Schedule makes run ready.
func (r *Runtime) Schedule(run func()) { r.ready = append(r.ready, &step{run: run, slot: -1}) }

// Go makes the work of a task ready; it is one step.
func (r *Runtime) Go(run func()) { r.Schedule(run) }

// AfterFunc makes f ready d from now.
func (r *Runtime) AfterFunc(d time.Duration, f func()) supervision.Timer {
	t := &timer{runtime: r, f: f}
	t.Reset(d)
	return t
}

// Step runs one thing that is ready, any of them alike. When nothing is, the
// clock first jumps to the earliest timer. It reports false when nothing is left
// to run.
func (r *Runtime) Step() bool { return r.stepBy(endOfTime) }

// endOfTime is later than any timer.
var endOfTime = time.Unix(1<<60, 0)

// stepBy is Step of what is ready or due by then.
func (r *Runtime) stepBy(t time.Time) bool {
	for {
		if len(r.ready) == 0 && !r.advance(t) {
			return false
		}
		if s := r.pick(); !s.over {
			s.over = true
			r.steps++
			s.run()
			return true
		}
	}
}

// RunUntil steps until nothing is left to be run by t, t included, then sets the
// clock to t.
func (r *Runtime) RunUntil(t time.Time) {
	for r.stepBy(t) {
	}
	if t.After(r.now) {
		r.now = t
	}
}

// RunFor is RunUntil d from now.
func (r *Runtime) RunFor(d time.Duration) { r.RunUntil(r.now.Add(d)) }

// Settle steps until nothing is ready, without advancing the clock.
func (r *Runtime) Settle() { r.RunUntil(r.now) }

// pick takes one of what is ready, by the seed.
func (r *Runtime) pick() *step {
	i, last := r.rng.IntN(len(r.ready)), len(r.ready)-1
	s := r.ready[i]
	r.ready[i], r.ready[last] = r.ready[last], nil
	r.ready = r.ready[:last]
	return s
}

// advance moves the clock to the earliest timer, if that is due by then, and
// makes all of that time ready.
func (r *Runtime) advance(by time.Time) bool {
	if len(r.due) == 0 || r.due[0].at.After(by) {
		return false
	}
	if at := r.due[0].at; at.After(r.now) {
		r.now = at
	}
	for len(r.due) > 0 && !r.due[0].at.After(r.now) {
		r.ready = append(r.ready, heap.Pop(&r.due).(*step))
	}
	return true
}

// timer is what AfterFunc returns: the step it waits for is made anew by every
// Reset.
type timer struct {
	runtime *Runtime
	f       func()
	step    *step
}

// Stop implements supervision.Timer.
func (t *timer) Stop() bool {
	was := !t.step.over
	t.step.over = true
	if t.step.slot >= 0 {
		heap.Remove(&t.runtime.due, t.step.slot)
	}
	return was
}

// Reset implements supervision.Timer.
func (t *timer) Reset(d time.Duration) bool {
	was := t.step != nil && t.Stop()
	r := t.runtime
	r.last++
	t.step = &step{run: t.f, at: r.now.Add(max(0, d)), serial: r.last}
	heap.Push(&r.due, t.step)
	return was
}

// timers are ordered by time, then by when they were started.
type timers []*step

// Len implements heap.Interface.
func (t timers) Len() int { return len(t) }

// Less implements heap.Interface.
func (t timers) Less(i, j int) bool {
	if t[i].at.Equal(t[j].at) {
		return t[i].serial < t[j].serial
	}
	return t[i].at.Before(t[j].at)
}

// Swap implements heap.Interface.
func (t timers) Swap(i, j int) {
	t[i], t[j] = t[j], t[i]
	t[i].slot, t[j].slot = i, j
}

// Push implements heap.Interface.
func (t *timers) Push(x any) {
	s := x.(*step)
	s.slot = len(*t)
	*t = append(*t, s)
}

// Pop implements heap.Interface.
func (t *timers) Pop() any {
	last := len(*t) - 1
	s := (*t)[last]
	(*t)[last] = nil
	*t = (*t)[:last]
	s.slot = -1
	return s
}
