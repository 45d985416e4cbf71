package journal

import (
	"strings"
	"testing"

	"github.com/waymeet/waymeet/messages"
)

// pour commits a note while writes are held back.
func (n *node) pour(text string) {
	n.t.Helper()
	n.step(start, messages.Commit{Operation: n.operation(1), Facts: []messages.RendezvousFact{
		messages.ApplicationFact{Type: messages.FactApplication, Body: []byte(text)},
	}})
}

// land ends the write that is held back.
func (n *node) land() {
	n.t.Helper()
	if len(n.kept) != 1 {
		n.t.Fatalf("%d writes are under way", len(n.kept))
	}
	write := n.kept[0]
	n.kept = nil
	n.finish(start, write)
}

// What comes while a write is under way is done at once, and is neither
// published nor answered nor read before its own write has ended (SPEC 3.5).
func TestNextBatchIsFormedWhileOneIsWritten(t *testing.T) {
	ana := found(t, 1)
	ana.hold = true
	count, replies := ana.view.Count, len(ana.replies)
	expect := func(when string, more int) {
		t.Helper()
		if got := ana.view.Count - count; got != uint64(more) || len(ana.replies)-replies != more {
			t.Errorf("%s: %d more facts count, and %d operations are answered; want %d", when, got, len(ana.replies)-replies, more)
		}
		backup := ana.twin(9)
		if got := backup.view.Count - count; got != uint64(more) {
			t.Errorf("%s: %d more facts are on disk, want %d", when, got, more)
		}
	}
	ana.pour("one")
	for range 3 * signAhead {
		ana.pour("two")
	}
	if formed := ana.journal.own().head; formed != 2+3*signAhead {
		t.Fatalf("our chain goes up to %d: the next batch is not formed", formed)
	}
	ana.step(start, messages.PeerHolds{Peer: messages.AuthorityID{9}, Own: 1, Last: 1}) // a reason to publish
	expect("before", 0)
	ana.land()
	expect("after the first write", 1)
	ana.pour("three")
	ana.land()
	expect("after the second write", 1+3*signAhead)
	ana.land()
	expect("after the third write", 2+3*signAhead)
	if ana.journal.next != nil || len(ana.kept) != 0 {
		t.Error("something is left")
	}
}

// The disk does not wait for the answers to what it has written.
func TestNextWriteBeginsBeforeTheAnswers(t *testing.T) {
	ana := found(t, 1)
	ana.hold = true
	ana.pour("one")
	ana.pour("two")
	effects := ana.journal.Step(start, messages.Written{Batch: ana.kept[0].Batch})
	if len(effects) < 2 {
		t.Fatalf("effects %+v", effects)
	}
	if _, first := effects[0].(Write); !first {
		t.Errorf("%T comes first", effects[0])
	}
	if reply, last := effects[len(effects)-1].(Reply); !last || reply.Refusal != "" {
		t.Errorf("%+v comes last", effects[len(effects)-1])
	}
}

// readBetween is a founder whose host reads while one fact is being written and another
// is formed, and then appends a third.
func readBetween(t *testing.T) *node {
	ana := found(t, 1)
	ana.hold = true
	ana.pour("one")
	ana.pour("two")
	ana.step(start, messages.ReadContent{Request: 5, MaxFacts: 9, MaxBytes: 4096})
	ana.pour("three")
	return ana
}

// Reads come between the batches, however many commits there are.
func TestReadsAreNotOvertakenByCommits(t *testing.T) {
	ana := readBetween(t)
	for at := range 2 {
		if len(ana.given) != 0 {
			t.Fatalf("read after %d writes: what is read may be lost", at)
		}
		ana.land()
	}
	if len(ana.given) != 1 || len(ana.given[0].Facts) != 2 {
		t.Fatalf("given %+v", ana.given)
	}
	ana.land()
	ana.hold = false
	ana.expectContent(0, "one", "two", "three")
}

// A write that fails refuses what was done behind it, too.
func TestFailedWriteRefusesWhatWasFormedBehindIt(t *testing.T) {
	ana := readBetween(t)
	ana.fail = "disk full"
	ana.land()
	ana.step(start, messages.Tick{}) // nobody is told twice
	if len(ana.replies) != 3 || len(ana.kept) != 0 {
		t.Fatalf("%d replies, %d writes", len(ana.replies), len(ana.kept))
	}
	for _, reply := range ana.replies {
		if !strings.Contains(reply.Refusal, "disk full") {
			t.Errorf("reply %+v", reply)
		}
	}
	if len(ana.given) != 1 || ana.given[0].Failure == "" {
		t.Errorf("given %+v", ana.given)
	}
}

