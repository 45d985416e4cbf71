package journal

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// helloOf is the hello of a node that opens a session and holds other facts.
func helloOf(n *node) []byte {
	nonce := [16]byte{1}
	epoch := n.state.Epoch
	return appendFrame(nil, helloFrame{
		Nonce: nonce, Epoch: epoch, Tag: sessionTag(n.state.Tags[epoch], messages.ChannelID{}, true, nonce), Count: n.state.Count + 5,
		Frontier: frontierOf(n.state),
	})
}

func TestSessionEndsWithATypedReason(t *testing.T) {
	outsider := found(t, 9)
	outsider.admit(start, 2)
	outsider.admit(start, 3)
	tests := map[string]struct {
		frames func(ana, ben *node) [][]byte
		want   EndReason
	}{
		"no frame":                 {func(*node, *node) [][]byte { return [][]byte{{}} }, EndFault},
		"unknown frame":            {func(*node, *node) [][]byte { return [][]byte{{77}} }, EndFault},
		"facts before hello":       {func(a, b *node) [][]byte { return [][]byte{appendFrame(nil, factsFrame{Facts: a.facts()})} }, EndFault},
		"done before hello":        {func(*node, *node) [][]byte { return [][]byte{{kindDone}} }, EndFault},
		"ack of nothing":           {func(a, b *node) [][]byte { return [][]byte{helloOf(a), {kindAck}} }, EndFault},
		"two hellos":               {func(a, b *node) [][]byte { return [][]byte{helloOf(a), helloOf(a)} }, EndFault},
		"a state out of turn":      {func(a, b *node) [][]byte { return [][]byte{helloOf(a), appendFrame(nil, stateFrame{})} }, EndFault},
		"hello cut short":          {func(a, b *node) [][]byte { return [][]byte{helloOf(a)[:1]} }, EndFault},
		"hello of another context": {func(a, b *node) [][]byte { return [][]byte{helloOf(outsider)} }, EndFault},
		"facts that were not due": {func(a, b *node) [][]byte {
			return [][]byte{helloOf(a), appendFrame(nil, factsFrame{Facts: a.facts()[:1]})}
		}, EndFault},
		"nothing more":  {func(a, b *node) [][]byte { return nil }, EndSilent},
		"stream closed": {nil, EndLost},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			ana, ben, _ := trio(t)
			ben.stepSync(start, messages.SyncPeerUp{Peer: ana.identity.Authority()})
			ben.stepSync(start, messages.SyncOpened{Session: 5, Peer: ana.identity.Authority()})
			if test.frames == nil {
				ben.stepSync(start, messages.SyncClosed{Session: 5})
			} else {
				for _, frame := range test.frames(ana, ben) {
					ben.stepSync(start, messages.SyncFrame{Session: 5, Frame: frame})
				}
				ben.stepSync(start.Add(maxSilence), messages.Tick{})
			}
			if len(ben.ends) == 0 || ben.ends[0].Reason != test.want {
				t.Errorf("ends %v, want %v", ben.ends, SyncEnd{Reason: test.want})
			}
		})
	}
}

// SPEC 13.2: "only what was asked for is accepted."
func TestPeerThatNeverStopsSendingIsAtFault(t *testing.T) {
	ana, ben, _ := trio(t)
	note := ana.note(start, "once")
	raw := ana.raw(note)
	frame := appendFrame(nil, factsFrame{Facts: [][]byte{raw}})
	ben.stepSync(start, messages.SyncPeerUp{Peer: ana.identity.Authority()})
	ben.stepSync(start, messages.SyncOpened{Session: 5, Peer: ana.identity.Authority()})
	ben.stepSync(start, messages.SyncFrame{Session: 5, Frame: helloOf(ana)})
	for range 3 {
		ben.stepSync(start, messages.SyncFrame{Session: 5, Frame: frame})
	}
	if len(ben.ends) != 1 || ben.ends[0].Reason != EndFault || !ben.journal.set.has(note) {
		t.Errorf("ends %v, the fact itself is held: %t", ben.ends, ben.journal.set.has(note))
	}
}

