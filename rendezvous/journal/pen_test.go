package journal

import (
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// noteBrought notes which facts of the node's own an event brings.
func (n *node) noteBrought(event messages.JournalMessage) {
	offer, isOffer := event.(messages.OfferFacts)
	if !isOffer {
		return
	}
	for _, raw := range offer.Facts {
		if fact, err := messages.ParseFact(raw); err == nil && fact.Header.Author == n.identity.Authority() {
			if n.brought == nil {
				n.brought = map[messages.FactID]bool{}
			}
			n.brought[fact.ID()] = true
		}
	}
}

// noteFormed notes what was formed for the next batch while our chain may be
// written: it is written whatever comes.
func (n *node) noteFormed(now time.Time) {
	if n.journal.next == nil || !n.journal.mayWrite(now) {
		return
	}
	if n.formed == nil {
		n.formed = map[messages.FactID]bool{}
	}
	for _, u := range n.journal.next.unsigned {
		n.formed[u.id] = true
	}
	for _, record := range n.journal.next.records {
		if record.Bucket == messages.BucketFacts && len(record.Value) > 0 {
			n.formed[mustParse(record.Value).ID()] = true
		}
	}
}

// checkPen fails if a write makes a fact of the node's own while its chain may
// not be written, unless that removes a member or was formed before.
func (n *node) checkPen(now time.Time, write Write) {
	n.t.Helper()
	if n.journal.pen.mayWrite || n.journal.mayWrite(now) {
		return
	}
	for _, record := range write.Records {
		if record.Bucket != messages.BucketFacts {
			continue
		}
		fact := mustParse(record.Value)
		isOurs := fact.Header.Author == n.identity.Authority() && !n.brought[fact.ID()] && !n.formed[fact.ID()]
		if isOurs && fact.Header.Type != messages.FactMemberRemoved {
			n.t.Fatalf("%s makes fact %d while it must not", n, fact.Header.Seq)
		}
	}
}

// noteOf is the commit of one application fact under that operation.
func noteOf(operation messages.OperationID) messages.Commit {
	return messages.Commit{Operation: operation, Facts: []messages.RendezvousFact{
		messages.ApplicationFact{Type: messages.FactApplication},
	}}
}

// SPEC 3.1 speaks of facts: a charge is none, nor are keys, so neither waits for a peer.
func TestChargesAndKeysNeedNoPen(t *testing.T) {
	ana, ben, _ := trio(t)
	ana.claim(start, ben, ana.journal.own().head+1)
	if ana.view.MayWrite {
		t.Fatal("the pen is not withheld: nothing is proved")
	}
	charge := messages.ChargeFlowBudget{Peer: ben.identity.Authority(), Cost: 1}
	if reply := ana.do(start, messages.Commit{Charges: []messages.ChargeFlowBudget{charge}}); reply.Refusal != "" {
		t.Errorf("a charge: %s", reply.Refusal)
	}
	keys := func(operation messages.OperationID) messages.JournalMessage {
		return messages.GiveKeys{Operation: operation}
	}
	if reply := ana.ask(start, keys); reply.Refusal != "" {
		t.Errorf("keys: %s", reply.Refusal)
	}
}

// Who asks the journal asks again until it is answered. However long it waits, it
// is neither refused for that nor done twice.
func TestOperationIsHeldOnce(t *testing.T) {
	ana, ben, _ := trio(t)
	own, replies := ana.journal.own().head, len(ana.replies)
	ana.claim(start, ben, own+1)
	for range 2 * maxHeld {
		ana.step(start, noteOf(messages.OperationID{77}))
	}
	if len(ana.replies) != replies || len(ana.journal.held) != 1 {
		t.Fatalf("%d replies, it is held %d times", len(ana.replies)-replies, len(ana.journal.held))
	}
	ana.claim(start, ben, own)
	if head := ana.journal.own().head; len(ana.replies) != replies+1 || head != own+1 {
		t.Errorf("%d replies, our chain went from %d to %d", len(ana.replies)-replies, own, head)
	}
}

// What finds no room is not refused: it may be asked again, and it would be a
// lie to say that it is not done.
func TestOperationThatFindsNoRoomIsAskedAgain(t *testing.T) {
	ana, ben, _ := trio(t)
	own, replies := ana.journal.own().head, len(ana.replies)
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
	if done := ana.journal.own().head - own; done != maxHeld {
		t.Fatalf("%d are done", done)
	}
	ask()
	if done := ana.journal.own().head - own; done != maxHeld+1 {
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

// What was formed behind a write that is under way is written, though a peer shows
// more of our chain before it goes out; what is asked for from then on waits.
func TestFormedFactsAreWrittenThoughAPeerShowsMore(t *testing.T) {
	ana, ben, _ := trio(t)
	own, replies := ana.journal.own().head, len(ana.replies)
	ana.hold = true
	ana.pour("under way")
	ana.pour("formed")
	ana.claim(start, ben, own+9)
	ana.pour("too late")
	ana.land()
	ana.land()
	if head := ana.journal.own().head; head != own+2 || len(ana.replies) != replies+2 || ana.view.MayWrite {
		t.Errorf("our chain went from %d to %d, %d replies, withheld %t", own, head, len(ana.replies)-replies, !ana.view.MayWrite)
	}
	ana.claim(start, ben, own+2)
	if ana.land(); ana.journal.own().head != own+3 || len(ana.replies) != replies+3 {
		t.Errorf("%d replies after the claim is gone", len(ana.replies)-replies)
	}
}

// A claim is believed for its time in one process: after a restart, and only then, for
// as long again.
func TestClaimIsBelievedOnceAStart(t *testing.T) {
	ana, ben, _ := trio(t)
	own, now := ana.journal.own().head, start
	for range 3 {
		ana.claim(now, ben, own+9)
		held := !ana.view.MayWrite
		now = now.Add(proveWithin)
		ana.claim(now, ben, own+10)
		if !held || !ana.view.MayWrite {
			t.Errorf("withheld %t, and ten minutes later %t", held, !ana.view.MayWrite)
		}
		ana.restart(now)
	}
}

// A journal that has stopped says so, instead of that it has no more facts: what its
// node shows of our chain goes on holding the pen of a restored backup (SPEC 3.1).
func TestStoppedPeerDoesNotFreeThePen(t *testing.T) {
	ana, ben, _ := trio(t)
	backup := ben.twin(9)
	lost := ben.note(start, "after the backup")
	ana.learn(start, ben)
	ana.fail = "disk full"
	ana.do(start, noteOf(messages.OperationID{81}))
	w := newNetwork(t, ana, backup)
	w.link(0, 1)
	w.run(1000)
	if stopped := ana.ends[len(ana.ends)-1]; stopped.Reason != EndStopped {
		t.Errorf("the session ended with %v", stopped)
	}
	if backup.journal.set.has(lost) || backup.view.MayWrite || backup.journal.mayWrite(w.now) {
		t.Errorf("the backup has the lost fact: %t; its pen is withheld: %t", backup.journal.set.has(lost), !backup.view.MayWrite)
	}
}

// Our next fact is here, and waits for what it stands on: that number is taken, and
// stays so over a restart.
func TestOwnNextFactThatWaitsHoldsThePen(t *testing.T) {
	ana, ben, _ := trio(t)
	backup := ben.twin(9)
	parent := ana.note(start, "a parent")
	ben.learn(start, ana)
	lost := ben.note(start, "lost")
	backup.step(start, messages.OfferFacts{Session: 1, Facts: [][]byte{ben.raw(lost)}})
	for range 2 {
		if own := backup.journal.own(); own.last != own.head+1 || backup.view.MayWrite {
			t.Fatalf("it holds %+v of its chain, and may write: %t", own, backup.view.MayWrite)
		}
		backup.restart(start)
	}
	backup.step(start, messages.OfferFacts{Session: 1, Facts: [][]byte{ana.raw(parent)}})
	if !backup.view.MayWrite {
		t.Error("it may not write though nothing waits")
	}
}

// A fact of ours that waits is news once: who sends it over and over does not make the
// claims of others last.
func TestOwnFactThatWaitsRenewsAClaimOnce(t *testing.T) {
	ana, ben, _ := trio(t)
	e := &enemy{node: ana}
	at := e.next()
	at.Seq, at.Prev, at.Epoch, at.KeyID = 2, messages.FactID{1}, 999, messages.EpochKeyID{9}
	raw := [][]byte{e.sealed(ana.identity, at).Append(nil)}
	ana.claim(start, ben, ana.journal.own().head+9)
	first := start.Add(time.Minute)
	for _, now := range []time.Time{first, start.Add(5 * time.Minute)} {
		ana.step(now, messages.OfferFacts{From: ben.identity.Authority(), Facts: raw})
		if due := ana.journal.Deadline(); !due.Equal(first.Add(proveWithin)) {
			t.Errorf("at %v the claim holds until %v", now.Sub(start), due.Sub(start))
		}
	}
}
