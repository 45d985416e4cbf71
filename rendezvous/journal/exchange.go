package journal

import (
	"fmt"
	"time"

	"github.com/waymeet/waymeet/messages"
)

func (y *Sync) send(s *session, f frame) {
	y.emit(SendFrame{Session: s.id, Frame: appendFrame(nil, f)})
}

// frame handles one frame of the peer.
func (y *Sync) frame(now time.Time, e messages.SyncFrame) {
	s := y.sessions[e.Session]
	if s == nil {
		return
	}
	parsed, err := parseFrame(e.Frame)
	if err != nil {
		y.fault(now, s, err.Error())
		return
	}
	if _, passedOver := parsed.(optionalFrame); passedOver {
		if s.optional++; s.optional > maxOptional {
			y.fault(now, s, "too many frames of kinds that we do not know")
		}
		return
	}
	s.heard = now
	switch f := parsed.(type) {
	case helloFrame:
		y.hello(now, s, f)
	case proofFrame:
		y.proof(now, s, f)
	case stateFrame:
		y.stateShown(now, s, f)
	case comparisonFrame:
		y.compared(now, s, f.Comparison)
	case factsFrame:
		y.facts(now, s, f)
	case ackFrame:
		y.acknowledged(now, s)
	case doneFrame:
		y.done(now, s)
	}
}

// fault ends a session with a peer that has broken a rule. What it alone has claimed
// of our chain must not stop our writing any more (SPEC 3.1).
func (y *Sync) fault(now time.Time, s *session, detail string) {
	y.emit(TellJournal{messages.PeerHolds{Peer: s.peer}})
	y.end(now, s, SyncEnd{Reason: EndFault, Detail: detail}, true)
}

// exchanging reports whether both sides have shown what they hold.
func (y *Sync) exchanging(s *session) bool {
	return s.proven && s.round.theirs != nil
}

// begin starts a round that both sides have opened.
func (y *Sync) begin(now time.Time, s *session) {
	y.showOwn(s, false)
	r := &s.round
	switch {
	case r.ours.sameAs(r.theirs):
		y.finish(now, s)
		return
	case r.number >= maxRounds || s.last.provedVain(r):
		detail := "both hold facts that only one of them counts"
		switch {
		case s.waiting > 0:
			detail = fmt.Sprintf("%d facts wait for their epoch or their hour", s.waiting)
		case r.number >= maxRounds:
			detail = "facts are written faster than they are told"
		}
		y.end(now, s, SyncEnd{Reason: EndNotConverged, Detail: detail}, true)
		return
	}
	r.ranges = s.missing(y.state)
	if y.beginComparison(now, s) {
		y.read(s)
	}
}

// showOwn tells the journal how much of our own chain the peer shows.
func (y *Sync) showOwn(s *session, done bool) {
	own := s.round.theirs.chains[messages.Prefix(y.state.Self)]
	y.emit(TellJournal{messages.PeerHolds{Peer: s.peer, Own: own.head, Last: own.last, Done: done}})
}

// finish ends a session with equal sets. Both sides see it from the same two
// frames, and both close.
func (y *Sync) finish(now time.Time, s *session) {
	s.finished = true
	y.showOwn(s, true)
	peer := y.peers[s.peer]
	peer.known = s.round.ours.fingerprint
	peer.failures = 0
	peer.want = peer.known != y.state.Fingerprint
	y.emit(Synced{Peer: s.peer, End: SyncEnd{Reason: EndEqual}, Fingerprint: peer.known, Sent: s.sent, Received: s.received})
	y.end(now, s, SyncEnd{Reason: EndEqual}, true)
}

// read asks for the next facts to send, or says done when there are none and
// there will be none.
func (y *Sync) read(s *session) {
	r := &s.round
	if r.reading || r.sentDone || r.unacked >= maxUnacked {
		return
	}
	if len(r.ranges) == 0 && len(r.asked) == 0 {
		if r.comparison.over {
			r.sentDone = true
			y.send(s, doneFrame{})
		}
		return
	}
	r.reading = true
	y.emit(TellJournal{messages.ReadRanges{
		Session: s.id, Ranges: r.ranges, Facts: r.asked[:min(len(r.asked), MaxBatchFacts)],
		MaxFacts: MaxBatchFacts, MaxBytes: MaxBatchBytes,
	}})
}

