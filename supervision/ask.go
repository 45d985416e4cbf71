package supervision

import (
	"context"
	"errors"
	"sync/atomic"
)

// ErrNoAnswer: the actor that was asked ended before it answered. What it did
// with the question is not known.
var ErrNoAnswer = errors.New("supervision: no answer")

// AskError tells why a question has no answer. It is ErrNoAnswer too.
type AskError struct {
	Path string
	Err  error // the *Exit of the life that heard the question, or why none did
}

// Error names the actor and what became of it.
func (e *AskError) Error() string {
	return ErrNoAnswer.Error() + " from " + e.Path + ": " + e.Err.Error()
}

// Is reports whether target is ErrNoAnswer.
func (e *AskError) Is(target error) bool { return target == ErrNoAnswer }

// Unwrap returns the reason.
func (e *AskError) Unwrap() error { return e.Err }

// Reply is where the answer to a question goes. It may be kept, and used by any
// goroutine; the zero Reply goes nowhere.
type Reply[A any] struct{ to *question[A] }

// Send answers. The first answer counts, and it is no error if nobody waits any
// more.
func (r Reply[A]) Send(answer A) {
	if r.to != nil {
		r.to.end(outcome[A]{answer: answer})
	}
}

// Ask tells the actor the message that ask makes of a Reply, and waits for the
// answer. It returns what Tell returns when the question could not be told; an
// *AskError as soon as the life that heard it ended without an answer, or the
// actor left the tree; and ctx's error when that came first. A question that
// waits in the mailbox survives a restart like any message; that of an actor in
// quarantine waits until the next life is tried, or ctx ends.
//
// A question must be delivered, whatever WorkerSpec.Sort says of the message.
//
// It blocks: an actor must not call it, nor the work of a task in virtual time.
// Between actors, tell the question and have the answer told back.
func Ask[M, A any](ctx context.Context, to Ref[M], ask func(Reply[A]) M) (A, error) {
	q := &question[A]{done: make(chan outcome[A], 1)}
	if err := to.ask(ask(Reply[A]{q}), q); err != nil {
		var none A
		return none, err
	}
	select {
	case o := <-q.done:
		return o.answer, o.err
	case <-ctx.Done():
		q.over.Store(true)
		var none A
		return none, context.Cause(ctx)
	}
}

// question is one call of Ask.
type question[A any] struct {
	over atomic.Bool
	done chan outcome[A] // room for one
}

type outcome[A any] struct {
	answer A
	err    error
}

// end gives the outcome, the first one.
func (q *question[A]) end(o outcome[A]) {
	if q.over.CompareAndSwap(false, true) {
		q.done <- o
	}
}

// asked is a question, whatever its answer.
type asked interface {
	fail(*AskError)
	answered() bool
}

func (q *question[A]) fail(err *AskError) { q.end(outcome[A]{err: err}) }
func (q *question[A]) answered() bool     { return q.over.Load() }

// failAsks fails the questions among messages that nobody will hear.
func failAsks(waiting queue[envelope], path string, why error) {
	for ; waiting.n > 0; waiting.pop() {
		if e := waiting.front(); e.extra != nil && e.extra.ask != nil {
			e.extra.ask.fail(&AskError{Path: path, Err: why})
		}
	}
}
