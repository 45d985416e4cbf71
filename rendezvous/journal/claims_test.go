package journal

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// claim has a member say that it holds so much of the node's chain.
func (n *node) claim(now time.Time, peer *node, last messages.Seq) {
	n.t.Helper()
	n.step(now, messages.PeerHolds{Peer: peer.identity.Authority(), Last: last})
}

// A peer that shows more of our chain, and then says nothing any more, stops our
// writing for a while, not for ever.
func TestClaimThatIsNotProvedLapses(t *testing.T) {
	ana, ben, _ := trio(t)
	own := ana.journal.own().head
	ben.state.Count++
	for at := range ben.state.Authors {
		if ben.state.Authors[at].Author == ana.identity.Authority() {
			ben.state.Authors[at].Last = own + 9
		}
	}
	ana.stepSync(start, messages.SyncPeerUp{Peer: ben.identity.Authority()})
	ana.stepSync(start, messages.SyncOpened{Session: 5, Peer: ben.identity.Authority()})
	ana.stepSync(start, messages.SyncFrame{Session: 5, Frame: helloOf(ben)})
	ana.stepSync(start.Add(maxSilence), messages.Tick{})
	ana.stepSync(start.Add(maxSilence), messages.SyncPeerDown{Peer: ben.identity.Authority()})
	replies := len(ana.replies)
	ana.step(start, messages.Commit{Operation: ana.operation(1), Facts: []messages.RendezvousFact{
		messages.ApplicationFact{Type: messages.FactApplication},
	}})
	lapse := start.Add(proveWithin)
	if len(ana.replies) != replies || ana.view.MayWrite || !ana.journal.Deadline().Equal(lapse) {
		t.Fatalf("%d replies, withheld %t, deadline %v", len(ana.replies)-replies, !ana.view.MayWrite, ana.journal.Deadline())
	}
	ana.step(lapse, messages.Tick{})
	if len(ana.replies) != replies+1 || !ana.view.MayWrite || !ana.journal.Deadline().IsZero() {
		t.Errorf("%d replies, withheld %t, deadline %v", len(ana.replies)-replies, !ana.view.MayWrite, ana.journal.Deadline())
	}
	if ana.claim(lapse.Add(time.Hour), ben, own+99); !ana.view.MayWrite {
		t.Error("it is believed a second time")
	}
}

// Nor can it begin anew by claiming it over and over, or by being caught.
func TestClaimThatIsMadeAgainLapsesToo(t *testing.T) {
	ana, ben, _ := trio(t)
	own := ana.journal.own().head
	for now := start; now.Before(start.Add(proveWithin)); now = now.Add(time.Second) {
		ana.claim(now, ben, 0) // a fault
		ana.claim(now, ben, own+messages.Seq(1+now.Second()))
		if ana.view.MayWrite {
			t.Fatalf("after %v it is not believed", now.Sub(start))
		}
	}
	ana.claim(start.Add(proveWithin), ben, own+1)
	if !ana.view.MayWrite {
		t.Error("it stops our writing for ever")
	}
}

// Another member's word counts by itself.
func TestEachMemberIsBelievedOnce(t *testing.T) {
	ana, ben, cat := trio(t)
	own := ana.journal.own().head
	later := start.Add(time.Minute)
	ana.claim(start, ben, own+1)
	ana.claim(later, cat, own+1)
	if until := ana.journal.Deadline(); !until.Equal(later.Add(proveWithin)) {
		t.Errorf("the pen is withheld until %v after the start", until.Sub(start))
	}
}

// A fact of ours that comes from a peer proves that we have lost some: whoever
// shows more gets all the time again.
func TestFactOfOursRenewsAClaim(t *testing.T) {
	ana, ben, _ := trio(t)
	backup := ben.twin(9)
	for range 3 {
		ben.note(start, "after the backup")
	}
	lost := ben.facts()[len(backup.facts()):]
	now := start
	backup.claim(now, ana, ben.journal.own().head)
	for _, raw := range lost[:2] {
		now = now.Add(proveWithin - time.Second)
		backup.step(now, messages.OfferFacts{Session: 1, From: ana.identity.Authority(), Facts: [][]byte{raw}})
	}
	now = now.Add(proveWithin - time.Second)
	if backup.step(now, messages.Tick{}); backup.view.MayWrite {
		t.Error("the claim has lapsed though facts came")
	}
	backup.step(now, messages.OfferFacts{Session: 1, From: ana.identity.Authority(), Facts: [][]byte{lost[2]}})
	if !backup.view.MayWrite {
		t.Error("it is withheld though all has come")
	}
	// What was proved leaves no mark: the peer is believed again.
	now = now.Add(10 * proveWithin)
	if backup.claim(now, ana, ben.journal.own().head+1); backup.view.MayWrite {
		t.Error("a peer that told the truth is believed no more")
	}
}