// A member that shows facts of ours which it does not have stops our writing
// for the length of a session, not for ever.
func TestClaimOnOurChainMustBeMadeGood(t *testing.T) {
	ana, ben, _ := trio(t)
	liar := ana.state
	liar.Count++
	liar.Authors = append(slices.Clone(liar.Authors), messages.AuthorState{
		Author: ben.identity.Authority(), Head: 9, Last: 9,
	})
	slices.SortFunc(liar.Authors, func(a, b messages.AuthorState) int { return a.Author.Compare(b.Author) })
	ana.state = liar
	ben.stepSync(start, messages.SyncPeerUp{Peer: ana.identity.Authority()})
	for name, frame := range map[string][]byte{"not made good": {kindDone}, "garbage follows": {77}} {
		t.Run(name, func(t *testing.T) {
			ben.ends = nil
			ben.stepSync(start, messages.SyncOpened{Session: 5, Peer: ana.identity.Authority()})
			ben.stepSync(start, messages.SyncFrame{Session: 5, Frame: helloOf(ana)})
			if ben.journal.mayWrite(start) {
				t.Error("ben writes while a peer shows more of his chain")
			}
			ben.stepSync(start, messages.SyncFrame{Session: 5, Frame: frame})
			if len(ben.ends) != 1 || ben.ends[0].Reason != EndFault || !ben.journal.mayWrite(start) {
				t.Errorf("ends %v, may write: %t", ben.ends, ben.journal.mayWrite(start))
			}
		})
	}
}

// A round is over when everything of it is on disk, not before.
func TestNextRoundWaitsForTheDisk(t *testing.T) {
	ana, ben, _ := trio(t)
	ana.note(start, "news")
	w := newNetwork(t, ana, ben)
	shown := 0
	w.tamper = func(frame []byte) [][]byte {
		if frame[0] == kindState || frame[0] == kindAck {
			shown++
		}
		return [][]byte{frame}
	}
	ben.hold = true
	w.link(0, 1)
	w.run(1000)
	if len(ben.kept) != 1 || shown != 0 {
		t.Fatalf("%d writes under way, %d frames that say they are done", len(ben.kept), shown)
	}
	ben.release(w.now)
	w.run(1000)
	same(t, ana, ben)
}

// A peer that does not acknowledge holds back what follows, and one that does
// not wait for the disk is at fault.
func TestFactsWaitForAcknowledgements(t *testing.T) {
	a, ana, ben := newArchive(t, 2)
	facts := a.append(2*(maxUnacked+3)*MaxBatchFacts, true)
	hold(ben, facts)
	e := &enemy{node: ana, victim: ben, now: start.Add(time.Minute), session: 100}
	e.meet()
	frames := e.greet(row{ben.identity.Authority(), 0})
	if len(frames) != 1+maxUnacked {
		t.Errorf("%d frames without an acknowledgement", len(frames))
	}
	if frames = e.send(ackFrame{}); len(frames) != 1 {
		t.Errorf("%d frames for one acknowledgement", len(frames))
	}

	ben.stepSync(e.now, messages.SyncClosed{Session: e.session})
	ben.ends, ben.hold = nil, true
	more := a.append(2*(maxUnacked+1), true)
	e.meet()
	e.greet(row{more[0].Header.Author, more[len(more)-2].Header.Seq})
	for n := range maxUnacked + 1 {
		if len(ben.ends) > 0 {
			t.Fatalf("%v after %d frames", ben.ends, n)
		}
		e.send(factsFrame{Facts: [][]byte{more[2*n].Append(nil)}})
	}
	e.ended(t, EndFault, "facts out of turn")
}

// SPEC 13.2: "per-peer rate limit".
func TestPeerMayNotOpenSessionsForEver(t *testing.T) {
	ana, ben, _ := trio(t)
	peer := ana.identity.Authority()
	ben.stepSync(start, messages.SyncPeerUp{Peer: peer})
	refused := func(from messages.SyncSession, now time.Time, sessions int) (busy int) {
		ben.syncOut = nil
		for n := range sessions {
			session := from + messages.SyncSession(n)
			ben.stepSync(now, messages.SyncOpened{Session: session, Peer: peer})
			ben.stepSync(now, messages.SyncClosed{Session: session})
		}
		for _, effect := range ben.syncOut {
			if closed, ok := effect.(CloseSession); ok && closed.End.Reason == EndBusy {
				busy++
			}
		}
		return busy
	}
	if busy := refused(1, start, sessionRate.burst+5); busy != 5 {
		t.Errorf("%d of %d sessions at once were refused", busy, sessionRate.burst+5)
	}
	if busy := refused(100, start.Add(3*sessionRate.every), 4); busy != 1 {
		t.Errorf("%d of 4 sessions were refused after three tokens came back", busy)
	}
}

