package channel

import (
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous"
)

// handshakeComplete makes a channel of an attempt: its transport is up, and
// both ends hold its keys.
func (m *Manager) handshakeComplete(e messages.HandshakeComplete) {
	a := m.attempts[e.Attempt]
	if a == nil || a.stage != shaking {
		m.emit(FreeAttempt{Attempt: e.Attempt})
		return
	}
	p := a.pair
	if a.id.Inbound() {
		// SPEC 7.3: "the last-seen value is raised only by a completed
		// handshake".
		if !a.counter().After(p.saved.Completed) {
			m.drop(a)
			return
		}
		p.saved.Completed = a.counter()
	} else if !a.establish.CatchUp {
		p.saved.Operation = messages.OperationID{} // it has paid for a channel
	}
	m.save(p)
	if old := m.registry.FindByContextPeer(p.Context, p.Peer); old != nil && m.stays(old, a) {
		m.drop(a)
		return
	}
	m.forget(a)
	c := fromRecord(m.config.Self, messages.ChannelRecord{
		Channel:    ChannelOf(p.Context, a.establish.Epoch, e.Result.Hash),
		Context:    p.Context,
		Peer:       p.Peer,
		Initiator:  a.initiator(m.config.Self),
		Epoch:      a.establish.Epoch,
		Transcript: e.Result.Hash,
		Path:       a.path,
	})
	c.completed, c.completedAt = m.step, m.now
	if a.establish.CatchUp || !m.mayWrite(p.Context) {
		c.CatchUp, c.catchUpUntil = true, m.now.Add(catchUpTime)
	}
	p.behind = a.establish.CatchUp
	m.takePlace(c)
	m.emit(AdoptChannel{Attempt: a.id, Record: c.Record()})
	if p.call != nil && (p.call.stage == paying || m.losesTo(p.call, c)) {
		m.drop(p.call)
	}
	m.goOn(c)
}

// goOn takes the next step with a channel whose transport is up.
func (m *Manager) goOn(c *SecureChannel) {
	if c.CatchUp {
		m.catchUp(c)
	} else {
		m.journal(c)
	}
}

// stays reports whether the channel of the pair keeps its place against an
// attempt that has just been completed.
//
// SPEC 6.3: "if both are confirmed, the one initiated by the smaller
// AuthorityID stays and the other closes unused." Both were initiated at once
// if the attempt began before the channel was there; if it began later, its
// initiator has lost the channel, and the new one takes its place.
func (m *Manager) stays(old *SecureChannel, a *attempt) bool {
	if old.Epoch != a.establish.Epoch {
		return old.Epoch.After(a.establish.Epoch)
	}
	initiator := a.initiator(m.config.Self)
	return old.Initiator != initiator && a.began < old.completed && old.Initiator.Compare(initiator) < 0
}

// losesTo reports whether the attempt, if it were completed, would have to
// close for the channel.
func (m *Manager) losesTo(a *attempt, c *SecureChannel) bool {
	return a.began < c.completed && m.stays(c, a)
}

// takePlace registers a channel. The one whose place it takes closes if its
// streams were not handed out, and drains if they were (SPEC 8.5). One of the
// same epoch has little time for it: one end has lost it (stays), and what goes
// on over it may never arrive.
func (m *Manager) takePlace(c *SecureChannel) {
	old := m.registry.Register(c)
	switch {
	case old == nil:
	case old.State == Establishing:
		m.close(old, messages.ReasonSuperseded)
	case old.Epoch == c.Epoch:
		m.drain(old)
		old.drainUntil = m.now.Add(supersededTime)
	default:
		m.drain(old)
	}
}

// journal asks the rules whether the channel may be kept, charges if we are
// the responder, and appends ChannelEstablished.
//
// SPEC 6.2: "PrepareHandleCompletion, at the first valid data datagram,
// charges and appends, and only then are streams handed out; a refusal there
// closes the channel with its reason."
func (m *Manager) journal(c *SecureChannel) {
	view, p := m.view(c.Context), m.pair(Pair{c.Context, c.Remote})
	if view == nil {
		m.close(c, messages.ReasonRemoved)
		return
	}
	established := c.Record().Established(m.config.Self)
	snapshot := m.config.Service.Snapshot(view, c.Remote, messages.MillisOf(m.now))
	outcome := m.config.Service.PrepareHandleCompletion(snapshot, view, established, c.Path)
	m.refuse(p, outcome.Decision)
	if !outcome.Decision.Allowed() {
		m.close(c, messages.ReasonRefused)
		return
	}
	operation := rendezvous.CompletionOperation(c.Context, established)
	m.commit(&commit{context: c.Context, commit: outcome.Commit(operation), channel: c})
}

// openIfUndisputed hands out the streams of a channel that is on disk, unless
// an attempt is still in the air that would take its place: then it waits, so
// that who has to close closes unused.
func (m *Manager) openIfUndisputed(c *SecureChannel) {
	if c.State != Establishing || !c.journaled || m.isDisputed(c) {
		return
	}
	p := m.pair(Pair{c.Context, c.Remote})
	c.must(Active)
	c.openedAt = m.now
	if c.syncing && c.Initiator == m.config.Self {
		p.saved.Operation = messages.OperationID{} // it has paid for a channel
		m.save(p)
	}
	m.emit(
		OpenStreams{Channel: c.Channel},
		ChannelUp{Pair: p.Pair, Channel: c.Channel, Epoch: c.Epoch, Initiator: c.Initiator == m.config.Self},
	)
}

// isDisputed reports whether a channel waits for a rival. A rival that is lost
// on its way is not waited for until it fails: our own call ends after
// rivalTime, and the peer's no longer counts after twice that time, for by then
// the peer has ended it.
func (m *Manager) isDisputed(c *SecureChannel) bool {
	for _, a := range m.attemptsOf(m.pair(Pair{c.Context, c.Remote})) {
		rival := a.initiator(m.config.Self)
		if a.stage != shaking || a.began >= c.completed || rival == c.Initiator || rival.Compare(c.Initiator) > 0 {
			continue
		}
		until := c.completedAt.Add(rivalTime)
		if a.id.Inbound() {
			until = until.Add(rivalTime)
		}
		if m.now.Before(until) {
			c.disputedUntil = until
			return true
		}
		if !a.id.Inbound() {
			m.forget(a)
			m.emit(FreeAttempt{Attempt: a.id})
		}
	}
	c.disputedUntil = time.Time{}
	return false
}