// SPEC 3.1: "a restored backup waits without limit". A fact of ours behind a gap
// proves, whoever says what, that there are others.
func TestGapInOurChainStopsOurWriting(t *testing.T) {
	_, ben, _ := trio(t)
	backup := ben.twin(9)
	lost, last := ben.note(start, "lost"), ben.note(start, "last")
	backup.step(start, messages.OfferFacts{Session: 1, Facts: [][]byte{ben.raw(last)}})
	late := start.Add(1000 * time.Hour)
	for range 2 {
		backup.step(late, messages.Tick{})
		if backup.view.MayWrite || !backup.journal.Deadline().IsZero() {
			t.Fatalf("withheld %t, deadline %v", !backup.view.MayWrite, backup.journal.Deadline())
		}
		backup.restart(late)
	}
	backup.step(late, messages.OfferFacts{Session: 1, Facts: [][]byte{ben.raw(lost)}})
	if !backup.view.MayWrite {
		t.Error("it is withheld without a gap")
	}
}

// The founder takes away a member whose word stops its writing, and nobody who
// is no member stops it.
func TestClaimantCanBeRemoved(t *testing.T) {
	ana, ben, cat := trio(t)
	own := ana.journal.own().head
	ana.claim(start, ben, own+9)
	note := messages.Commit{Operation: ana.operation(1), Facts: []messages.RendezvousFact{
		messages.ApplicationFact{Type: messages.FactApplication},
	}}
	replies := len(ana.replies)
	if ana.step(start, note); len(ana.replies) != replies {
		t.Fatal("the claim does not stop our writing: nothing is proved")
	}
	ana.claim(start, cat, own+9)
	removed := messages.RemoveMember{Operation: ana.operation(3), Member: ben.identity.Authority()}
	if ana.step(start, removed); len(ana.replies) != replies {
		t.Fatal("a member is removed though another one shows more of our chain, too")
	}
	ana.claim(start, cat, own)
	if !ana.view.MayWrite || ana.view.Roster.Has(ben.identity.Authority()) || len(ana.replies) != replies+2 {
		t.Errorf("withheld %t, %d members, %d replies", !ana.view.MayWrite, ana.view.Roster.Len(), len(ana.replies)-replies)
	}
	if ana.claim(start, ben, own+99); !ana.view.MayWrite {
		t.Error("one who was removed stops our writing")
	}
}

// Before the first sync, the founder removes nobody: its chain may go on.
func TestRemovalWaitsForTheFirstSync(t *testing.T) {
	ana, ben, _ := trio(t)
	ana.journal.pen.writeAfter = start.Add(WaitForPeer)
	ana.claim(start, ben, 99)
	replies := len(ana.replies)
	ana.step(start, messages.RemoveMember{Operation: ana.operation(3), Member: ben.identity.Authority()})
	if len(ana.replies) != replies {
		t.Error("removed before the first sync")
	}
	ana.step(start.Add(WaitForPeer), messages.Tick{})
	if len(ana.replies) != replies+1 {
		t.Error("the removal waits on for the one who is removed")
	}
}

// SPEC 15.3: "Killing any actor at any instant" frees no pen: what a peer shows of
// our chain is known to the process, for the time that is left, and no longer.
func TestClaimOutlivesTheActor(t *testing.T) {
	ana, ben, _ := trio(t)
	backup := ben.twin(9)
	ben.note(start, "after the backup")
	ana.learn(start, ben)
	backup.patience = WaitForPeer
	backup.restart(start)
	now := start.Add(time.Minute)
	if backup.step(now, messages.Tick{}); !backup.view.MayWrite {
		t.Fatal("it waits for a peer that is not there")
	}
	backup.claim(now, ana, ben.journal.own().head)
	lapse, replies := now.Add(proveWithin), len(backup.replies)
	for range 3 {
		now = now.Add(time.Minute)
		backup.step(now, noteOf(messages.OperationID{200}))
		if backup.view.MayWrite || len(backup.replies) != replies || !backup.journal.Deadline().Equal(lapse) {
			t.Fatalf("it may write: %t, %d replies, deadline %v", backup.view.MayWrite, len(backup.replies)-replies, backup.journal.Deadline())
		}
		backup.revive(now)
		backup.claim(now, ana, ben.journal.own().head)
	}
	if backup.step(lapse, messages.Tick{}); !backup.view.MayWrite {
		t.Error("each death of the actor gives a claim its time anew")
	}
	backup.revive(lapse)
	if backup.claim(lapse, ana, ben.journal.own().head); !backup.view.MayWrite {
		t.Error("a claim that has lapsed is believed again")
	}
}

