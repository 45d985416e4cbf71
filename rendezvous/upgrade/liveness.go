package upgrade

import (
	"fmt"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// minSuspicion is the least silence that puts a direct path in doubt
// (SPEC 10.7).
const minSuspicion = 150 * time.Millisecond

// heldReason is why a pair stays on the relay that a person holds there.
const heldReason = "held on relay (debug)"

// doubt is a direct path that may be dead.
type doubt struct {
	// since is when it was last known to work; until when it is given up.
	since, until time.Time
}

// suspicion is how long a path may be silent before it is in doubt, and how
// long the doubt may last.
func (c *Connection) suspicion() time.Duration { return max(3*c.channel.rtt, minSuspicion) }

// pathSilent takes evidence that a path does not work. A silent relay is the
// business of who holds the session, which says RelayLost.
//
// SPEC 10.7: "Direct path silent: suspect after max(3 RTT, 150 ms) — send on
// both — and fail over to the relay".
func (c *Connection) pathSilent(now time.Time, e messages.PathSilent) {
	if e.Path != c.channel.path || e.Path.Kind != messages.PathDirect || e.For < c.suspicion() {
		return
	}
	c.suspect(now, now.Add(-e.For))
}

// suspect puts the direct path in doubt.
func (c *Connection) suspect(now, since time.Time) {
	if c.doubt != nil {
		return
	}
	c.doubt = &doubt{since: since, until: now.Add(c.suspicion())}
	if !c.relay.ready.IsZero() {
		c.do(SendBoth{On: true, Relay: c.relay.ready})
	}
}

// trust ends a doubt.
func (c *Connection) trust() {
	if c.doubt == nil {
		return
	}
	c.doubt = nil
	c.do(SendBoth{On: false, Relay: c.relay.ready})
}

// pathHeard takes evidence that a path works. A direct path that was never
// validated proves nothing by it; a relay path that the peer uses while we
// have none is as good as one of our own.
func (c *Connection) pathHeard(now time.Time, e messages.PathHeard) {
	switch {
	case !c.channel.up():
	case e.Path.Kind == messages.PathDirect:
		if e.Path == c.channel.path {
			c.trust()
		}
	case e.Path.Kind != messages.PathRelay || e.Path == c.relay.ready:
	case !c.relay.ready.IsZero():
		c.relay.spare = e.Path
	default:
		c.relay.ready = e.Path
		c.relayFound(now, "the peer uses a new session")
	}
}

// networkMoved looks at the direct path in use after our network has changed:
// it is given up if it cannot leave any more, and in doubt else.
//
// SPEC 10.5: "Stale external mappings are never viable."
func (c *Connection) networkMoved(now time.Time) {
	if recoverable(c.channel.binding, *c.local) {
		c.suspect(now, now)
		return
	}
	if !c.relay.ready.IsZero() {
		c.failOver(now, fmt.Sprintf("%s is gone", c.channel.binding.Prefix.Addr()))
		return
	}
	c.suspect(now, now)
}

// giveUpDoubtful fails over when a doubt has lasted long enough and there is a
// relay to fail over to.
func (c *Connection) giveUpDoubtful(now time.Time) {
	if c.doubt == nil || now.Before(c.doubt.until) || c.relay.ready.IsZero() {
		return
	}
	c.failOver(now, "no answer "+inMillis(now.Sub(c.doubt.since)))
}

// failOver moves the channel to the relay that is ready.
//
// SPEC 10.7: "fail over to the relay; the last datagram is repeated on the new
// path."
func (c *Connection) failOver(now time.Time, reason string) {
	from := c.channel.path
	c.doubt = nil
	c.channel.path, c.channel.rtt, c.channel.binding = c.relay.ready, 0, messages.Binding{}
	c.remember(now, c.relay.ready, reason)
	c.do(
		FailOver{To: c.relay.ready, Reason: reason},
		RepeatLast{},
		Announce{Change: Change{From: from.Kind, To: messages.PathRelay, Remote: c.relay.ready.Addr, Reason: reason}},
	)
}

// holdRelay keeps the pair on the relay, or lets it go.
func (c *Connection) holdRelay(now time.Time, e messages.HoldRelay) {
	if e.On == c.saved.Held {
		return
	}
	c.saved.Held, c.dirty = e.On, true
	if e.On {
		c.attempt = nil
		if c.channel.path.Kind == messages.PathRelay {
			c.stay(now, heldReason)
		}
	}
}

// keepHold returns a held pair to the relay as soon as there is one.
func (c *Connection) keepHold(now time.Time) {
	if c.saved.Held && c.channel.path.Kind == messages.PathDirect && !c.relay.ready.IsZero() {
		c.failOver(now, heldReason)
	}
}
