package actors

import (
	"context"
	"errors"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/journal"
)

// withdrawWithin is how long a caller whose context has ended waits to learn what
// became of its operation: a store that runs says so at once.
const withdrawWithin = 2 * time.Second

// because is a Problem that has a cause for programs, too: both can be matched.
type because struct {
	messages.Problem
	cause error
}

// Unwrap gives the Problem and the cause to errors.Is and errors.As.
func (b because) Unwrap() []error { return []error{b.Problem, b.cause} }

// withdraw has the store do an operation no more, for its caller waits no longer,
// and says what came of it: it was done all the same, or it never will be, or that
// cannot be known.
func (n *Node) withdraw(
	ctx context.Context, cx messages.ContextID, what string, operation messages.OperationID, answer <-chan journal.Reply,
) (journal.Reply, error) {
	more, cancel := context.WithTimeoutCause(context.Background(), withdrawWithin, context.Cause(ctx))
	defer cancel()
	reply, err := ask(more, n, answer, func() { n.tellStore(cx, messages.Withdraw{Operation: operation}) })
	switch {
	case err != nil:
		return journal.Reply{}, unknown(what, err)
	case reply.Refusal == journal.Withdrawn:
		return reply, n.withdrawn(ctx, cx, what)
	}
	return reply, n.refused(what, reply.Refusal)
}

// withdrawn is what the host is told of an operation that was not begun before ctx
// ended, and never will be.
func (n *Node) withdrawn(ctx context.Context, cx messages.ContextID, what string) error {
	problem := messages.Problem{Code: messages.ExitFailed, What: what, Whose: "the caller left before it was begun, so nothing was done"}
	cause := context.Cause(ctx)
	var ended messages.Problem
	switch {
	case errors.As(cause, &ended): // it was not the caller: whoever ended ctx says why
		problem.Code, problem.Whose, problem.Hint = ended.Code, ended.What+" before it was begun, so nothing was done", ended.Hint
	case errors.Is(cause, context.DeadlineExceeded):
		problem.Code, problem.Whose, problem.Hint = messages.ExitWaiting, "it was not begun in time, so nothing was done", "again, with more time"
	}
	if view := n.views.View(cx); view != nil && !view.MayWrite {
		problem.Whose += "; the node waits for a peer that may hold more of its own facts, after a start for 5 s"
	}
	return because{problem, cause}
}

// unknown is what the host is told of an operation of which it cannot be known
// whether it is done.
func unknown(what string, cause error) error {
	problem := messages.Problem{
		Code: messages.ExitWaiting, What: what, Whose: "the journal did not answer in time, so it may still be done",
		Hint: "look whether it was done before you ask again",
	}
	if errors.Is(cause, ErrStopped) {
		problem.Code, problem.Whose = messages.ExitNoNode, "the node has stopped before the journal answered, so it may be done"
	}
	return because{problem, cause}
}
