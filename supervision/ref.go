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
func (r Ref[M]) Tell(m M) error {
	if r.to == nil {
		return ErrNoActor
	}
	if w := r.to.worker.Load(); w != nil {
		if err := w.tell(m); err != errShut {
			return err
		}
	}
	w, err := r.to.resolve()
	if err != nil {
		return err
	}
	if err := w.tell(m); err != errShut {
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
func (w *worker[M]) tell(m M) error {
	if w.cell.tree.config.Chaos != nil {
		return w.tellThroughChaos(m)
	}
	return w.offer(m)
}

// tellThroughChaos offers m as often and as late as chaos has it.
func (w *worker[M]) tellThroughChaos(m M) error {
	fate := w.cell.tree.config.Chaos.Told(Delivery{
		Path: w.cell.path, Message: typeName(m), Seq: w.cell.told.Add(1),
	})
	switch {
	case fate.Drop:
		return nil
	case fate.Delay > 0:
		w.cell.tree.config.Runtime.AfterFunc(fate.Delay, func() { _ = w.offerTimes(m, 1+fate.Again) })
		return nil
	}
	return w.offerTimes(m, 1+fate.Again)
}

// offerTimes offers m so often; the first error counts.
func (w *worker[M]) offerTimes(m M, times int) error {
	for range times {
		if err := w.offer(m); err != nil {
			return err
		}
	}
	return nil
}

func (w *worker[M]) offer(m M) error {
	err := w.cell.box.offer(envelope{message: m})
	if err == ErrMailboxFull {
		w.cell.refused.Add(1)
	}
	return err
}
