package journal

import (
	"crypto/hmac"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// opened begins a session. Two sessions of one pair are one too many: the one
// that the smaller authority opened goes on.
func (y *Sync) opened(now time.Time, e messages.SyncOpened) {
	peer := y.peers[e.Peer]
	s := &session{id: e.Session, peer: e.Peer, channel: e.Channel, initiator: e.Initiator, heard: now}
	if peer == nil || len(y.state.Tags) == 0 {
		y.emit(CloseSession{Session: e.Session, End: SyncEnd{Reason: EndLost, Detail: "no channel to the peer is known"}})
		return
	}
	if e.Initiator && e.Channel != peer.channel {
		y.emit(CloseSession{Session: e.Session, End: endReplaced})
		return
	}
	if e.Initiator {
		peer.opening = time.Time{}
	} else if !peer.mayOpen(now) {
		y.emit(CloseSession{Session: e.Session, End: SyncEnd{Reason: EndBusy}})
		return
	}
	if other := y.sessions[peer.session]; other != nil {
		oursStays := y.state.Self.Compare(e.Peer) < 0
		if e.Initiator == oursStays || other.initiator == e.Initiator {
			y.end(now, other, SyncEnd{Reason: EndDuplicate}, true)
		} else {
			y.emit(CloseSession{Session: e.Session, End: SyncEnd{Reason: EndDuplicate}})
			return
		}
	}
	if len(y.sessions) >= maxSessions {
		peer.want = true
		y.emit(CloseSession{Session: e.Session, End: SyncEnd{Reason: EndBusy}})
		return
	}
	if _, err := io.ReadFull(y.config.Random, s.nonce[:]); err != nil {
		panic("journal: no randomness for a session: " + err.Error())
	}
	y.sessions[s.id] = s
	peer.session = s.id
	if e.Initiator {
		y.greet(s, slices.Max(slices.Collect(maps.Keys(y.state.Tags))))
	}
}

// mayOpen takes a token for a session that the peer opened.
func (p *syncPeer) mayOpen(now time.Time) bool {
	if refill := int(now.Sub(p.tokensAt) / inboundEvery); refill > 0 {
		p.tokens = min(p.tokens+refill, inboundBurst)
		p.tokensAt = now
	}
	if p.tokens == 0 {
		return false
	}
	p.tokens--
	return true
}

// greet sends our hello, tagged under that epoch.
func (y *Sync) greet(s *session, epoch messages.Epoch) {
	s.tagged = epoch
	s.round = round{number: 1, ours: showState(y.state)}
	y.send(s, helloFrame{
		Nonce:       s.nonce,
		Epoch:       epoch,
		Tag:         sessionTag(y.state.Tags[epoch], s.initiator, s.nonce),
		Count:       y.state.Count,
		Fingerprint: y.state.Fingerprint,
		Frontier:    frontierOf(y.state),
	})
}

func (y *Sync) send(s *session, f frame) {
	y.emit(SendFrame{Session: s.id, Frame: appendFrame(nil, f)})
}

// frame handles one frame of the peer.
func (y *Sync) frame(now time.Time, e messages.SyncFrame) {
	s := y.sessions[e.Session]
	if s == nil {
		return
	}
	s.heard = now
	parsed, err := parseFrame(e.Frame)
	if err != nil {
		y.fault(now, s, err.Error())
		return
	}
	switch f := parsed.(type) {
	case helloFrame:
		y.hello(now, s, f)
	case proofFrame:
		y.proof(now, s, f)
	case stateFrame:
		y.stateShown(now, s, f)
	case factsFrame:
		y.facts(now, s, f)
	case ackFrame:
		if s.round.unacked == 0 {
			y.fault(now, s, "it acknowledges what was not sent")
			return
		}
		s.round.unacked--
		y.read(s)
		y.advance(now, s)
	case doneFrame:
		if !y.exchanging(s) || s.round.gotDone {
			y.fault(now, s, "done before anything was shown")
			return
		}
		s.round.gotDone = true
		y.advance(now, s)
	}
}

func (y *Sync) fault(now time.Time, s *session, detail string) {
	y.end(now, s, SyncEnd{Reason: EndFault, Detail: detail}, true)
}

// exchanging reports whether both sides have shown what they hold.
func (y *Sync) exchanging(s *session) bool {
	return s.proven && s.round.theirs != nil && s.round.ours != nil && !s.finished
}

// hello checks the peer's tag. A peer that is behind or ahead of us is met
// under an epoch that both hold: the answering hello is tagged under the epoch
// of the first one if we hold it, else under our own, and the initiator then
// proves itself under that one. So a member who missed an epoch op still gets
// it.
func (y *Sync) hello(now time.Time, s *session, h helloFrame) {
	if s.greeted {
		y.fault(now, s, "a second hello")
		return
	}
	s.greeted = true
	key, held := y.state.Tags[h.Epoch]
	if held {
		tag := sessionTag(key, !s.initiator, h.Nonce)
		if !hmac.Equal(tag[:], h.Tag[:]) {
			y.fault(now, s, "its hello is not of this context")
			return
		}
		s.proven = true
	}
	theirs := readShown(h.Count, h.Fingerprint, h.Frontier, nil)
	if s.initiator {
		if !held {
			y.end(now, s, SyncEnd{Reason: EndNoCommonEpoch}, true)
			return
		}
		if h.Epoch != s.tagged {
			y.send(s, proofFrame{Epoch: h.Epoch, Tag: sessionTag(key, true, s.nonce)})
		}
	} else {
		s.theirNonce = h.Nonce
		epoch := h.Epoch
		if !held {
			epoch = slices.Max(slices.Collect(maps.Keys(y.state.Tags)))
		}
		y.greet(s, epoch)
	}
	s.round.theirs = theirs
	if s.proven {
		y.begin(now, s)
	}
}

// proof is the initiator's tag under an epoch that we hold.
func (y *Sync) proof(now time.Time, s *session, f proofFrame) {
	key, held := y.state.Tags[f.Epoch]
	if s.initiator || !s.greeted || s.proven || !held {
		y.fault(now, s, "a proof that nobody asked for")
		return
	}
	tag := sessionTag(key, true, s.theirNonce)
	if !hmac.Equal(tag[:], f.Tag[:]) {
		y.fault(now, s, "its proof is not of this context")
		return
	}
	s.proven = true
	y.begin(now, s)
}

// begin starts a round that both sides have opened.
func (y *Sync) begin(now time.Time, s *session) {
	y.showOwn(s, false)
	if s.begin(y.state) {
		y.finish(now, s)
		return
	}
	if s.round.number >= maxRounds {
		detail := ""
		if s.waiting > 0 {
			detail = fmt.Sprintf("%d facts wait for their epoch or their hour", s.waiting)
		}
		y.end(now, s, SyncEnd{Reason: EndNotConverged, Detail: detail}, true)
		return
	}
	y.read(s)
}

// showOwn tells the journal how much of our own chain the peer shows.
func (y *Sync) showOwn(s *session, done bool) {
	own := s.round.theirs.heads[prefixOf(y.state.Self)]
	y.emit(Hold{Shown: messages.PeerHolds{Peer: s.peer, Own: own, Done: done}})
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

// read asks for the next facts to send, or says done when there are none.
func (y *Sync) read(s *session) {
	r := &s.round
	if !y.exchanging(s) || r.reading || r.sentDone || r.unacked >= maxUnacked {
		return
	}
	if len(r.ranges) == 0 {
		r.sentDone = true
		y.send(s, doneFrame{})
		return
	}
	r.reading = true
	y.emit(Read{Ranges: messages.ReadRanges{
		Session: s.id, Ranges: r.ranges, MaxFacts: MaxBatchFacts, MaxBytes: MaxBatchBytes,
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
	facts := make([]messages.Fact, 0, len(e.Facts))
	for _, raw := range e.Facts {
		fact, err := messages.ParseFact(raw)
		if err != nil {
			panic("journal: the store gave what is no fact: " + err.Error())
		}
		facts = append(facts, fact)
	}
	s.round.passed(facts)
	if len(facts) == 0 {
		s.round.ranges = nil
	} else {
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
			err = s.expects(fact)
		}
		if err != nil {
			y.fault(now, s, err.Error())
			return
		}
	}
	s.round.offers++
	y.emit(Offer{Facts: messages.OfferFacts{Session: s.id, From: s.peer, Facts: f.Facts}})
}

// factsOffered acknowledges to the peer what is on disk now.
func (y *Sync) factsOffered(now time.Time, e messages.FactsOffered) {
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

// advance opens the next round when this one is over on both sides.
func (y *Sync) advance(now time.Time, s *session) {
	if !y.exchanging(s) || !s.round.settled() {
		return
	}
	self := prefixOf(y.state.Self)
	if held := showState(y.state).heads[self]; s.round.theirs.heads[self] > held && s.waiting == 0 {
		// A claim that is never made good must not stop our writing.
		y.emit(Hold{Shown: messages.PeerHolds{Peer: s.peer, Own: held}})
		y.fault(now, s, "it shows facts of ours that it does not send")
		return
	}
	// Each has what the other showed. If one of them writes without pause, the
	// sets are never equal: whoever waits for a sync has had it.
	y.showOwn(s, s.waiting == 0)
	s.round = round{number: s.round.number + 1, ours: showState(y.state), theirs: s.ahead}
	s.ahead = nil
	y.send(s, stateFrame{
		Count:       y.state.Count,
		Fingerprint: y.state.Fingerprint,
		Frontier:    frontierOf(y.state),
		Digests:     digestsOf(y.state),
	})
	if s.round.theirs != nil {
		y.begin(now, s)
	}
}

// stateShown is what the peer holds at the start of the next round. It may be
// there before our own round is over.
func (y *Sync) stateShown(now time.Time, s *session, f stateFrame) {
	theirs := readShown(f.Count, f.Fingerprint, f.Frontier, f.Digests)
	switch {
	case s.finished || !s.proven || s.ahead != nil || s.round.ours == nil:
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
