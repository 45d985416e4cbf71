package channel

import (
	"slices"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

// shouldDial reports whether the pair is to be called when its time comes: the
// peer is wanted and can be reached, no channel of this epoch is there or under
// way. One that still has to catch up in this epoch becomes Active by itself.
func (m *Manager) shouldDial(p *pair) bool {
	if !p.wanted || p.path == 0 || p.attempts > 0 {
		return false
	}
	c := m.registry.FindByContextPeer(p.Context, p.Peer)
	return c == nil || c.NeedsRotation || c.Draining
}

// scheduleFirst sets the time of the first call.
func (m *Manager) scheduleFirst(p *pair) {
	p.dialAt = m.now
	if !m.isSmaller(p) {
		p.dialAt = m.now.Add(patience)
	}
}

// scheduleReturn sets the time of the first call after a start. A peer with
// whom there was a channel may believe that it goes on, and will not call: it is
// given no more time for it than there is after a failure.
//
// SPEC 8.4: "After a restart … a node dials, jittered, every peer it had a
// channel with".
func (m *Manager) scheduleReturn(view *rendezvous.View, p *pair) {
	m.scheduleFirst(p)
	if _, had := view.Established[p.Peer]; had && !m.isSmaller(p) {
		p.dialAt = m.now.Add(m.backoff(0, backoffMax))
	}
}

// scheduleAgain sets the time of the next call after a failure.
func (m *Manager) scheduleAgain(p *pair) {
	most := backoffMax
	if p.behind {
		most = catchUpBackoff
	}
	p.dialAt = m.now.Add(m.backoff(p.failures, most))
	p.failures++
}

// backoff is the wait after so many failures, moved by the jitter.
func (m *Manager) backoff(failures int, most time.Duration) time.Duration {
	return backoff(failures, m.config.Random.IntN(2*backoffJitter+1)-backoffJitter, most)
}

// backoff is base·2ⁿ moved by that many hundredths, never above the maximum.
func backoff(failures, hundredths int, most time.Duration) time.Duration {
	wait := most
	if failures < 16 {
		wait = min(backoffBase<<failures, most)
	}
	return min(wait+wait*time.Duration(hundredths)/100, most)
}

// dialDue calls everybody whose time has come.
func (m *Manager) dialDue() {
	var due []*pair
	for _, p := range m.pairs {
		if m.shouldDial(p) && !m.now.Before(p.dialAt) {
			due = append(due, p)
		}
	}
	slices.SortFunc(due, func(a, b *pair) int { return a.Compare(b.Pair) })
	for _, p := range due {
		m.dial(p)
	}
}

// dial asks the rules and pays; the hello follows when the charge is on disk.
//
// SPEC 6.2: "Order: one Store transaction {compare-and-charge, own receipt,
// facts}, then sends".
func (m *Manager) dial(p *pair) {
	view := m.view(p.Context)
	if view == nil {
		p.wanted = false
		return
	}
	now := messages.MillisOf(m.now)
	snapshot := m.config.Service.Snapshot(view, p.Peer, now)
	outcome, establish := m.config.Service.PrepareEstablishChannel(snapshot, view, p.Peer, p.path)
	m.refuse(p, outcome.Decision)
	p.behind = outcome.Decision.Allowed() && establish.CatchUp
	switch {
	case !outcome.Decision.Allowed():
		m.scheduleAgain(p)
		return
	case p.behind && m.syncsWith(p):
		// What a catch-up channel would be for is under way; the next view may
		// allow more.
		p.dialAt = m.now.Add(backoffMax)
		return
	}
	p.saved.Last = m.nextCounter(p.saved.Last)
	if !m.paid(p, view.Epoch, now) {
		p.saved.Operation = rendezvous.EstablishOperation(p.Context, p.Peer, p.saved.Last.Boot, p.saved.Last.N)
		p.saved.Since, p.saved.Epoch = now, view.Epoch
	}
	m.save(p)
	a := &attempt{
		id:   messages.AttemptID{Context: p.Context, Peer: p.Peer, Boot: p.saved.Last.Boot, N: p.saved.Last.N},
		pair: p, stage: paying, establish: establish, path: p.path, suite: m.config.Suite, began: m.step,
	}
	m.begin(a)
	m.commit(&commit{context: p.Context, commit: outcome.Commit(p.saved.Operation), attempt: a})
}

// paid reports whether the operation of an earlier call still pays for this
// one: the peer did not answer it, or we were restarted in the middle.
func (m *Manager) paid(p *pair, epoch messages.Epoch, now messages.Millis) bool {
	s := p.saved
	return !s.Operation.IsZero() && s.Epoch == epoch && s.Since <= now && now < s.Since.Add(paidFor)
}

// nextCounter is greater than every counter that was used before.
func (m *Manager) nextCounter(last Counter) Counter {
	if last.Boot >= m.config.Boot {
		return Counter{last.Boot, last.N + 1}
	}
	return Counter{m.config.Boot, 1}
}

// shake starts the handshaker of an attempt that is paid for, or that costs
// nothing yet because the peer began it.
func (m *Manager) shake(a *attempt, hello messages.Hello) {
	view := m.view(a.pair.Context)
	if view == nil {
		m.drop(a)
		return
	}
	terms, ok := m.terms(view, a)
	if !ok {
		m.attemptFailed(a)
		return
	}
	a.stage, a.deadline = shaking, m.now.Add(handshakeLimit)
	m.emit(SpawnHandshaker{Terms: terms, Hello: hello})
}

// terms fills what the two ends of the attempt agree on; ok is false when the
// keys of its epoch are gone, or the peer's key is no key.
func (m *Manager) terms(view *rendezvous.View, a *attempt) (terms messages.HandshakeTerms, ok bool) {
	local, remote := a.establish.Local, a.establish.Remote
	keys, held := view.Keys[a.establish.Epoch]
	static, err := membership.NoisePublic(a.establish.PeerKey)
	if !held || err != nil {
		return terms, false
	}
	prologue := messages.Prologue{
		Major:     messages.CurrentVersion.Major,
		Minor:     min(local.Descriptor.Version.Minor, remote.Descriptor.Version.Minor),
		Suite:     a.suite,
		Context:   a.pair.Context,
		Epoch:     a.establish.Epoch,
		Initiator: m.config.Self, Responder: a.pair.Peer,
		InitiatorFact: local.Fact, ResponderFact: remote.Fact,
	}
	if a.id.Inbound() {
		prologue.Initiator, prologue.Responder = prologue.Responder, prologue.Initiator
		prologue.InitiatorFact, prologue.ResponderFact = prologue.ResponderFact, prologue.InitiatorFact
	}
	return messages.HandshakeTerms{
		Attempt: a.id,
		Self:    m.config.Self, Peer: a.pair.Peer, PeerStatic: static,
		Epoch: a.establish.Epoch, Suite: a.suite, Minor: messages.CurrentVersion.Minor,
		PSK:        keys.PairPSK(m.config.Self, a.pair.Peer),
		Prologue:   prologue.Append(nil),
		HelloKey:   keys.Hello,
		HelloIndex: membership.HelloIndex(keys.Hello, remote.Descriptor.Nonce),
		SelfNonce:  local.Descriptor.Nonce,
		PeerNonce:  remote.Descriptor.Nonce,
		Via:        a.via,
	}, true
}

// handshakerDown ends an attempt whose handshaker has ended without a channel.
func (m *Manager) handshakerDown(e messages.HandshakerDown) {
	a := m.attempts[e.Attempt]
	if a == nil {
		return
	}
	m.emit(AttemptFailed{Pair: a.pair.Pair, Attempt: a.id, Failure: e.Failure})
	if e.Failure == messages.FailCrashed {
		// It did nothing wrong: the peer repeats its hello, and gets a new
		// handshaker.
		delete(m.hellos, a.id.Hello)
	}
	m.attemptFailed(a)
}

// attemptFailed ends an attempt, and schedules the next one if it was ours.
func (m *Manager) attemptFailed(a *attempt) {
	p := a.pair
	m.drop(a)
	if !a.id.Inbound() {
		m.scheduleAgain(p)
	}
}

// drop ends an attempt and frees what the transport holds of it.
func (m *Manager) drop(a *attempt) {
	m.forget(a)
	m.emit(FreeAttempt{Attempt: a.id})
	if c := m.registry.FindByContextPeer(a.pair.Context, a.pair.Peer); c != nil {
		m.openIfUndisputed(c)
	}
}

// begin enters an attempt in the books.
func (m *Manager) begin(a *attempt) {
	m.attempts[a.id] = a
	a.pair.attempts++
	if !a.id.Inbound() {
		a.pair.call = a
	}
}

// forget ends an attempt in the books.
func (m *Manager) forget(a *attempt) {
	delete(m.attempts, a.id)
	a.pair.attempts--
	if a.pair.call == a {
		a.pair.call = nil
	}
	for operation, c := range m.commits {
		if c.attempt == a {
			delete(m.commits, operation)
		}
	}
}
