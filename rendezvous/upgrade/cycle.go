package upgrade

import (
	"fmt"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// askGrace is how much longer the end that does not coordinate waits for an
// offer before it asks for one.
const askGrace = time.Second

// peerEndpoints takes the peer's candidates.
//
// SPEC 1.4: "Only a greater value is new; an equal or older one changes
// nothing (an older generation NEVER resets a budget)."
func (c *Connection) peerEndpoints(now time.Time, e messages.PeerEndpoints) {
	isNew := e.Candidates.After(c.saved.Remote)
	known := c.peer.endpoints != nil
	if !isNew && (known || e.Candidates != c.saved.Remote) {
		if e.Candidates != c.saved.Remote {
			c.counters.Stale++
		}
		return
	}
	c.peer.endpoints = append([]messages.LinkEndpoint{}, e.Endpoints...)
	c.relay.begin(now)
	if isNew {
		c.saved.Remote, c.peer.strangers = e.Candidates, nil
		c.freshCycle(fmt.Sprintf("the peer's candidates are new (generation %d)", e.Candidates))
	}
}

// localNetwork takes our own network and our own candidates.
func (c *Connection) localNetwork(now time.Time, e messages.LocalNetwork) {
	if c.saved.Network.After(e.Network) {
		c.counters.Stale++
		return
	}
	newNetwork := e.Network.After(c.saved.Network)
	newCandidates := e.Candidates.After(c.saved.Local)
	loaded := c.local == nil
	c.local = &e
	if loaded || newNetwork {
		c.relay.begin(now)
	}
	if newCandidates {
		c.saved.Local = e.Candidates
		c.freshCycle(fmt.Sprintf("our candidates are new (generation %d)", e.Candidates))
	}
	if newNetwork {
		c.saved.Network = e.Network
		c.freshCycle(fmt.Sprintf("our network is new (generation %d)", e.Network))
	}
	if c.channel.path.Kind != messages.PathDirect {
		return
	}
	if loaded && c.channel.binding == (messages.Binding{}) {
		c.channel.binding = c.bindingOf(c.channel.path)
	}
	if newNetwork {
		c.networkMoved(now)
	}
}

// freshCycle asks for a fresh cycle under the newest generations. A cycle of
// which no attempt has begun is fresh still and serves the newer generation
// too, without another token.
//
// SPEC 10.3: "resets budget and window and starts one fresh cycle. Every
// cycle, the first too, takes a token from a bucket …; a cycle that has to
// wait is not lost, the newest generation gets it."
func (c *Connection) freshCycle(reason string) {
	c.dirty = true
	if c.attempt != nil {
		c.attempt = nil // SPEC 10.4: it was made under older generations.
	}
	if c.isFresh() {
		return
	}
	c.saved.Waiting, c.saved.NextAttempt = true, time.Time{}
	c.cycleReason = reason
}

// isFresh reports whether the cycle that took a token is still untouched.
func (c *Connection) isFresh() bool {
	return !c.saved.Waiting && c.saved.Cycles > 0 && c.saved.Attempts.Used == 0 && c.saved.Asked == 0
}

// startWaitingCycle gives a new budget as soon as there is a token for it:
// never one without the other.
func (c *Connection) startWaitingCycle(now time.Time) {
	if !c.saved.Waiting || !c.saved.Bucket.take(now) {
		return
	}
	c.dirty = true
	c.saved.Waiting = false
	c.saved.Attempts.Used, c.saved.Asked = 0, 0
	c.saved.Cycles++
	c.saved.NextAttempt = now.Add(c.delay())
	c.do(BudgetReset{Attempts: c.saved.Attempts, Reason: c.cycleReason})
}

// delay is how long to wait before the next attempt.
func (c *Connection) delay() time.Duration {
	return c.config.window().Delay(max(c.saved.Attempts.Used, c.saved.Asked), c.config.Jitter)
}

// mayAttempt reports whether this end could begin an attempt, were it due: the
// initiator of the channel offers one; the other end asks for one, as often in
// a cycle as it may make attempts.
func (c *Connection) mayAttempt() bool {
	return c.channel.up() && c.local != nil && !c.saved.Held && !c.saved.Waiting &&
		c.attempt == nil && c.saved.Attempts.Left() && (c.channel.initiator || c.saved.Asked < c.saved.Attempts.Max)
}

// attemptDue is when to begin; zero: nothing is to begin.
func (c *Connection) attemptDue() time.Time {
	switch {
	case !c.mayAttempt() || c.saved.NextAttempt.IsZero():
		return time.Time{}
	case c.channel.initiator:
		return c.saved.NextAttempt
	}
	return c.saved.NextAttempt.Add(askGrace)
}

// scheduleAttempt names the time of the next attempt while the channel is on
// the relay and none is named: after an attempt that failed, after a restart,
// after a failover, when the relay is let go.
func (c *Connection) scheduleAttempt(now time.Time) {
	if c.saved.NextAttempt.IsZero() && c.channel.path.Kind == messages.PathRelay && c.mayAttempt() {
		c.saved.NextAttempt = now.Add(c.delay())
		c.dirty = true
	}
}

// beginDue begins the attempt that is due. Only the initiator of the channel
// coordinates; the other end asks it if no offer has come by itself.
func (c *Connection) beginDue(now time.Time) {
	due := c.attemptDue()
	if due.IsZero() || now.Before(due) {
		return
	}
	c.saved.NextAttempt = time.Time{}
	c.dirty = true
	if c.channel.initiator {
		c.offer(now)
		return
	}
	c.saved.Asked++
	c.coordinate(messages.CoordinateAsk, 0)
}
