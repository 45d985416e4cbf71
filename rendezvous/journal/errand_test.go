package journal

import (
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// A proof is a fact of ours like any other: it waits until our chain may be
// written, and is appended then.
func TestProofWaitsForThePen(t *testing.T) {
	ana, ben, twin, cat := forkers(t)
	peer, own := cat.identity.Authority(), ana.journal.own().head
	ana.step(start, messages.PeerHolds{Peer: peer, Last: own + 5})
	ana.learn(start, ben)
	ana.learn(start, twin)
	if head := ana.journal.own().head; head != own || len(ana.proofs()) != 0 {
		t.Fatalf("our chain went from %d to %d while a peer shows more of it", own, head)
	}
	ana.step(start, messages.PeerHolds{Peer: peer, Last: own})
	if len(ana.proofs()) != 1 {
		t.Errorf("%d proofs once the pen is back", len(ana.proofs()))
	}
}

// The facts were being read when a peer showed more of our chain.
func TestErrandLooksAtThePenAgain(t *testing.T) {
	ana, ben, twin, cat := forkers(t)
	peer, own := cat.identity.Authority(), ana.journal.own().head
	ana.mute = true
	ana.learn(start, ben)
	ana.learn(start, twin)
	places := placesOf(ana.journal.set.unproven())
	facts, err := ana.disk.Facts(places)
	if err != nil || len(facts) != 2 || !ana.journal.reading {
		t.Fatalf("%d facts, %v; they are being read: %t", len(facts), err, ana.journal.reading)
	}
	ana.mute = false
	ana.step(start, messages.PeerHolds{Peer: peer, Last: own + 5})
	ana.step(start, messages.FactsRead{Facts: facts})
	if len(ana.proofs()) != 0 {
		t.Fatal("our chain grew while a peer shows more of it")
	}
	ana.step(start, messages.PeerHolds{Peer: peer, Last: own})
	if len(ana.proofs()) != 1 {
		t.Errorf("%d proofs once the pen is back", len(ana.proofs()))
	}
}

// SPEC 3.1: "a peer that shows more of its chain than it holds stops its writing
// until fetched". What a restored backup would say again after a cut was said
// again by the node that it was made of, after the backup.
func TestRestoredBackupSaysNothingAgainBeforeItHasItsFacts(t *testing.T) {
	ana, ben, cat := trio(t)
	ben.note(start, "in time")
	ana.learn(start, ben)
	ben.note(start, "late")
	backup := ben.twin(9)
	now := start.Add(time.Second)
	ana.admit(now, 4)
	ben.learn(now, ana) // says it again: written after the backup
	cat.learn(now, ben)
	now = start.Add(time.Hour)
	backup.step(now, messages.PeerHolds{Peer: cat.identity.Authority(), Last: ben.journal.own().head})
	backup.learn(now, ana) // the op comes first
	if len(backup.journal.set.unsaid()) != 1 {
		t.Fatal("the backup has nothing to say again: nothing is proved")
	}
	backup.learn(now, cat)
	if forks := backup.forksOf(ben.identity.Authority()); len(forks) > 0 || backup.head() != ben.head() {
		t.Errorf("it has forked its own chain at %v, and ends with %s, not %s", forks, backup.head().Short(), ben.head().Short())
	}
}

// They were being read when the founder removed us: who is no member says nothing again,
// and accuses nobody.
func TestErrandLooksAtTheRosterAgain(t *testing.T) {
	ana, ben, twin, cat := forkers(t)
	late := cat.note(start, "beyond the cut")
	ana.mute, cat.mute = true, true
	ana.ask(start, rotation)
	cat.learn(start, ana)
	cat.learn(start, ben)
	cat.learn(start, twin)
	if !cat.journal.reading {
		t.Fatal("nothing is being read: nothing is proved")
	}
	ana.remove(start, cat)
	cat.learn(start, ana)
	own := cat.journal.own().head
	read := [][]byte{cat.raw(late)}
	for _, e := range cat.journal.set.unproven() {
		read = append(read, cat.raw(e.id))
	}
	if cat.step(start, messages.FactsRead{Facts: read}); cat.journal.own().head != own || len(read) != 3 {
		t.Errorf("of %d facts, our chain went from %d to %d", len(read), own, cat.journal.own().head)
	}
}
