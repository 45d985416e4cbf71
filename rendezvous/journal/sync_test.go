package journal

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

func TestEqualSetsAreDoneInOneRoundTrip(t *testing.T) {
	ana, ben, _ := trio(t)
	w := newNetwork(t, ana, ben)
	w.up(1, 0)
	ben.syncOut = nil
	ben.stepSync(w.now, messages.SyncOpenFailed{Peer: ana.identity.Authority()})
	w.up(0, 1)
	w.run(100)
	if w.frames != 2 {
		t.Errorf("%d frames, not 2", w.frames)
	}
	// SPEC 13.4: "equal sets ≤ 100 B + 18 B per author".
	authors := len(ana.state.Authors)
	if each := w.bytes / 2; each > 100+18*authors {
		t.Errorf("%d bytes a hello with %d authors", each, authors)
	}
	if len(ana.ends) != 1 || ana.ends[0].Reason != EndEqual || len(ben.ends) != 1 || ben.ends[0].Reason != EndEqual {
		t.Errorf("ends %v and %v", ana.ends, ben.ends)
	}
}

// Hosts hear how many facts a session has moved.
func TestSessionCountsWhatItHasMoved(t *testing.T) {
	ana, ben, _ := trio(t)
	for range 3 {
		ana.note(start, "from ana")
	}
	ben.note(start, "from ben")
	w := newNetwork(t, ana, ben)
	w.link(0, 1)
	w.run(100)
	same(t, ana, ben)
	if ana.sent != 3 || ana.received != 1 || ben.sent != 1 || ben.received != 3 {
		t.Errorf("ana sent %d and received %d, ben %d and %d", ana.sent, ana.received, ben.sent, ben.received)
	}
}

// SPEC 13.3: "any two members that can exchange messages, through any chain of
// members, reach the same set".
func TestThreeNodesInALineConverge(t *testing.T) {
	ana, ben, cat := trio(t)
	ana.note(start, "from ana")
	cat.note(start, "from cat")
	w := newNetwork(t, ana, ben, cat)
	w.link(0, 1)
	w.link(1, 2)
	w.settle(20)
	if ana.view.Count != 5 {
		t.Errorf("%d facts, not 5", ana.view.Count)
	}
	// A new fact is pushed without waiting for a timer.
	ana.note(w.now, "news")
	w.run(1000)
	same(t, ana, cat)
}

// SPEC 13.4: "d missing facts: total bytes ≤ 1.15 × the facts themselves when
// d ≥ 100."
func TestManyMissingFactsCostLittleMoreThanThemselves(t *testing.T) {
	ana, ben, _ := trio(t)
	size := 0
	for n := range 300 {
		id := ana.note(start, fmt.Sprintf("note %d", n))
		size += len(ana.raw(id))
	}
	w := newNetwork(t, ana, ben)
	w.link(0, 1)
	w.settle(5)
	if w.bytes > size*115/100 {
		t.Errorf("%d bytes for facts of %d", w.bytes, size)
	}
}

func TestMemberWhoMissedAnEpochLearnsIt(t *testing.T) {
	ana, ben, cat := trio(t)
	dan := ana.admit(start.Add(time.Second), 4)
	ben.note(start.Add(time.Second), "meanwhile")
	w := newNetwork(t, ana, ben, cat, dan)
	w.link(0, 1)
	w.link(1, 2)
	w.link(0, 3)
	w.settle(50)
	for _, n := range w.nodes {
		if n.view.Epoch != 3 || n.view.Roster.Len() != 4 {
			t.Errorf("%s: epoch %d, %d members", n, n.view.Epoch, n.view.Roster.Len())
		}
	}
}

func TestEquivocatorsForkReachesEverybody(t *testing.T) {
	ana, ben := forkedPair(t, 3)
	cat := membership.NewIdentity([32]byte{3}).Authority()
	w := newNetwork(t, ana, ben)
	w.link(0, 1)
	w.settle(20)
	for _, n := range w.nodes {
		if forks := n.forksOf(cat); !slices.Equal(forks, []messages.Seq{1, 2, 3}) {
			t.Errorf("%s: forks at %v", n, forks)
		}
	}
}

// SPEC 13.2: "periodic anti-entropy every 60 s ± 10 %": the first time and each time
// after it, and not at the same moment everywhere.
func TestSweepIsSpread(t *testing.T) {
	ana, ben, _ := trio(t)
	now := start
	ana.stepSync(now, messages.SyncPeerUp{Peer: ben.identity.Authority()})
	waits := map[time.Duration]bool{}
	for range 20 {
		wait := ana.sync.sweep.Sub(now)
		if wait < antiEntropy*9/10 || wait > antiEntropy*11/10 {
			t.Errorf("the next sweep is in %v", wait)
		}
		waits[wait] = true
		now = ana.sync.sweep
		ana.stepSync(now, messages.Tick{})
	}
	if len(waits) < 15 {
		t.Errorf("%d different waits of 20", len(waits))
	}
}

