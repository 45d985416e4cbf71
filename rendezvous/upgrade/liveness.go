package upgrade

import (
	"fmt"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// minSuspicion is the least silence that puts a direct path in doubt
// (SPEC 10.7).
const minSuspicion = 150 * time.Millisecond

// revalidation is how long a path may stay in doubt after our network has
// changed under it: long enough for the fresh cycle's first attempt, also where
// the other end has to be asked for it. Everything goes over the relay too
// meanwhile.
const revalidation = 3 * time.Second

// heldReason is why a pair stays on the relay that a person holds there.
const heldReason = "held on relay (debug)"

// doubt is a direct path that may be dead.
type doubt struct {
	// since is when it was last known to work; until when it is given up.
	since, until time.Time
	// moved says that nothing is known against it but a change of network.
	moved bool
}

// suspicion is how long a path may be silent before it is in doubt, and how
// long the doubt may last.
func (c *Connection) suspicion() time.Duration { return max(3*c.channel.rtt, minSuspicion) }

// pathSilent takes evidence that a path does not work. It may come before the
// silence is long enough to act on, and is not repeated by everybody, so it is
// kept. A silent relay is the business of who holds the session, which says
// RelayLost; but it cannot know that the peer's end of the session is gone.
//
// SPEC 10.7: "Direct path silent: suspect after max(3 RTT, 150 ms) — send on
// both — and fail over to the relay".
func (c *Connection) pathSilent(now time.Time, e messages.PathSilent) {
	switch {
	case e.Path != c.channel.path:
	case e.Path.Kind == messages.PathRelay:
		c.relaySilent(now, e)
	case c.channel.silent.IsZero():
		c.channel.silent = now.Add(-e.For)
	}
}

// suspectDue is when silence is long enough to act on; zero: there is none.
func (c *Connection) suspectDue() time.Time {
	if c.channel.silent.IsZero() || c.doubt != nil && !c.doubt.moved {
		return time.Time{}
	}
	return c.channel.silent.Add(c.suspicion())
}

// suspectSilent puts a path in doubt that has been silent for long enough.
func (c *Connection) suspectSilent(now time.Time) {
	if due := c.suspectDue(); due.IsZero() || now.Before(due) {
		return
	}
	c.suspect(&doubt{since: c.channel.silent, until: now.Add(c.suspicion())})
}

// suspect puts the direct path in doubt: everything goes both ways.
func (c *Connection) suspect(d *doubt) {
	known := c.doubt != nil
	c.doubt = d
	if !known && !c.relay.ready.IsZero() {
		c.do(SendBoth{On: true, Relay: c.relay.ready})
	}
}

// trust ends a doubt.
func (c *Connection) trust() {
	c.channel.silent = time.Time{}
	if c.doubt == nil {
		return
	}
	c.doubt = nil
	c.do(SendBoth{On: false, Relay: c.relay.ready})
}

// pathHeard takes evidence that a path works. A direct path that was never
// validated proves nothing by it; a relay path that the peer uses while we
// have none is as good as one of our own. After a silence of the channel's path
// the last datagrams are repeated as after a failover: QUIC waits once more for
// as long as it has waited already.
func (c *Connection) pathHeard(now time.Time, e messages.PathHeard) {
	if c.channel.up() && e.Path == c.channel.path {
		c.do(RepeatLast{})
	}
	switch {
	case !c.channel.up():
	case e.Path.Kind == messages.PathDirect:
		if e.Path == c.channel.path {
			c.heardAgain()
		}
	case e.Path.Kind != messages.PathRelay || e.Path == c.relay.ready:
	case !c.relay.ready.IsZero():
		c.relay.spare = e.Path
	default:
		c.relay.ready, c.relay.since = e.Path, now
		c.relayFound(now, "the peer uses a new session")
	}
}

// heardAgain ends a silence, and the doubt that came from it. A doubt that came
// from a change of network waits for a validation: what is heard now may have
// been on its way before.
func (c *Connection) heardAgain() {
	c.channel.silent = time.Time{}
	if c.doubt != nil && !c.doubt.moved {
		c.trust()
	}
}

// networkMoved looks at the direct path in use after our network has changed:
// it is given up if it cannot leave any more, and in doubt else.
//
// SPEC 10.5: "Stale external mappings are never viable."
func (c *Connection) networkMoved(now time.Time) {
	if !recoverable(c.channel.binding, *c.local) && !c.relay.ready.IsZero() {
		c.failOver(now, fmt.Sprintf("%s is gone", c.channel.binding.Prefix.Addr()))
		return
	}
	if c.doubt == nil {
		c.suspect(&doubt{since: now, until: now.Add(revalidation), moved: true})
	}
}

// giveUpDoubtful fails over when a doubt has lasted long enough and there is a
// relay to fail over to.
func (c *Connection) giveUpDoubtful(now time.Time) {
	if c.doubt == nil || now.Before(c.doubt.until) || c.relay.ready.IsZero() {
		return
	}
	reason := "no answer " + inMillis(now.Sub(c.doubt.since))
	if c.doubt.moved {
		reason = "not validated since our network changed"
	}
	c.failOver(now, reason)
}

// failOver moves the channel to the relay that is ready.
//
// SPEC 10.7: "fail over to the relay; the last datagram is repeated on the new
// path."
func (c *Connection) failOver(now time.Time, reason string) {
	from := c.channel.path
	c.doubt = nil
	c.channel.use(c.relay.ready, 0, messages.Binding{})
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