// factsRead sends what the journal gave.
func (y *Sync) factsRead(now time.Time, e messages.FactsRead) {
	s := y.sessions[e.Session]
	if s == nil || !s.round.reading {
		return
	}
	s.heard = now
	s.round.reading = false
	if e.Failure != "" {
		y.end(now, s, SyncEnd{Reason: EndStopped, Detail: e.Failure}, true)
		return
	}
	if !y.peers[s.peer].served.take(now, len(e.Facts), y.state.Count) {
		y.end(now, s, SyncEnd{Reason: EndBusy, Detail: "it asks for all our facts again and again"}, true)
		return
	}
	facts := make([]messages.Fact, 0, len(e.Facts))
	for _, raw := range e.Facts {
		fact, err := messages.ParseFact(raw)
		if err != nil {
			panic("journal: the store gave what is no fact: " + err.Error())
		}
		facts = append(facts, fact)
	}
	s.round.passed(facts)
	if len(facts) > 0 {
		s.round.unacked++
		s.sent += len(facts)
		y.send(s, factsFrame{Facts: e.Facts})
	}
	y.read(s)
	y.advance(now, s)
}

// facts hands what the peer sent to the journal, if it was asked for.
func (y *Sync) facts(now time.Time, s *session, f factsFrame) {
	if !y.exchanging(s) || s.round.gotDone || s.round.offers >= maxUnacked {
		y.fault(now, s, "facts out of turn")
		return
	}
	for _, raw := range f.Facts {
		fact, err := messages.ParseFact(raw)
		if err == nil {
			err = s.round.expects(fact)
		}
		if err != nil {
			y.fault(now, s, err.Error())
			return
		}
	}
	if y.peers[s.peer].useless.exceeds(now, maxUseless) {
		y.end(now, s, SyncEnd{Reason: EndBusy, Detail: "it sends too many facts that are of no use"}, true)
		return
	}
	if !y.peers[s.peer].offers.give(now) {
		y.end(now, s, SyncEnd{Reason: EndBusy, Detail: "too much of what it sends is not stored yet"}, true)
		return
	}
	s.round.offers++
	y.emit(TellJournal{messages.OfferFacts{Session: s.id, From: s.peer, Facts: f.Facts}})
}

// factsOffered acknowledges to the peer what is on disk now.
func (y *Sync) factsOffered(now time.Time, e messages.FactsOffered) {
	if a := y.allowances[e.Peer]; a != nil { // whatever has become of the session
		a.offers.answered()
		a.useless.spend(now, uint64(e.Waiting+e.Refused))
	}
	s := y.sessions[e.Session]
	if s == nil || s.round.offers == 0 {
		return
	}
	s.heard = now
	s.round.offers--
	s.received += e.Admitted
	s.waiting += e.Waiting
	switch {
	case e.Failure != "":
		y.end(now, s, SyncEnd{Reason: EndStopped, Detail: e.Failure}, true)
	case e.Fault != "":
		y.fault(now, s, e.Fault)
	default:
		y.send(s, ackFrame{})
		y.advance(now, s)
	}
}

// acknowledged makes room for the next facts.
func (y *Sync) acknowledged(now time.Time, s *session) {
	if s.round.unacked == 0 {
		y.fault(now, s, "it acknowledges what was not sent")
		return
	}
	s.round.unacked--
	y.read(s)
	y.advance(now, s)
}

// done takes in that the peer has sent everything of this round.
func (y *Sync) done(now time.Time, s *session) {
	r := &s.round
	switch {
	case !y.exchanging(s) || r.gotDone:
		y.fault(now, s, "done before anything was shown")
	case !r.comparison.over:
		y.fault(now, s, "done before all was compared")
	case len(r.comparison.wanted) > 0:
		y.fault(now, s, "it does not send facts that it named")
	default:
		r.gotDone = true
		y.advance(now, s)
	}
}

// advance opens the next round when this one is over on both sides.
func (y *Sync) advance(now time.Time, s *session) {
	if !s.round.settled() {
		return
	}
	self := messages.Prefix(y.state.Self)
	if held := showState(y.state).chains[self]; s.round.theirs.chains[self].last > held.last && s.waiting == 0 {
		y.fault(now, s, "it shows facts of ours that it does not send")
		return
	}
	// Each has what the other showed. If one of them writes without pause, the
	// sets are never equal: whoever waits for a sync has had it.
	y.showOwn(s, s.waiting == 0)
	s.last = s.round
	s.round = round{number: s.round.number + 1, ours: showState(y.state), theirs: s.ahead}
	s.ahead = nil
	y.send(s, stateFrame{Count: y.state.Count, Fingerprint: y.state.Fingerprint, Frontier: frontierOf(y.state)})
	if s.round.theirs != nil {
		y.begin(now, s)
	}
}

// stateShown is what the peer holds at the start of the next round. It may be
// there before our own round is over.
func (y *Sync) stateShown(now time.Time, s *session, f stateFrame) {
	theirs := readShown(f.Count, f.Fingerprint, f.Frontier)
	switch {
	case !s.proven || s.ahead != nil:
		y.fault(now, s, "a state out of turn")
	case s.round.theirs == nil:
		s.round.theirs = theirs
		y.begin(now, s)
	case s.round.gotDone:
		s.ahead = theirs
	default:
		y.fault(now, s, "a state before done")
	}
}
