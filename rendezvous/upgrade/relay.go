package upgrade

import (
	"net/netip"
	"time"

	"github.com/waymeet/waymeet/messages"
)

const (
	// openTimeout is how long an answer to OpenRelay may take.
	openTimeout = 10 * time.Second
	// silentSession is how long a session that carries the channel may be
	// silent before another one is asked for, and how long one is given to be
	// heard on.
	silentSession = 10 * time.Second
)

// relayPaths are the sessions with the peer at relays, and the hunt for one.
// Without any, and before there is a channel, it names direct addresses.
type relayPaths struct {
	// ready carries or can carry the channel, since when; spare is another one.
	ready, spare messages.Path
	since        time.Time
	// opening is what was asked for, until until.
	opening messages.LinkEndpoint
	until   time.Time
	// at is the endpoint to try next, retry when, and failures counts those
	// since the last success.
	at       int
	retry    time.Time
	failures uint64
	// direct counts the direct addresses that were offered to the manager,
	// and directAt is when the next one is.
	direct   int
	directAt time.Time
}

// adopt makes a path the one that is ready; another one becomes the spare.
func (r *relayPaths) adopt(now time.Time, path messages.Path) {
	if path == r.ready {
		return
	}
	if !r.ready.IsZero() {
		r.spare = r.ready
	}
	r.ready, r.since = path, now
}

// lose drops a path and reports whether it was the one that was ready.
func (r *relayPaths) lose(path messages.Path) bool {
	switch path {
	case r.ready:
		r.ready, r.spare = r.spare, messages.Path{}
		return true
	case r.spare:
		r.spare = messages.Path{}
	}
	return false
}

func (r *relayPaths) isOpening() bool { return r.opening != messages.LinkEndpoint{} }

// nextDirect lets the next direct address be offered at the given time.
func (r *relayPaths) nextDirect(at time.Time) {
	r.failures++
	r.directAt = at
}

// begin starts the hunt from its beginning: the endpoints or the network are
// new.
func (r *relayPaths) begin(now time.Time) {
	r.at, r.direct, r.failures = 0, 0, 0
	r.retry, r.directAt = now, now
}

// pathDue is when openPaths has something to do; zero: nothing.
func (c *Connection) pathDue() time.Time {
	switch r := &c.relay; {
	case r.isOpening():
		return r.until
	case !r.ready.IsZero():
		return time.Time{}
	case c.mayOfferDirect() && (len(c.relayEndpoints()) == 0 || r.directAt.Before(r.retry)):
		return r.directAt
	case len(c.relayEndpoints()) > 0:
		return r.retry
	}
	return time.Time{}
}

// mayOfferDirect reports whether the manager could be offered a direct
// address: there is no channel, and every relay has failed once.
func (c *Connection) mayOfferDirect() bool {
	r := &c.relay
	return !c.channel.up() && c.local != nil && !r.directAt.IsZero() && r.at >= len(c.relayEndpoints())
}

// openPaths asks for a session with the peer as long as there is none, one
// endpoint after the other, and offers direct addresses where no relay helps.
//
// SPEC 10.1: "Start on the relay as soon as both descriptors allow".
func (c *Connection) openPaths(now time.Time) {
	r := &c.relay
	if r.isOpening() && !now.Before(r.until) {
		c.relayFailed(now, messages.RelayFailed{Endpoint: r.opening})
	}
	if !r.ready.IsZero() || r.isOpening() {
		return
	}
	slots := c.relayEndpoints()
	if len(slots) > 0 && !now.Before(r.retry) {
		r.opening, r.until = slots[r.at%len(slots)], now.Add(openTimeout)
		c.do(OpenRelay{Endpoint: r.opening})
	}
	if c.mayOfferDirect() && !now.Before(r.directAt) {
		c.offerDirect()
	}
}

func (c *Connection) offerDirect() {
	r := &c.relay
	r.directAt = time.Time{}
	candidates := c.candidates()
	if len(candidates) == 0 {
		return
	}
	addr := candidates[r.direct%len(candidates)].addr
	r.direct++
	c.do(PathReady{Path: messages.Path{Kind: messages.PathDirect, Addr: addr}})
}