// SPEC 13.2: "New facts are pushed to connected members at once", however many
// sessions with them have failed before: here each does, for one fact of ben's is
// from ahead of the clock. They cost one session a second at most.
func TestNewsIsPushedAtOnceAfterFailedSessions(t *testing.T) {
	ana, ben, _ := trio(t)
	ben.note(start.Add(time.Hour), "from a clock that was ahead, mended since")
	w := newNetwork(t, ana, ben)
	w.now = start
	w.link(0, 1)
	for range 40 {
		w.run(1000)
		w.pass()
	}
	if wait := ana.sync.peers[ben.identity.Authority()].retryAt.Sub(w.now); wait < 30*time.Second {
		t.Fatalf("the next session is in %v: nothing is proved", wait)
	}
	ends := len(ana.ends)
	for n := range 10 {
		id := ana.note(w.now, fmt.Sprintf("news %d", n))
		w.run(1000)
		if n == 0 && !ben.journal.set.has(id) {
			t.Error("the news is not there at once")
		}
		w.now = w.now.Add(time.Millisecond)
	}
	if sessions := len(ana.ends) - ends; sessions != 1 {
		t.Errorf("%d sessions in 10 ms", sessions)
	}
	last := w.now
	for !ben.journal.set.has(ana.head()) {
		w.pass()
		w.run(1000)
		if w.now.Sub(last) > time.Second {
			t.Fatal("the rest of the news is not there after a second")
		}
	}
}

// A peer that writes without pause never holds what we hold. What it showed is
// here after one round all the same, and what we hold is not sent again.
func TestPeerThatWritesWithoutPause(t *testing.T) {
	ana, ben, _ := trio(t)
	for n := range 150 {
		ben.note(start, fmt.Sprintf("long ago %d", n))
	}
	ana.learn(start, ben)
	ana.journal.pen.writeAfter = start.Add(time.Hour)
	ana.step(start, messages.Tick{})
	w := newNetwork(t, ana, ben)
	w.tamper = func(frame []byte) [][]byte {
		ben.note(w.now, "again and again")
		return [][]byte{frame}
	}
	ben.note(w.now, "the first")
	before := ana.view.Count
	w.link(0, 1)
	w.run(1000)
	if !ana.view.MayWrite || ana.view.Count <= before {
		t.Errorf("the pen is withheld %t, %d facts of %d have come", !ana.view.MayWrite, ana.view.Count-before, ben.view.Count-before)
	}
	if slices.ContainsFunc(ana.ends, func(e SyncEnd) bool { return e.Reason == EndEqual }) {
		t.Fatal("a session ended with equal sets: nothing was proved")
	}
	if each := w.bytes / w.frames; each > 2000 {
		t.Errorf("%d bytes a frame: facts are sent again", each)
	}
	w.tamper = nil
	w.settle(20)
}

func TestBothSidesOpeningGiveOneSession(t *testing.T) {
	ana, ben, _ := trio(t)
	ana.note(start, "a")
	ben.note(start, "b")
	w := newNetwork(t, ana, ben)
	w.link(0, 1)
	w.run(1000)
	same(t, ana, ben)
	w.expectEqualEnds()
}

func TestFailedSessionIsTriedAgainWithBackoff(t *testing.T) {
	ana, ben, _ := trio(t)
	peer := ben.identity.Authority()
	now := start
	ana.stepSync(now, messages.SyncPeerUp{Peer: peer})
	var gaps []time.Duration
	for range 12 {
		if _, opened := ana.syncOut[len(ana.syncOut)-1].(OpenSession); !opened {
			t.Fatalf("no session was opened: %v", ana.syncOut)
		}
		ana.stepSync(now, messages.SyncOpenFailed{Peer: peer, Reason: "refused"})
		next := ana.sync.peers[peer].retryAt
		gaps = append(gaps, next.Sub(now))
		ana.sync.sweep = next.Add(time.Hour)
		now = next
		ana.stepSync(now, messages.Tick{})
	}
	if !slices.IsSortedFunc(gaps[:8], cmp.Compare[time.Duration]) || gaps[0] > 240*time.Millisecond || gaps[11] < 48*time.Second || slices.Max(gaps) > retryMax {
		t.Errorf("gaps %v", gaps)
	}
}

func TestAntiEntropyAsksEveryMinute(t *testing.T) {
	ana, ben, _ := trio(t)
	w := newNetwork(t, ana, ben)
	w.link(0, 1)
	w.run(100)
	for range 3 {
		before := w.frames
		due := ana.sync.Deadline()
		if gap := due.Sub(w.now); gap < 54*time.Second || gap > 66*time.Second {
			t.Errorf("the next sweep is in %v", gap)
		}
		w.now = due
		ana.stepSync(w.now, messages.Tick{})
		w.run(100)
		if w.frames != before+2 {
			t.Errorf("%d frames in the sweep", w.frames-before)
		}
	}
}

