package channel

import "github.com/waymeet/waymeet/messages"

// drain lets a channel finish what it has begun.
func (m *Manager) drain(c *SecureChannel) {
	c.Draining = true
	if c.drainUntil.IsZero() {
		c.drainUntil = m.now.Add(drainTime)
		m.emit(DrainChannel{Channel: c.Channel})
	}
}

// close ends a channel that the transport still holds.
func (m *Manager) close(c *SecureChannel, reason messages.ChannelReason) {
	if c.State.Over() {
		return
	}
	m.emit(CloseChannel{Channel: c.Channel, Reason: reason})
	m.over(c, reason)
}

// channelClosed ends a channel that the transport has lost.
func (m *Manager) channelClosed(e messages.ChannelClosed) {
	if c := m.registry.FindByID(e.Channel); c != nil {
		m.over(c, e.Reason)
	}
}

// over takes a channel out of the books, and schedules the next call if it was
// the pair's.
func (m *Manager) over(c *SecureChannel, reason messages.ChannelReason) {
	wasOpen := c.State != Establishing
	c.Reason = reason
	if reason.IsError() {
		c.must(Errored)
	} else {
		c.must(Closed)
	}
	for operation, commit := range m.commits {
		if commit.channel == c {
			delete(m.commits, operation)
		}
	}
	p := m.pair(Pair{c.Context, c.Remote})
	wasCurrent := m.registry.FindByContextPeer(c.Context, c.Remote) == c
	m.registry.Prune()
	if wasOpen {
		m.emit(ChannelDown{Pair: p.Pair, Channel: c.Channel, Reason: reason})
	} else if c.syncing {
		m.emit(StopSync{Pair: p.Pair, Channel: c.Channel})
	}
	if !wasCurrent {
		return
	}
	if wasOpen && m.now.Sub(c.openedAt) >= healthy {
		p.failures = 0
	}
	m.scheduleAgain(p)
	if !m.isSmaller(p) {
		p.dialAt = p.dialAt.Add(patience)
	}
}

// counted keeps what the transport has counted.
func (m *Manager) counted(e messages.ChannelCounted) {
	if c := m.registry.FindByID(e.Channel); c != nil {
		c.BytesSent, c.BytesReceived = e.BytesSent, e.BytesReceived
	}
}