func (c *Connection) relayReady(now time.Time, e messages.RelayReady) {
	r := &c.relay
	if e.Endpoint == r.opening {
		r.opening, r.failures = messages.LinkEndpoint{}, 0
	}
	if e.Path.Kind != messages.PathRelay || e.Path == r.ready {
		return
	}
	if !r.ready.IsZero() {
		r.spare = e.Path
		return
	}
	r.ready, r.since = e.Path, now
	c.relayFound(now, "a new session")
}

// relayFound does what a relay path that has become ready makes possible.
func (c *Connection) relayFound(now time.Time, reason string) {
	c.do(PathReady{Path: c.relay.ready})
	switch {
	case !c.channel.up(), c.channel.path == c.relay.ready:
	case c.channel.path.Kind == messages.PathRelay:
		c.failOver(now, reason)
	default:
		c.keepWarm()
		if c.doubt != nil {
			c.do(SendBoth{On: true, Relay: c.relay.ready})
		}
	}
}

func (c *Connection) relayFailed(now time.Time, e messages.RelayFailed) {
	r := &c.relay
	if !r.isOpening() || e.Endpoint != r.opening {
		c.counters.Stale++
		return
	}
	r.opening = messages.LinkEndpoint{}
	r.at++
	if r.at%max(len(c.relayEndpoints()), 1) == 0 {
		r.retry = now.Add(c.config.window().Delay(r.failures, c.config.Jitter))
		r.failures++
		if r.directAt.IsZero() {
			r.directAt = now
		}
	}
}

func (c *Connection) relayLost(now time.Time, e messages.RelayLost) {
	if c.relay.lose(e.Path) {
		c.relayGone(now, "session lost: "+e.Reason)
	}
}

// pathUnanswered takes a path out of use over which a call led nowhere, and
// looks for another. A relay tells nobody when it lets an idle session go.
func (c *Connection) pathUnanswered(now time.Time, e messages.PathUnanswered) {
	switch r := &c.relay; {
	case c.channel.up() && c.channel.path == e.Path:
		// What the channel hears is the better evidence.
	case e.Path.Kind == messages.PathDirect && !c.channel.up() && r.directAt.IsZero():
		r.nextDirect(now.Add(c.config.window().Delay(r.failures, c.config.Jitter)))
	case r.lose(e.Path):
		c.relayGone(now, "no answer to a call")
	default:
		c.counters.Stale++
	}
}

// relaySilent takes the session that carries the channel for one that the peer
// has not any more, when it is silent for long. A relay tells nobody when it lets
// one go; and the channel need not die of it, if the peer is heard on another
// path.
func (c *Connection) relaySilent(now time.Time, e messages.PathSilent) {
	if e.For < silentSession || now.Sub(c.relay.since) < silentSession {
		return
	}
	c.relay.lose(e.Path)
	c.relay.since = now // of whatever is ready now
	c.relayGone(now, "the session is silent")
}

// relayGone does what the end of the relay path that was ready makes necessary.
func (c *Connection) relayGone(now time.Time, reason string) {
	switch {
	case !c.relay.ready.IsZero():
		c.relayFound(now, reason)
	case !c.channel.up():
		c.do(PathLost{})
	}
}

// keepWarm names the relay that stands behind a direct path (SPEC 10.1: "which
// stays registered and warm").
func (c *Connection) keepWarm() {
	if !c.relay.ready.IsZero() {
		c.do(KeepWarm{Path: c.relay.ready})
	}
}

// relayEndpoints are the peer's slots, in the peer's order.
func (c *Connection) relayEndpoints() []messages.LinkEndpoint {
	var slots []messages.LinkEndpoint
	for _, e := range c.peer.endpoints {
		if e.Protocol.IsRelay() {
			slots = append(slots, e)
		}
	}
	return slots
}

// relayAddresses are the addresses of relays as far as we know them; they are
// never probed.
func (c *Connection) relayAddresses() []netip.AddrPort {
	addrs := []netip.AddrPort{}
	for _, path := range [...]messages.Path{c.relay.ready, c.relay.spare} {
		if !path.IsZero() {
			addrs = append(addrs, path.Addr)
		}
	}
	for _, e := range c.relayEndpoints() {
		if addr, ok := e.AddrPort(); ok {
			addrs = append(addrs, addr)
		}
	}
	return addrs
}