// A process waits for a peer once.
func TestSyncOutlivesTheActor(t *testing.T) {
	ana, ben, _ := trio(t)
	ana.patience = time.Hour
	ana.restart(start)
	if ana.view.MayWrite {
		t.Fatal("it waits for nobody: nothing is proved")
	}
	ana.claim(start, ben, 0)
	ana.step(start, messages.PeerHolds{Peer: ben.identity.Authority(), Done: true})
	if ana.revive(start); !ana.view.MayWrite {
		t.Error("the new life waits for a peer again")
	}
	if ana.restart(start); ana.view.MayWrite {
		t.Error("the new process waits for nobody")
	}
}

// Our fact came, and its life ended before it was on disk: there is one, all the same.
func TestProofOutlivesTheActor(t *testing.T) {
	ana, ben, _ := trio(t)
	backup := ben.twin(9)
	lost := messages.OfferFacts{Session: 1, From: ana.identity.Authority(), Facts: [][]byte{ben.raw(ben.note(start, "after the backup"))}}
	backup.claim(start, ana, ben.journal.own().head)
	backup.hold = true
	if backup.step(start, lost); len(backup.kept) != 1 {
		t.Fatalf("%d writes are under way: nothing is proved", len(backup.kept))
	}
	late := start.Add(2 * proveWithin)
	backup.hold = false
	if backup.revive(late); backup.journal.own().head != 0 || backup.view.MayWrite {
		t.Errorf("it holds %+v of its chain, and may write: %t", backup.journal.own(), backup.view.MayWrite)
	}
	if backup.step(late, lost); !backup.view.MayWrite {
		t.Error("it may not write though all has come")
	}
}

// A fault takes back what a peer alone has said of our chain, not what facts of ours
// have shown to be true.
func TestProvedClaimIsNotTakenBack(t *testing.T) {
	ana, ben, cat := trio(t)
	backup := ben.twin(9)
	first := ben.raw(ben.note(start, "after the backup"))
	ben.note(start, "and another")
	for _, peer := range []*node{ana, cat} {
		backup.claim(start, peer, ben.journal.own().head)
	}
	backup.claim(start, cat, 0)
	backup.claim(start, ana, 0)
	if !backup.view.MayWrite {
		t.Fatal("the word of a peer stays after its fault")
	}
	backup.claim(start, ana, ben.journal.own().head)
	backup.step(start, messages.OfferFacts{Session: 1, From: cat.identity.Authority(), Facts: [][]byte{first}})
	if backup.claim(start, ana, 0); backup.view.MayWrite {
		t.Error("it may write though there is another fact of its own")
	}
	if backup.step(start.Add(proveWithin), messages.Tick{}); !backup.view.MayWrite {
		t.Error("it waits on without a limit for what may be a lie")
	}
}

// SPEC 3.1: "a restored backup waits without limit". Its clock is behind, so that its
// own facts wait for their hour; they are proof all the same, in all lives of its
// actor, and when they are here whoever shows more gets all the time again.
func TestOwnFactsAheadOfOurClockHoldThePen(t *testing.T) {
	ana, ben, _ := trio(t)
	backup := ben.twin(9)
	ahead := start.Add(time.Hour)
	offer := messages.OfferFacts{Session: 1, From: ana.identity.Authority(), Facts: [][]byte{ben.raw(ben.note(ahead, "lost"))}}
	last := ben.raw(ben.note(ahead, "last"))
	backup.claim(start, ana, ben.journal.own().head)
	if backup.step(start, offer); !backup.journal.Deadline().Equal(ahead.Add(-maxAhead)) {
		t.Errorf("deadline %v: it waits for the peer, not for its own fact", backup.journal.Deadline())
	}
	hour := ahead.Add(-maxAhead)
	late := hour.Add(-time.Second)
	for range 2 {
		backup.step(late, messages.Tick{})
		if backup.view.MayWrite || backup.journal.own().last != 0 {
			t.Fatalf("it holds %+v of its chain, and may write: %t", backup.journal.own(), backup.view.MayWrite)
		}
		if backup.revive(late); backup.view.MayWrite {
			t.Fatal("the new life may write")
		}
		backup.step(late, offer)
	}
	if due := backup.journal.Deadline(); !due.Equal(hour) {
		t.Fatalf("deadline %v, want %v", due, hour)
	}
	backup.step(hour, messages.Tick{})
	if lapse := hour.Add(proveWithin); backup.journal.own().head != 1 || backup.view.MayWrite || !backup.journal.Deadline().Equal(lapse) {
		t.Errorf("it holds %+v of its chain, may write: %t, deadline %v", backup.journal.own(), backup.view.MayWrite, backup.journal.Deadline())
	}
	if backup.step(hour, messages.OfferFacts{Session: 1, Facts: [][]byte{last}}); !backup.view.MayWrite {
		t.Error("it may not write though all has come")
	}
}

