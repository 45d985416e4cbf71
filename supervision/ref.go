package supervision

import (
	"errors"
	"fmt"
	"sync/atomic"
)

var (
	// ErrMailboxFull: the bounded lane of the actor is full; nothing was kept.
	ErrMailboxFull = errors.New("supervision: mailbox is full")
	// ErrNoActor: no actor has that path (yet, or any more).
	ErrNoActor = errors.New("supervision: no such actor")
	// ErrStopped: the tree, or the supervisor asked, has ended or is stopping.
	ErrStopped = errors.New("supervision: stopped")
	// ErrExists: an actor with that path lives already.
	ErrExists = errors.New("supervision: actor exists")
	// ErrInbox: the actor takes messages of another type.
	ErrInbox = errors.New("supervision: actor has another inbox type")
	// ErrNotDynamic: the supervisor's children are fixed.
	ErrNotDynamic = errors.New("supervision: supervisor is not dynamic")
)

// Ref is the address of an actor whose inbox type is M. It stays good over
// restarts, and when the path is spawned again. The zero Ref leads nowhere. A
// Ref may be copied and used by any goroutine.
type Ref[M any] struct{ to *target[M] }

// target is a path and the last worker found there.
type target[M any] struct {
	tree   *Tree
	path   string
	worker atomic.Pointer[worker[M]]
}

// Lookup returns the address of path. The actor is looked for when something is
// told to it, so it may not exist yet.
func Lookup[M any](t *Tree, path string) Ref[M] {
	return Ref[M]{&target[M]{tree: t, path: path}}
}

// Path is where the address points; empty for the zero Ref.
func (r Ref[M]) Path() string {
	if r.to == nil {
		return ""
	}
	return r.to.path
}

// Tell puts m into the actor's mailbox and never blocks. While the actor is
// being started or restarted the message waits for it. It returns
// ErrMailboxFull, ErrNoActor, ErrInbox or, when the tree has ended, ErrStopped.
// A nil error does not say that the message will be handled: the actor may
// crash on it or be stopped before.
func (r Ref[M]) Tell(m M) error { return r.tell(m, nil) }

// ask is Tell of a question.
func (r Ref[M]) ask(m M, q asked) error { return r.tell(m, q) }

func (r Ref[M]) tell(m M, q asked) error {
	if r.to == nil {
		return ErrNoActor
	}
	if w := r.to.worker.Load(); w != nil {
		if err := w.tell(m, q); err != errShut {
			return err
		}
	}
	w, err := r.to.resolve()
	if err != nil {
		return err
	}
	if err := w.tell(m, q); err != errShut {
		return err
	}
	return ErrNoActor
}

// resolve finds the worker at the path and remembers it.
func (t *target[M]) resolve() (*worker[M], error) {
	cell, err := t.tree.find(t.path)
	if err != nil {
		return nil, err
	}
	w, ok := cell.body.(*worker[M])
	if !ok {
		return nil, fmt.Errorf("%w: %s", ErrInbox, t.path)
	}
	t.worker.Store(w)
	return w, nil
}

// tell offers m to the mailbox; errShut means that the worker lost its place.
func (w *worker[M]) tell(m M, q asked) error {
	e := envelope{message: m}
	if q != nil {
		e.extra = &extra{ask: q} // it must be delivered: somebody waits
	} else {
		e = w.envelope(m)
	}
	if w.cell.tree.config.Chaos != nil {
		return w.cell.tellThroughChaos(e)
	}
	return w.cell.offer(e)
}

// envelope puts m into an envelope.
func (w *worker[M]) envelope(m M) envelope {
	e := envelope{message: m}
	if w.sort != nil {
		if sort := w.sortOf(m); sort != (Sort{}) {
			e.extra = &extra{sort: sort}
		}
	}
	return e
}

// sortOf is the class of m. A Sort that panics must not hurt who tells: what it
// cannot sort must be delivered.
func (w *worker[M]) sortOf(m M) (s Sort) {
	defer func() { _ = recover() }()
	return w.sort(m)
}

// fate is what chaos has in store for a message.
func (c *cell) fate(e envelope) Fate {
	fate := c.tree.config.Chaos.Told(Delivery{
		Path: c.path, Message: typeName(e.message), Class: e.class(), Seq: c.counters.told.Add(1),
	})
	if fate.Suspend > 0 {
		c.box.suspend(true)
		c.tree.config.Runtime.AfterFunc(fate.Suspend, func() { c.tree.Resume(c.path) })
	}
	return fate
}

// tellThroughChaos offers a message as often and as late as chaos has it.
func (c *cell) tellThroughChaos(e envelope) error {
	fate := c.fate(e)
	switch {
	case fate.Drop:
		return nil
	case fate.Delay > 0:
		c.later(e, fate)
		return nil
	}
	return c.offerTimes(e, 1+fate.Again)
}

// later offers a message after a while; if it finds no room then, it is lost.
func (c *cell) later(e envelope, fate Fate) {
	c.tree.config.Runtime.AfterFunc(fate.Delay, func() {
		if err := c.offerTimes(e, 1+fate.Again); err != nil && e.extra != nil && e.extra.ask != nil {
			e.extra.ask.fail(&AskError{Path: c.path, Err: err})
		}
	})
}

// offerTimes offers a message so often; the first error counts.
func (c *cell) offerTimes(e envelope, times int) error {
	for range times {
		if err := c.offer(e); err != nil {
			return err
		}
	}
	return nil
}

func (c *cell) offer(e envelope) error { return c.heed(c.box.offer(e)) }

func (c *cell) overloaded() {
	c.tree.report(Overloaded{Path: c.path, Incarnation: c.current(), Limit: c.child.mailbox})
}

// heed counts what became of a message that was offered, and says so to who
// told it.
func (c *cell) heed(v verdict, first bool) error {
	if first {
		c.overloaded()
	}
	switch v {
	case replaced:
		c.counters.replaced.Add(1)
	case dropped, displaced:
		c.counters.dropped.Add(1)
	case full:
		c.counters.refused.Add(1)
		return ErrMailboxFull
	case refusal:
		return errShut
	}
	return nil
}
