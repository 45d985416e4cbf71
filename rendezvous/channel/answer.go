package channel

import (
	"time"

	"github.com/waymeet/waymeet/messages"
)

// heard is a hello that was answered, or is being.
type heard struct {
	attempt messages.AttemptID
	at      time.Time
}

func (h heard) pair() Pair { return Pair{h.attempt.Context, h.attempt.Peer} }

// helloReceived routes an answer to the attempt that it answers, and decides
// about a call.
func (m *Manager) helloReceived(e messages.HelloReceived) {
	view := m.view(e.Context)
	name := Pair{e.Context, e.Hello.Sender}
	// SPEC 7.8: "the sender must be in the current roster, checked before any
	// DH".
	if view == nil || e.Hello.Epoch != e.Epoch || e.Hash.IsZero() ||
		e.Hello.Sender == m.config.Self || !view.Roster.Has(e.Hello.Sender) {
		return
	}
	p := m.pair(name)
	if e.Hello.Kind == messages.HelloResponse {
		if a := p.call; a != nil && a.stage == shaking && a.id.Boot == e.Hello.Boot && a.id.N == e.Hello.N {
			m.emit(ForwardHello{Attempt: a.id, Hello: e.Hello})
		}
		return
	}
	// SPEC 7.3: "A counter not above the last completed one of that sender
	// costs no DH".
	if !(Counter{e.Hello.Boot, e.Hello.N}).After(p.saved.Completed) {
		return
	}
	// SPEC 7.2: "the same hello again: the same answer". SPEC 7.3: "until then
	// hellos are deduplicated by hash".
	if known, is := m.hellos[e.Hash]; is && m.now.Before(known.at.Add(helloTime)) {
		m.emit(Resend{Attempt: known.attempt, Via: e.Via})
		return
	}
	m.answer(p, e)
}

// answer asks the rules about a call and starts the responder's handshaker. A
// refusal is silence.
func (m *Manager) answer(p *pair, e messages.HelloReceived) {
	view := m.view(e.Context)
	snapshot := m.config.Service.Snapshot(view, p.Peer, messages.MillisOf(m.now))
	outcome, establish := m.config.Service.PrepareHandleHandshake(snapshot, view, e.Hello)
	if !outcome.Decision.Allowed() {
		m.refuse(p, outcome.Decision)
		return
	}
	if !m.makeRoom(p.Pair) {
		return
	}
	if establish.CatchUp && !m.catchUps.take(m.now) {
		return // the hello comes again
	}
	a := &attempt{
		id: messages.AttemptID{
			Context: p.Context, Peer: p.Peer, Boot: e.Hello.Boot, N: e.Hello.N, Hello: e.Hash,
		},
		pair: p, establish: establish, path: e.Via.Kind, via: e.Via, suite: e.Hello.Suite, began: m.step,
	}
	m.begin(a)
	m.hellos[e.Hash] = heard{attempt: a.id, at: m.now}
	m.shake(a, e.Hello)
}

// makeRoom makes place for one more pending handshake of a pair: those whose
// time is over go; then, where the pair's share or the whole is full, the
// oldest of it that has failed already.
//
// SPEC 6.3: "Pending handshakes: ≤ 256, 60 s; a bogus completion NEVER consumes
// the pending entry."
func (m *Manager) makeRoom(name Pair) bool {
	for hash, h := range m.hellos {
		if m.attempts[h.attempt] == nil && !m.now.Before(h.at.Add(helloTime)) {
			delete(m.hellos, hash)
		}
	}
	return m.makeRoomAmong(maxPairHellos, func(h heard) bool { return h.pair() == name }) &&
		m.makeRoomAmong(maxHellos, func(heard) bool { return true })
}

// makeRoomAmong makes place for one more of those that count, of which there
// may be so many.
func (m *Manager) makeRoomAmong(most int, counts func(heard) bool) bool {
	var oldest messages.HelloHash
	held := 0
	for hash, h := range m.hellos {
		if !counts(h) {
			continue
		}
		held++
		if m.attempts[h.attempt] == nil && (oldest.IsZero() || h.at.Before(m.hellos[oldest].at)) {
			oldest = hash
		}
	}
	if held >= most && !oldest.IsZero() {
		delete(m.hellos, oldest)
		held--
	}
	return held < most
}