// Nor is the peer at fault that shows them, and has sent them: they are here, aside.
func TestOwnFactsThatWaitAreNobodysFault(t *testing.T) {
	ana, ben, _ := trio(t)
	backup := ben.twin(9)
	ben.note(start.Add(time.Hour), "lost")
	ana.learn(start.Add(time.Hour), ben)
	w := newNetwork(t, ana, backup)
	w.link(0, 1)
	w.run(1000)
	waits := func(end SyncEnd) bool {
		return end.Reason == EndNotConverged && strings.Contains(end.Detail, "facts wait for their epoch or their hour")
	}
	isFault := func(end SyncEnd) bool { return end.Reason == EndFault }
	if !slices.ContainsFunc(backup.ends, waits) || slices.ContainsFunc(backup.ends, isFault) {
		t.Errorf("ends %v", backup.ends)
	}
	if backup.view.MayWrite || backup.claims.synced {
		t.Errorf("it may write: %t; it has synced: %t", backup.view.MayWrite, backup.claims.synced)
	}
}

// Nor need we know the epoch of a fact to see that we have signed it; and nobody else
// can sign one of ours.
func TestOwnFactOfAnUnknownEpochHoldsThePen(t *testing.T) {
	ana, ben, _ := trio(t)
	backup := ben.twin(9)
	ana.admit(start, 4)
	ben.learn(start, ana)
	fact := mustParse(ben.raw(ben.note(start, "in epoch 3")))
	forged := fact
	forged.Signature[0]++
	offer := func(fact messages.Fact) {
		backup.step(start, messages.OfferFacts{Session: 1, From: ana.identity.Authority(), Facts: [][]byte{fact.Append(nil)}})
	}
	if offer(forged); !backup.view.MayWrite || len(backup.journal.aside.pending) != 1 {
		t.Errorf("it may write: %t, facts of %d senders wait", backup.view.MayWrite, len(backup.journal.aside.pending))
	}
	if offer(fact); backup.view.MayWrite {
		t.Error("the view says that it may write")
	}
	if backup.step(start.Add(time.Hour), messages.Tick{}); backup.view.MayWrite {
		t.Error("it may write though it has seen its own signature")
	}
	if backup.learn(start, ana); !backup.view.MayWrite {
		t.Error("it may not write though all has come")
	}
}

// What was given out to be kept is nobody's to change: a life that is over may still
// run.
func TestSavedClaimsDoNotChange(t *testing.T) {
	ana, ben, _ := trio(t)
	own, peer := ana.journal.own().head, ben.identity.Authority()
	ana.claim(start, ben, own+1)
	for n := range messages.Seq(2) {
		saved := ana.claims
		if ana.claim(start, ben, own+n+2); saved.peers[peer].last != own+n+1 || ana.claims.peers[peer].last != own+n+2 {
			t.Errorf("saved was %+v, and then %+v", saved.peers, ana.claims.peers)
		}
		ana.revive(start)
	}
}

// What a peer shows of our chain beyond what we hold says nothing of what it holds of
// ours: the view does not count on it.
func TestClaimOfMoreThanWeHoldCoversNothing(t *testing.T) {
	ana, ben, _ := trio(t)
	own, peer := ana.journal.own().head, ben.identity.Authority()
	ana.step(start, messages.PeerHolds{Peer: peer})
	if covered, known := ana.view.Covered[peer]; covered != 0 || !known {
		t.Errorf("%s says that it holds none of ours; that is known: %t", ben, known)
	}
	ana.step(start, messages.PeerHolds{Peer: peer, Own: own + 1, Last: own + 1})
	if covered := ana.view.Covered[peer]; covered > own {
		t.Errorf("%s holds our facts up to %d, and we have %d", ben, covered, own)
	}
	ana.step(start, messages.PeerHolds{Peer: peer, Own: own, Last: own})
	if covered := ana.view.Covered[peer]; covered != own {
		t.Errorf("%s holds our facts up to %d, want %d", ben, covered, own)
	}
}