func FuzzParseFrame(f *testing.F) {
	f.Add(appendFrame(nil, helloFrame{Epoch: 3, Frontier: make([]byte, frontierSize)}))
	f.Add(appendFrame(nil, proofFrame{Epoch: 1}))
	f.Add(appendFrame(nil, stateFrame{Frontier: make([]byte, frontierSize)}))
	f.Add(appendFrame(nil, factsFrame{Facts: [][]byte{{1}, {2, 3}}}))
	f.Add([]byte{kindAck})
	f.Add([]byte{kindDone})
	f.Add(appendFrame(nil, comparisonFrame{vectorComparison}))
	f.Add(appendFrame(nil, optionalFrame{Kind: kindOptional, Body: []byte("later")}))
	f.Fuzz(func(t *testing.T, b []byte) {
		parsed, err := parseFrame(b)
		if err != nil {
			return
		}
		if again := appendFrame(nil, parsed); !slices.Equal(again, b) {
			t.Errorf("parse and append changed %x to %x", b, again)
		}
	})
}

// FuzzSession sends any frames to a member: whatever they are, it neither
// fails nor loses what it holds.
func FuzzSession(f *testing.F) {
	f.Add(uint64(1), []byte{kindDone})
	f.Add(uint64(2), appendFrame(nil, stateFrame{}))
	f.Fuzz(func(t *testing.T, seed uint64, frame []byte) {
		ana, ben, _ := trio(t)
		before := ben.view.Count
		ana.note(start, "news")
		w := newNetwork(t, ana, ben)
		random := rand.New(rand.NewPCG(seed, 0))
		w.tamper = func(honest []byte) [][]byte {
			if random.IntN(4) == 0 {
				return [][]byte{frame}
			}
			return [][]byte{honest}
		}
		w.link(0, 1)
		w.run(10_000)
		if ben.view.Count < before {
			t.Error("facts were lost")
		}
		w.tamper = nil
		w.settle(50)
	})
}

// A session ends with the channel it runs on: one that stayed would win over
// the peer's on the new channel, for half a minute.
func TestSessionEndsWithItsChannel(t *testing.T) {
	ana, ben, _ := trio(t)
	if ana.identity.Authority().Compare(ben.identity.Authority()) > 0 {
		ana, ben = ben, ana // the smaller one's session is the one that goes on
	}
	peer, old, fresh := ben.identity.Authority(), messages.ChannelID{1}, messages.ChannelID{2}
	opened := func(session messages.SyncSession, on messages.ChannelID, ours bool) messages.SyncOpened {
		return messages.SyncOpened{Session: session, Peer: peer, Channel: on, Initiator: ours}
	}
	open := func() (sessions []messages.SyncSession) {
		for id := range ana.sync.sessions {
			sessions = append(sessions, id)
		}
		return sessions
	}
	tests := map[string]struct {
		events []messages.JournalSyncMessage
		// open is which session goes on, on the new channel; 0: none. asked
		// says whether a session on it is being opened.
		open  messages.SyncSession
		asked bool
	}{
		"it runs on the old one": {[]messages.JournalSyncMessage{
			opened(5, old, true), messages.SyncPeerUp{Peer: peer, Channel: fresh},
		}, 0, true},
		"it was being opened on the old one": {[]messages.JournalSyncMessage{
			messages.SyncPeerUp{Peer: peer, Channel: fresh}, opened(5, old, true),
		}, 0, true},
		"it could not be opened on the old one": {[]messages.JournalSyncMessage{
			messages.SyncPeerUp{Peer: peer, Channel: fresh},
			messages.SyncOpenFailed{Peer: peer, Channel: old},
		}, 0, true},
		"the peer's comes after one was being opened on the old one": {[]messages.JournalSyncMessage{
			messages.SyncPeerUp{Peer: peer, Channel: fresh}, opened(5, old, true), opened(6, fresh, false),
		}, 6, true},
		"the peer's is on the new one before we hear of that": {[]messages.JournalSyncMessage{
			opened(6, fresh, false), messages.SyncPeerUp{Peer: peer, Channel: fresh},
		}, 6, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			ana.sync = NewSync(SyncConfig{Random: ana.random, Jitter: rand.New(rand.NewPCG(1, 2))})
			ana.stepSync(start, ana.state)
			ana.stepSync(start, messages.SyncPeerUp{Peer: peer, Channel: old})
			for _, event := range test.events {
				ana.stepSync(start, event)
			}
			if sessions := open(); len(sessions) > 1 || test.open == 0 && len(sessions) != 0 || test.open != 0 && !slices.Contains(sessions, test.open) {
				t.Errorf("sessions %v go on, not %d", sessions, test.open)
			}
			asked := !ana.sync.peers[peer].opening.IsZero()
			if asked != test.asked || ana.sync.peers[peer].channel != fresh {
				t.Errorf("asked for one on the new channel: %t", asked)
			}
		})
	}
}
