package supervision

import (
	"log/slog"
	"time"
)

// Actor is what a worker runs; M is its inbox type, best a sealed interface.
// The methods are called one at a time, never concurrently.
type Actor[M any] interface {
	// Start begins the life. The supervisor is told that the actor is ready
	// when it returns nil; an error counts as a crash. It must not block on
	// another actor.
	Start(c *Context[M]) error
	// Receive handles one message.
	Receive(c *Context[M], m M)
	// Stop ends the life cleanly. It is not called after a crash.
	Stop(c *Context[M])
}

// Context is how one life of an actor reaches the world. It must not be used by
// any goroutine but the one that runs the actor, Live and Self excepted, and
// not after the life.
type Context[M any] struct {
	worker *worker[M]
	life   life

	wakeAt   time.Time
	wake     M
	monitors map[uint64]watch[M]
	stopSelf bool
	logger   *slog.Logger
}

// Now is the time of the tree's clock.
func (c *Context[M]) Now() time.Time { return c.worker.cell.tree.now() }

// Path is the actor's place in the tree.
func (c *Context[M]) Path() string { return c.worker.cell.path }

// Incarnation is the number of this life.
func (c *Context[M]) Incarnation() Incarnation { return c.life.number }

// Self is the actor's own address. A message told to it during Start is
// handled after Start.
func (c *Context[M]) Self() Ref[M] { return c.worker.self() }

// Tree is the tree the actor lives in.
func (c *Context[M]) Tree() *Tree { return c.worker.cell.tree }

// Live reports whether this life is still the current one. It turns false for
// an actor that was abandoned as stuck while it was busy: from then on another
// life may be running, and this one should do nothing more.
func (c *Context[M]) Live() bool { return !c.life.over.Load() }

// Log is the tree's logger with the actor's path and incarnation.
func (c *Context[M]) Log() *slog.Logger {
	if c.logger == nil {
		c.logger = c.Tree().config.Logger.With("actor", c.Path(), "incarnation", uint64(c.Incarnation()))
	}
	return c.logger
}

// StopSelf ends the actor normally after the current message, by a clean stop.
// A Permanent actor is then started again.
func (c *Context[M]) StopSelf() { c.stopSelf = true }
