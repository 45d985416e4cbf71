package journal

import (
	"testing"

	"github.com/waymeet/waymeet/messages"
)

// noteOf is the commit of one application fact under that operation.
func noteOf(operation messages.OperationID) messages.Commit {
	return messages.Commit{Operation: operation, Facts: []messages.RendezvousFact{
		messages.ApplicationFact{Type: messages.FactApplication},
	}}
}

// Who asks the journal asks again until it is answered. However long it waits, it
// is neither refused for that nor done twice.
func TestOperationIsHeldOnce(t *testing.T) {
	ana, ben, _ := trio(t)
	own, replies := ana.journal.ownHead(), len(ana.replies)
	ana.claim(start, ben, own+1)
	for range 2 * maxHeld {
		ana.step(start, noteOf(messages.OperationID{77}))
	}
	if len(ana.replies) != replies || len(ana.journal.held) != 1 {
		t.Fatalf("%d replies, it is held %d times", len(ana.replies)-replies, len(ana.journal.held))
	}
	ana.claim(start, ben, own)
	if head := ana.journal.ownHead(); len(ana.replies) != replies+1 || head != own+1 {
		t.Errorf("%d replies, our chain went from %d to %d", len(ana.replies)-replies, own, head)
	}
}

// What finds no room is not refused: it may be asked again, and it would be a
// lie to say that it is not done.
func TestOperationThatFindsNoRoomIsAskedAgain(t *testing.T) {
	ana, ben, _ := trio(t)
	own, replies := ana.journal.ownHead(), len(ana.replies)
	ana.claim(start, ben, own+1)
	ask := func() {
		for n := range maxHeld + 1 {
			ana.step(start, noteOf(messages.OperationID{78, byte(n), byte(n >> 8)}))
		}
	}
	ask()
	if len(ana.replies) != replies || len(ana.journal.held) != maxHeld {
		t.Fatalf("%d replies, %d are held", len(ana.replies)-replies, len(ana.journal.held))
	}
	ana.claim(start, ben, own)
	if done := ana.journal.ownHead() - own; done != maxHeld {
		t.Fatalf("%d are done", done)
	}
	ask()
	if done := ana.journal.ownHead() - own; done != maxHeld+1 {
		t.Errorf("%d are done after all were asked for again", done)
	}
	for _, reply := range ana.replies[replies:] {
		if reply.Refusal != "" {
			t.Errorf("refused: %s", reply.Refusal)
		}
	}
}

// Nor does it wait twice behind a write.
func TestOperationIsQueuedOnce(t *testing.T) {
	ana, _, _ := trio(t)
	ana.hold = true
	ana.step(start, noteOf(messages.OperationID{79}))
	replies := len(ana.replies)
	for range 5 {
		ana.step(start, noteOf(messages.OperationID{80}))
	}
	if ana.release(start); len(ana.replies) != replies+2 {
		t.Errorf("%d replies to two operations", len(ana.replies)-replies)
	}
}
