package channel

import (
	"cmp"
	"slices"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous"
)

// contextChanged looks at a newer view: what to listen for, which channels are
// of an older epoch, who is wanted.
func (m *Manager) contextChanged(context messages.ContextID) {
	view := m.view(context)
	if view == nil || !view.Roster.Has(m.config.Self) {
		m.resume(context)
		m.leave(context)
		return
	}
	m.listen(view)
	m.resume(context)
	m.advance(view)
	m.want(view)
	m.caughtUp(view)
}

// resume takes up the channels of an earlier life: those that are open are, the
// others go on where ChannelEstablished may or may not be on disk.
func (m *Manager) resume(context messages.ContextID) {
	records := m.live[context]
	delete(m.live, context)
	// The last one registered is the pair's: the newest epoch, and of two in
	// one epoch the one that was not told to drain, or was just adopted.
	slices.SortFunc(records, func(a, b messages.ChannelRecord) int {
		return cmp.Or(cmp.Compare(a.Epoch, b.Epoch), compareBool(b.Draining, a.Draining),
			compareBool(b.Open, a.Open), a.Channel.Compare(b.Channel))
	})
	for _, record := range records {
		m.pair(Pair{context, record.Peer})
		c := fromRecord(m.config.Self, record)
		m.takePlace(c)
		if record.Open {
			c.journaled = true
			m.openIfUndisputed(c)
		} else if m.view(context) != nil {
			m.goOn(c)
		}
		if record.Draining && !c.State.Over() {
			m.drain(c)
		}
	}
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// advance drains the channels of older epochs: rotation would keep them, and
// there is none yet. Those whose streams were never handed out just close, but
// for those that catch up: the advance is what they are there for.
func (m *Manager) advance(view *rendezvous.View) {
	marked, err := m.registry.AdvanceEpoch(view.Context, view.Epoch)
	if err != nil {
		return
	}
	for _, c := range marked {
		switch {
		case c.CatchUp:
			continue
		case c.State == Establishing:
			m.close(c, messages.ReasonDrained)
			continue
		}
		m.drain(c)
		if p := m.pair(Pair{c.Context, c.Remote}); p.wanted && m.registry.FindByContextPeer(c.Context, c.Remote) == c {
			m.scheduleFirst(p)
		}
	}
}

// want goes through the roster: a channel is wanted with every other member
// whose newest descriptor is not revoked.
func (m *Manager) want(view *rendezvous.View) {
	for _, member := range view.Roster.Members() {
		id := member.Authority()
		record, published := view.Descriptors[id]
		if id == m.config.Self || !published || record.Revoked {
			continue
		}
		p := m.pair(Pair{view.Context, id})
		if !p.wanted {
			p.wanted = true
			m.emit(SpawnConnection{Pair: p.Pair})
			m.scheduleReturn(view, p)
		} else if !p.refused.Allowed() && p.call == nil {
			// What was refused for what the journal said may be allowed now.
			p.dialAt = m.now
		} else if p.behind && m.mayMeet(view, p) {
			m.hasten(p)
		}
	}
	for _, p := range m.pairsOf(view.Context) {
		record := view.Descriptors[p.Peer]
		switch {
		case !view.Roster.Has(p.Peer):
			// SPEC 8.4: "The channels of a removed member close at once."
			m.dismiss(p)
		case record.Revoked:
			p.wanted = false
		}
	}
}

// leave ends everything of a context that the node is not in: not yet, or no
// longer.
func (m *Manager) leave(context messages.ContextID) {
	if m.contexts[context] != nil {
		delete(m.contexts, context)
		m.emit(InstallHelloKeys{Context: context})
	}
	for _, p := range m.pairsOf(context) {
		m.dismiss(p)
	}
}

// dismiss ends everything with one peer of one context.
func (m *Manager) dismiss(p *pair) {
	wasWanted := p.wanted
	p.wanted = false
	for _, a := range m.attemptsOf(p) {
		m.drop(a)
	}
	for _, c := range m.registry.All() {
		if c.Context == p.Context && c.Remote == p.Peer {
			m.close(c, messages.ReasonRemoved)
		}
	}
	if wasWanted {
		m.emit(StopConnection{Pair: p.Pair})
	}
}

// pathChanged is told how a member can be reached; it may come before the view
// that makes the member wanted.
func (m *Manager) pathChanged(name Pair, path messages.PathKind) {
	if view := m.view(name.Context); view != nil && view.Roster.Has(name.Peer) {
		m.pair(name).path = path
	}
}

// pairsOf are the pairs of a context, in their order.
func (m *Manager) pairsOf(context messages.ContextID) []*pair {
	var pairs []*pair
	for name, p := range m.pairs {
		if name.Context == context {
			pairs = append(pairs, p)
		}
	}
	slices.SortFunc(pairs, func(a, b *pair) int { return a.Compare(b.Pair) })
	return pairs
}

// attemptsOf are the attempts of a pair, the oldest first.
func (m *Manager) attemptsOf(p *pair) []*attempt {
	var attempts []*attempt
	for _, a := range m.attempts {
		if a.pair == p {
			attempts = append(attempts, a)
		}
	}
	slices.SortFunc(attempts, compareAttempts)
	return attempts
}