func TestAtMostFiveSessionsAtOnce(t *testing.T) {
	ana, _, _ := trio(t)
	for n := range byte(8) {
		ana.stepSync(start, messages.SyncPeerUp{Peer: messages.AuthorityID{n + 1}})
	}
	if len(ana.syncOut) != maxSessions {
		t.Fatalf("%d sessions opened", len(ana.syncOut))
	}
	if due := ana.sync.Deadline(); !due.Equal(start.Add(openWithin)) {
		t.Errorf("while none is open yet, the deadline is %v", due)
	}
	for n := range byte(5) {
		ana.stepSync(start, messages.SyncOpened{Session: messages.SyncSession(n + 1), Peer: messages.AuthorityID{n + 1}, Initiator: true})
	}
	ana.syncOut = nil
	ana.stepSync(start, messages.SyncOpened{Session: 6, Peer: messages.AuthorityID{7}})
	closed, ok := ana.syncOut[0].(CloseSession)
	if !ok || closed.End.Reason != EndBusy {
		t.Errorf("the sixth session: %v", ana.syncOut)
	}
}

// Who waits longest for a session gets the next one, so that busy peers keep
// nobody out.
func TestPeersTakeTurns(t *testing.T) {
	ana, _, _ := trio(t)
	now := start
	served := map[messages.AuthorityID]int{}
	for n := range byte(3 * maxSessions) {
		ana.stepSync(now, messages.SyncPeerUp{Peer: messages.AuthorityID{n + 1}})
	}
	for session := range messages.SyncSession(9 * maxSessions) { // each is over at once, and all want more
		now = now.Add(time.Millisecond)
		opened := ana.syncOut[0].(OpenSession)
		ana.syncOut = ana.syncOut[1:]
		served[opened.Peer]++
		ana.stepSync(now, messages.SyncOpened{Session: session + 1, Peer: opened.Peer, Initiator: true})
		ana.stepSync(now, messages.SyncPeerDown{Peer: opened.Peer})
		ana.stepSync(now, messages.SyncPeerUp{Peer: opened.Peer})
		ana.syncOut = slices.DeleteFunc(ana.syncOut, func(e SyncEffect) bool { _, open := e.(OpenSession); return !open })
	}
	if len(served) != 3*maxSessions {
		t.Errorf("%d of %d peers were served", len(served), 3*maxSessions)
	}
}

// Peers that keep their sessions busy for ever do not keep the others out.
func TestSessionsEndWhenOthersHaveWaitedLong(t *testing.T) {
	ana, _, _ := trio(t)
	now := start
	for n := range byte(maxSessions) {
		peer := messages.AuthorityID{n + 1}
		ana.stepSync(now, messages.SyncPeerUp{Peer: peer})
		ana.stepSync(now, messages.SyncOpened{Session: messages.SyncSession(n + 1), Peer: peer, Initiator: true})
	}
	honest := messages.AuthorityID{99}
	ana.syncOut = nil
	ana.stepSync(now, messages.SyncPeerUp{Peer: honest})
	for ; now.Before(start.Add(maxTurn)) && len(ana.syncOut) == 0; now = ana.sync.Deadline() {
		for _, s := range ana.sync.sessions {
			s.heard = now.Add(-7 * time.Second) // something was heard, of whatever kind
		}
		ana.stepSync(now, messages.Tick{})
		ana.syncOut = slices.DeleteFunc(ana.syncOut, func(e SyncEffect) bool { _, sent := e.(SendFrame); return sent })
	}
	if now != start.Add(maxTurn) {
		t.Fatalf("it moved after %v: %v", now.Sub(start), ana.syncOut)
	}
	for _, s := range ana.sync.sessions {
		s.heard = now
	}
	ana.stepSync(now, messages.Tick{})
	closed, isClose := ana.syncOut[0].(CloseSession)
	opened, isOpen := ana.syncOut[len(ana.syncOut)-1].(OpenSession)
	if !isClose || closed.End.Reason != EndBusy || !isOpen || opened.Peer != honest || len(ana.sync.sessions) != maxSessions-1 {
		t.Errorf("%v", ana.syncOut)
	}
}

// A peer one minor version ahead may send frames that we do not know.
func TestOptionalFramesArePassedOver(t *testing.T) {
	ana, ben := forkedPair(t, 20)
	w := newNetwork(t, ana, ben)
	w.tamper = func(frame []byte) [][]byte {
		return [][]byte{appendFrame(nil, optionalFrame{Kind: 0x93, Body: []byte("later")}), frame}
	}
	w.link(0, 1)
	w.run(1000)
	same(t, ana, ben)
}

func TestKillAtEveryFrameLosesNothing(t *testing.T) {
	for victim := range 2 {
		for at := range 14 {
			ana, ben, _ := trio(t)
			for n := range 140 {
				ana.note(start, fmt.Sprintf("a %d", n))
				if n%14 == 0 {
					ben.note(start, fmt.Sprintf("b %d", n))
				}
			}
			w := newNetwork(t, ana, ben)
			seen, killed := 0, false
			w.tamper = func(frame []byte) [][]byte {
				if seen++; seen == at+1 && !killed {
					killed = true
					return nil
				}
				return [][]byte{frame}
			}
			w.link(0, 1)
			w.run(10_000)
			w.kill(victim)
			w.settle(50)
			if ana.view.Count != 3+150 {
				t.Errorf("victim %d, frame %d: %d facts", victim, at, ana.view.Count)
			}
		}
	}
}
