package actors

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/journal"
)

// Append appends a fact of the host's own type to the journal of a context and
// returns when it is on disk (SPEC 3.5). Where ctx ends before that, see withdraw.
func (n *Node) Append(ctx context.Context, cx messages.ContextID, fact messages.ApplicationFact) (messages.FactID, error) {
	if !fact.Type.IsApplication() {
		return messages.FactID{}, messages.Problem{
			Code: messages.ExitUsage, What: fmt.Sprintf("cannot append a fact of type %d", fact.Type),
			Whose: fmt.Sprintf("types below %d are Waymeet's own", uint16(messages.FactApplication)),
			Hint:  fmt.Sprintf("a type from %d up", uint16(messages.FactApplication)),
		}
	}
	if len(fact.Body) > messages.MaxPlaintext {
		return messages.FactID{}, messages.Problem{
			Code: messages.ExitUsage, What: "cannot append the fact", Whose: fmt.Sprintf("its body has %d bytes, and %d are the most", len(fact.Body), messages.MaxPlaintext),
			Hint: "several facts, or a file that is sent",
		}
	}
	reply, err := n.operate(ctx, cx, "cannot append the fact", func(operation messages.OperationID) messages.JournalMessage {
		return messages.Commit{Operation: operation, Facts: []messages.RendezvousFact{fact}}
	})
	if err != nil {
		return messages.FactID{}, err
	}
	return reply.Facts[0], nil
}

// Remove takes a member away from a context and returns when that is on disk:
// the others get new keys, and the member's channels close (SPEC 2.2, 8.4).
func (n *Node) Remove(ctx context.Context, cx messages.ContextID, member messages.AuthorityID) error {
	_, err := n.operate(ctx, cx, "cannot remove "+member.Short(), func(operation messages.OperationID) messages.JournalMessage {
		return messages.RemoveMember{Operation: operation, Member: member}
	})
	return err
}

// Rotate gives all members of a context new keys and returns when that is on
// disk (SPEC 2.2).
func (n *Node) Rotate(ctx context.Context, cx messages.ContextID) error {
	_, err := n.operate(ctx, cx, "cannot rotate the keys", func(operation messages.OperationID) messages.JournalMessage {
		return messages.AdvanceEpoch{Operation: operation}
	})
	return err
}

// refused is what the host is told of an operation that was not done; nil: it was.
func (n *Node) refused(what, why string) error {
	if why == "" {
		return nil
	}
	problem := messages.Problem{Code: messages.ExitFailed, What: what, Whose: why, Hint: "see `waymeet status`"}
	var stopped messages.Problem
	if errors.As(n.Err(), &stopped) { // the journal said so before it refused
		problem.Hint = stopped.Hint
	}
	return problem
}

// operate has the store do something once, however often it is asked for, and
// returns what came of it. What says what failed, if it does. Nothing is asked for
// when ctx has ended already, and what it ends for is withdrawn.
func (n *Node) operate(
	ctx context.Context, cx messages.ContextID, what string, message func(messages.OperationID) messages.JournalMessage,
) (journal.Reply, error) {
	var operation messages.OperationID
	if _, err := rand.Read(operation[:]); err != nil {
		return journal.Reply{}, err
	}
	if n.views.View(cx) == nil {
		return journal.Reply{}, n.noView(cx)
	}
	switch {
	case ctx.Err() != nil:
		return journal.Reply{}, n.withdrawn(ctx, cx, what)
	case n.closing.Err() != nil:
		return journal.Reply{}, ErrStopped
	}
	answer := n.commits.open(operation)
	defer n.commits.close(operation)
	reply, err := ask(ctx, n, answer, func() { n.tellStore(cx, message(operation)) })
	switch {
	case err == nil:
		return reply, n.refused(what, reply.Refusal)
	case ctx.Err() != nil:
		return n.withdraw(ctx, cx, what, operation, answer)
	}
	return journal.Reply{}, unknown(what, err)
}
