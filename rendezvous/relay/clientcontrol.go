package relay

import (
	"slices"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// control takes what the relay said. What answers no request that is on its
// way is late or repeated, and ignored; but it shows that the relay lives.
func (c *Client) control(now time.Time, control messages.RelayControl) []ClientEffect {
	if c.state != ClientReady {
		return nil
	}
	c.heard()
	switch m := control.(type) {
	case messages.RelayRegistered:
		return c.slotRegistered(m)
	case messages.RelaySession:
		return c.dialAnswered(m)
	case messages.RelayRefused:
		return c.refused(now, m)
	case messages.RelayObserved:
		return c.addressObserved(m)
	case messages.RelayLameDuck:
		return c.relayLeaves()
	default:
		// Requests are for relays.
		return nil
	}
}

func (c *Client) slotRegistered(m messages.RelayRegistered) []ClientEffect {
	for _, s := range c.slots {
		if s.request == m.Request && s.slot == m.Slot && !s.registered {
			s.registered = true
			return []ClientEffect{SlotRegistered{s.slot}}
		}
	}
	return nil
}

func (c *Client) dialAnswered(m messages.RelaySession) []ClientEffect {
	for i, d := range c.dials {
		if d.request == m.Request {
			c.dials = slices.Delete(c.dials, i, i+1)
			c.sessions = append(c.sessions, liveSession{d.dial, d.slot, m.Session})
			return []ClientEffect{SessionReady{d.dial, d.slot, m.Session}}
		}
	}
	return nil
}

func (c *Client) refused(now time.Time, m messages.RelayRefused) []ClientEffect {
	for _, s := range c.slots {
		if s.request == m.Request && !s.registered {
			s.retry = retry{next: now.Add(refusedPause)}
			s.request = c.newRequest()
			return []ClientEffect{SlotRefused{s.slot, m.Code}}
		}
	}
	for i, d := range c.dials {
		if d.request != m.Request {
			continue
		}
		if m.Code == messages.RelayNoSlot && now.Sub(c.since) < settle {
			d.refusal = m.Code
			return nil // its next try is due soon
		}
		c.dials = slices.Delete(c.dials, i, i+1)
		return []ClientEffect{SessionFailed{d.dial, d.slot, m.Code}}
	}
	return nil
}

func (c *Client) addressObserved(m messages.RelayObserved) []ClientEffect {
	if m.Address == c.observed.Address {
		return nil
	}
	c.observed = m
	return []ClientEffect{AddressObserved{m.Address}}
}

func (c *Client) relayLeaves() []ClientEffect {
	if c.lameDuck {
		return nil
	}
	c.lameDuck = true
	return []ClientEffect{LameDuck{}}
}

// heard notes a sign of life: the next keepalive is the idle one again.
func (c *Client) heard() {
	if c.state != ClientReady {
		return
	}
	c.lost, c.keepaliveAt = 0, c.idleAt
}

// probeSoon makes the next keepalive due, at most one per 500 ms.
func (c *Client) probeSoon(now time.Time) {
	if c.state != ClientReady {
		return
	}
	at := c.keepaliveSent.Add(probeKeepalive)
	if at.Before(now) {
		at = now
	}
	if at.Before(c.keepaliveAt) {
		c.keepaliveAt = at
	}
}

// due does everything whose time has come.
func (c *Client) due(now time.Time) []ClientEffect {
	effects := c.expireDials(now)
	switch c.state {
	case ClientIdle:
	case ClientHandshaking:
		effects = append(effects, c.handshakeDue(now)...)
	case ClientReady:
		effects = append(effects, c.readyDue(now)...)
	}
	return effects
}

func (c *Client) expireDials(now time.Time) []ClientEffect {
	var effects []ClientEffect
	c.dials = slices.DeleteFunc(c.dials, func(d *wantedDial) bool {
		if now.Before(d.until) {
			return false
		}
		effects = append(effects, SessionFailed{d.dial, d.slot, d.refusal})
		return true
	})
	return effects
}

func (c *Client) handshakeDue(now time.Time) []ClientEffect {
	if c.unused() {
		c.reset()
		return nil
	}
	var effects []ClientEffect
	if !c.reported && !now.Before(c.since.Add(unreachableAfter)) {
		c.reported = true
		effects = append(effects, Unreachable{})
	}
	if !now.Before(c.handshake.next) {
		c.pace(now, &c.handshake)
		effects = append(effects, RepeatHandshake{})
	}
	return effects
}

func (c *Client) readyDue(now time.Time) []ClientEffect {
	if c.unused() && !now.Before(c.idleSince.Add(linger)) {
		return c.leave()
	}
	var effects []ClientEffect
	for _, s := range c.slots {
		if !s.registered && !now.Before(s.retry.next) {
			c.repeat(now, &s.retry)
			effects = append(effects, SendRegister{s.request, s.slot})
		}
	}
	for _, d := range c.dials {
		if !now.Before(d.retry.next) {
			c.repeat(now, &d.retry)
			effects = append(effects, SendControl{messages.RelayDial{Request: d.request, Slot: d.slot}})
		}
	}
	if now.Before(c.keepaliveAt) {
		return effects
	}
	if c.lost >= maxLost {
		return c.relayLost(now)
	}
	c.lost++
	early := time.Duration(0.2 * c.config.Random.Float64() * float64(idleKeepalive))
	c.idleAt = now.Add(idleKeepalive - early)
	c.keepaliveSent, c.keepaliveAt = now, now.Add(probeKeepalive)
	return append(effects, SendControl{messages.RelayKeepalive{Request: c.newRequest()}})
}

// repeat paces a request; one that has to be repeated is traffic without an
// answer.
func (c *Client) repeat(now time.Time, r *retry) {
	if r.tries > 0 {
		c.probeSoon(now)
	}
	c.pace(now, r)
}

// relayLost begins anew. The sessions may still live at the relay, but nothing
// can be said about them any more: whoever uses them dials again.
func (c *Client) relayLost(now time.Time) []ClientEffect {
	effects := []ClientEffect{Lost{}}
	for _, s := range c.sessions {
		effects = append(effects, SessionLost{s.dial, s.slot, s.session})
	}
	c.sessions = nil
	for _, s := range c.slots {
		s.registered = false
	}
	return append(effects, c.startHandshake(now)...)
}
