package journal

import (
	"testing"

	"github.com/waymeet/waymeet/messages"
)

// withdraw withdraws an operation and returns the replies that came, of which each
// is to that operation.
func (n *node) withdraw(operation messages.OperationID) []Reply {
	n.t.Helper()
	before := len(n.replies)
	n.step(start, messages.Withdraw{Operation: operation})
	return n.replies[before:]
}

// isWithdrawn reports whether one reply came, and says that nothing was done.
func isWithdrawn(replies []Reply, operation messages.OperationID) bool {
	return len(replies) == 1 && replies[0].Operation == operation && replies[0].Refusal == Withdrawn && replies[0].Facts == nil
}

// Who is not waited for any more is not done later, whatever it waits for: the pen,
// or its turn behind a write. What was asked for beside it is done.
func TestWithdrawnOperationIsNeverDone(t *testing.T) {
	for _, test := range []struct {
		name     string
		ask      func(messages.OperationID) messages.JournalMessage
		hinder   func(ana, ben *node)
		released func(ana, ben *node)
	}{
		{
			"a commit that is held", func(operation messages.OperationID) messages.JournalMessage { return noteOf(operation) },
			func(ana, ben *node) { ana.claim(start, ben, ana.journal.own().head+1) },
			func(ana, ben *node) { ana.claim(start, ben, ana.journal.own().head) },
		},
		{
			"a rotation that is held", rotation,
			func(ana, ben *node) { ana.claim(start, ben, ana.journal.own().head+1) },
			func(ana, ben *node) { ana.claim(start, ben, ana.journal.own().head) },
		},
		{
			"a rotation behind a write", rotation,
			func(ana, _ *node) { ana.hold = true; ana.step(start, noteOf(messages.OperationID{70})) },
			func(ana, _ *node) { ana.release(start) },
		},
		{
			"a commit behind a rotation", func(operation messages.OperationID) messages.JournalMessage { return noteOf(operation) },
			func(ana, _ *node) {
				ana.hold = true
				ana.step(start, noteOf(messages.OperationID{70}))
				ana.step(start, rotation(messages.OperationID{72}))
			},
			func(ana, _ *node) { ana.release(start) },
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			ana, ben, _ := trio(t)
			withdrawn, other := messages.OperationID{80}, messages.OperationID{81}
			test.hinder(ana, ben)
			ana.step(start, test.ask(withdrawn))
			ana.step(start, test.ask(other))
			if replies := ana.withdraw(withdrawn); !isWithdrawn(replies, withdrawn) {
				t.Errorf("it is answered with %+v", replies)
			}
			test.released(ana, ben)
			if ana.journal.done.has(withdrawn) || !ana.journal.done.has(other) {
				t.Errorf("done: the withdrawn one %t, the other one %t", ana.journal.done.has(withdrawn), ana.journal.done.has(other))
			}
			if replies := ana.withdraw(withdrawn); !isWithdrawn(replies, withdrawn) {
				t.Errorf("withdrawn once more it is answered with %+v", replies)
			}
		})
	}
}

// What is being done is done: it is answered once, when it is on disk, and to
// whoever asks after that, in a later life too.
func TestWithdrawComesTooLate(t *testing.T) {
	ana, _, _ := trio(t)
	ana.hold = true
	written, formed := messages.OperationID{80}, messages.OperationID{81}
	ana.step(start, noteOf(written))
	ana.step(start, noteOf(formed))
	for _, operation := range []messages.OperationID{written, formed} {
		if replies := ana.withdraw(operation); len(replies) != 0 {
			t.Fatalf("it is answered before it is on disk: %+v", replies)
		}
	}
	before := len(ana.replies)
	ana.release(start)
	if replies := ana.replies[before:]; len(replies) != 2 || replies[0].Refusal != "" || replies[1].Refusal != "" {
		t.Fatalf("answered with %+v", replies)
	}
	ana.restart(start)
	for at, operation := range []messages.OperationID{written, formed} {
		replies := ana.withdraw(operation)
		if len(replies) != 1 || replies[0].Refusal != "" || replies[0].Facts[0] != ana.replies[before+at].Facts[0] {
			t.Errorf("after a restart it is answered with %+v", replies)
		}
	}
}

// What was in a write that failed is not said to be done.
func TestWithdrawAfterTheJournalHasStopped(t *testing.T) {
	ana, _, _ := trio(t)
	ana.fail = "the disk is gone"
	ana.step(start, noteOf(messages.OperationID{80}))
	if replies := ana.withdraw(messages.OperationID{80}); len(replies) != 1 || replies[0].Refusal != ana.journal.failed || replies[0].Facts != nil {
		t.Errorf("answered with %+v", replies)
	}
}