// What cannot be done is said when the batch is on disk, and leaves no trace.
func TestRefusalInABatchThatIsFormed(t *testing.T) {
	ana := found(t, 1)
	ana.hold = true
	ana.pour("one")
	ana.step(start, messages.Commit{Operation: ana.operation(1), Facts: []messages.RendezvousFact{messages.ContextFounded{}}})
	if len(ana.replies) != 0 {
		t.Errorf("replies %+v", ana.replies)
	}
	ana.land()
	if len(ana.replies) != 2 || ana.replies[1].Refusal == "" || len(ana.kept) != 0 {
		t.Errorf("replies %+v, %d writes", ana.replies, len(ana.kept))
	}
}

// A read that fails stops the journal while a write is under way: what is being
// written is answered when that has ended, with what came of it.
func TestFailedReadDoesNotRefuseWhatIsBeingWritten(t *testing.T) {
	for name, ask := range map[string]func(messages.OperationID) messages.JournalMessage{
		"asked again": func(o messages.OperationID) messages.JournalMessage { return noteOf(o) },
		"withdrawn":   func(o messages.OperationID) messages.JournalMessage { return messages.Withdraw{Operation: o} },
	} {
		t.Run(name, func(t *testing.T) {
			ana := found(t, 1)
			ana.hold = true
			operation := messages.OperationID{80}
			ana.step(start, noteOf(operation))
			ana.step(start, messages.FactsRead{Failure: "damage"})
			ana.step(start, ask(operation))
			if len(ana.replies) != 0 {
				t.Fatalf("answered before its write has ended: %+v", ana.replies)
			}
			ana.release(start)
			if len(ana.replies) != 1 || ana.replies[0].Refusal != "" {
				t.Errorf("answered %+v", ana.replies)
			}
		})
	}
}

// However much comes while a batch is written: each batch has an end, by messages and by
// bytes, and there is one write at a time.
func TestBatchesAreWrittenOneByOne(t *testing.T) {
	note := messages.ApplicationFact{Type: messages.FactApplication, Body: make([]byte, 60_000)}
	for name, test := range map[string]struct {
		facts   []messages.RendezvousFact
		commits int
	}{"messages": {nil, 4 * maxBatchMessages}, "bytes": {[]messages.RendezvousFact{note}, 3 * maxBatchBytes / 60_000}} {
		t.Run(name, func(t *testing.T) {
			ana := found(t, 1)
			ana.hold = true
			for range test.commits {
				ana.step(start, messages.Commit{Operation: ana.operation(1), Facts: test.facts})
			}
			for len(ana.kept) > 0 {
				size := 0
				for _, record := range ana.kept[0].Records {
					size += len(record.Key) + len(record.Value)
				}
				if commits := len(ana.journal.flight.operations); commits > maxBatchMessages || size > maxBatchBytes+messages.MaxFactSize {
					t.Errorf("a batch of %d commits and %d bytes", commits, size)
				}
				ana.land()
			}
			if len(ana.replies) != test.commits {
				t.Errorf("%d replies to %d commits", len(ana.replies), test.commits)
			}
		})
	}
}

// Facts that peers have sent fill a batch like our own.
func TestBatchOfOfferedFactsIsBounded(t *testing.T) {
	ana, ben, _ := trio(t)
	ana.hold = true
	ana.pour("one")
	const facts = maxBatchBytes/60_000 + 20
	for range facts {
		ben.large(start, 60_000)
		ana.step(start, messages.OfferFacts{Session: 1, From: ben.identity.Authority(), Facts: [][]byte{ben.raw(ben.head())}})
	}
	writes := 0
	for ; len(ana.kept) > 0; writes++ {
		size := 0
		for _, record := range ana.kept[0].Records {
			size += len(record.Value)
		}
		if size > maxBatchBytes+messages.MaxFactSize {
			t.Errorf("a batch of %d bytes", size)
		}
		ana.land()
	}
	if writes != 3 || ana.journal.set.head(ben.identity.Authority()).seq != facts {
		t.Errorf("%d of %d facts are here after %d writes", ana.journal.set.head(ben.identity.Authority()).seq, facts, writes)
	}
}
