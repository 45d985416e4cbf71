package supervision

import "time"

// Runtime is where a tree's time, goroutines and turns come from. Production
// has that of the system; package virtual has one on a single thread, whose
// clock and order of steps follow from a seed.
type Runtime interface {
	// Now is the time.
	Now() time.Time
	// AfterFunc calls f once, d from now. f does not block.
	AfterFunc(d time.Duration, f func()) Timer
	// Go runs the work of a task. It may block only where goroutines are real.
	Go(work func())
	// Schedule runs a mailbox that has work; it does not run it at once.
	Schedule(run func())
	// Batch is how many messages a mailbox may handle before others get a turn.
	Batch() int
}

// Timer is what AfterFunc started; *time.Timer is one.
type Timer interface {
	// Stop takes it off, and reports whether it had not fired yet.
	Stop() bool
	// Reset makes it fire d from now.
	Reset(d time.Duration) bool
}

// systemRuntime is the clock and the scheduler of Go.
type systemRuntime struct{}

func (systemRuntime) Now() time.Time                            { return time.Now() }
func (systemRuntime) AfterFunc(d time.Duration, f func()) Timer { return time.AfterFunc(d, f) }
func (systemRuntime) Go(work func())                            { go work() }
func (systemRuntime) Schedule(run func())                       { go run() }
func (systemRuntime) Batch() int                                { return 256 }
