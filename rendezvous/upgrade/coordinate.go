package upgrade

import (
	"time"

	"github.com/waymeet/waymeet/messages"
)

// offer begins an attempt at the end that coordinates.
func (c *Connection) offer(now time.Time) {
	c.saved.Number++
	c.useAttempt(now, c.saved.Number, offered)
	c.coordinate(messages.CoordinateOffer, c.saved.Number)
}

// useAttempt takes one attempt from the budget; it is saved before anything of
// the attempt leaves.
func (c *Connection) useAttempt(now time.Time, number messages.AttemptNumber, p phase) {
	c.saved.Attempts.Used++
	c.saved.NextAttempt = time.Time{}
	c.dirty = true
	c.attempt = &attempt{
		number: number, made: c.current(), phase: p, said: now, next: now.Add(coordinateTimeout),
		pending: map[messages.ProbeID]pendingProbe{},
	}
}

func (c *Connection) coordinate(kind messages.CoordinationKind, number messages.AttemptNumber) {
	c.do(Coordinate{Frame: messages.Coordination{
		Kind: kind, Attempt: number, Sender: c.saved.Local, Receiver: c.saved.Remote, HardNAT: c.local.HardNAT,
	}})
}

// earlyOffer is an offer that overtook the news of our own channel: the two
// come on different ways.
type earlyOffer struct {
	frame messages.Coordination
	came  time.Time
}

// takeEarly joins the attempt that was offered before the channel was known
// here, if the peer still waits.
func (c *Connection) takeEarly(now time.Time) {
	e := c.early
	c.early = earlyOffer{}
	if e.frame.Kind == messages.CoordinateOffer && now.Sub(e.came) < coordinateTimeout {
		c.coordination(now, e.frame)
	}
}

// coordination takes a frame of the peer. What names an older generation of
// either end is stale: the peer will learn of the newer one and begin anew.
func (c *Connection) coordination(now time.Time, e messages.Coordination) {
	if !c.channel.up() && e.Kind == messages.CoordinateOffer {
		c.early = earlyOffer{frame: e, came: now}
		return
	}
	fromInitiator := e.Kind == messages.CoordinateOffer || e.Kind == messages.CoordinateFire
	if !c.channel.up() || c.local == nil || fromInitiator == c.channel.initiator ||
		c.saved.Local.After(e.Receiver) || c.saved.Remote.After(e.Sender) {
		c.counters.Stale++
		return
	}
	c.peer.hardNAT = e.HardNAT
	switch e.Kind {
	case messages.CoordinateAsk:
		c.asked(now)
	case messages.CoordinateOffer:
		c.join(now, e)
	case messages.CoordinateEcho:
		c.arm(now, e, offered)
	case messages.CoordinateFire:
		c.arm(now, e, echoed)
	}
}

// asked begins an attempt for the peer, out of our own budget; if one is to
// come anyway, that one will do.
func (c *Connection) asked(now time.Time) {
	if c.mayAttempt() && c.saved.NextAttempt.IsZero() {
		c.saved.NextAttempt = now.Add(c.delay())
		c.dirty = true
	}
}

// join takes part in an attempt that the peer offers. It costs as much as one
// of our own: a peer cannot make us probe more than we would.
func (c *Connection) join(now time.Time, e messages.Coordination) {
	if e.Attempt <= c.channel.offered {
		c.counters.Stale++
		return
	}
	c.channel.offered = e.Attempt
	if c.saved.Held || !c.saved.Attempts.Left() {
		return
	}
	c.useAttempt(now, e.Attempt, echoed)
	c.coordinate(messages.CoordinateEcho, e.Attempt)
}

// arm takes the frame that completes the coordination at this end and sets the
// time to fire.
//
// SPEC 10.6: "First sender alternates per attempt and both sides fire at
// RTT/2, so that the outcome does not depend on who starts."
func (c *Connection) arm(now time.Time, e messages.Coordination, from phase) {
	a := c.attempt
	if a == nil || a.number != e.Attempt || a.phase != from {
		c.counters.Stale++
		return
	}
	rtt := now.Sub(a.said)
	if c.channel.path.Kind == messages.PathRelay {
		c.channel.rtt = rtt
	}
	a.phase, a.next = armed, now
	a.round = min(max(rtt, minRound), maxRound)
	if from == offered {
		c.coordinate(messages.CoordinateFire, a.number)
		a.next = now.Add(rtt / 2)
	}
	initiatorFirst := a.number%2 == 1
	if initiatorFirst != c.channel.initiator {
		a.next = a.next.Add(min(rtt/4, maxStagger))
	}
}
