package upgrade

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// smallSize is the size, in bytes, of a probe that asks whether anybody is
// there.
const smallSize = 64

// fire begins to probe.
func (c *Connection) fire(now time.Time) {
	a := c.attempt
	a.phase, a.end = probing, now.Add(max(probeRounds*a.round, minProbing))
	for _, candidate := range c.candidates() {
		if len(a.targets) < maxTargets {
			a.targets = append(a.targets, &target{candidate: candidate})
		}
	}
	c.probeRound(now)
}

// candidates are the addresses of the peer that may be probed: those of its
// descriptor, then those that its own probes came from.
func (c *Connection) candidates() []candidate {
	var addrs []netip.AddrPort
	for _, e := range c.peer.endpoints {
		if addr, ok := e.AddrPort(); ok && !e.Protocol.IsRelay() {
			addrs = append(addrs, addr)
		}
	}
	relays := c.relayAddresses()
	var found []candidate
	for _, addr := range slices.Concat(addrs, c.peer.strangers) {
		x, ok := candidateFor(addr, *c.local, relays)
		if !ok {
			c.counters.Unprobed++
			continue
		}
		if !slices.ContainsFunc(found, func(y candidate) bool { return y.addr == x.addr }) {
			found = append(found, x)
		}
	}
	return found
}

// probeRound sends every target what it still needs, and sets the time of the
// next round if there is to be one.
func (c *Connection) probeRound(now time.Time) {
	a := c.attempt
	a.next = time.Time{}
	for _, t := range a.targets {
		c.probe(now, t)
		if t.wants() {
			a.next = now.Add(a.round)
		}
	}
}

// wants reports whether the target may have another probe.
//
// SPEC 10.6: "small ones first, full-size ones only toward an address that has
// answered; ≤ 3 per address and attempt".
func (t *target) wants() bool {
	return !t.validated && t.small+t.full < maxProbesPerAddress && (t.answered || t.small < maxSmallPerAddress)
}

// probe sends a target the next probe, if it may have one.
func (c *Connection) probe(now time.Time, t *target) {
	if !t.wants() {
		return
	}
	if !c.saved.allowProbe(t.addr.Addr(), now) {
		c.counters.Unprobed++
		return
	}
	c.dirty = true
	size := smallSize
	if t.answered {
		size = c.config.fullSize()
		t.full++
	} else {
		t.small++
	}
	id := messages.ProbeID(c.config.Jitter.Uint64() >> 1)
	c.attempt.pending[id] = pendingProbe{target: t, size: size}
	c.do(Probe{ID: id, To: t.addr, Size: size})
}

// probeAnswered takes an answer. Only an answer to a probe of the attempt that
// runs counts, from the address that was probed, and as large as the probe.
func (c *Connection) probeAnswered(now time.Time, e messages.ProbeAnswered) {
	a := c.attempt
	if a == nil {
		c.counters.Stale++
		return
	}
	probe, known := a.pending[e.ID]
	if !known || a.made != c.current() || unmapped(e.From) != probe.target.addr || e.Size < probe.size {
		c.counters.Stale++
		return
	}
	delete(a.pending, e.ID)
	t := probe.target
	switch {
	case probe.size == c.config.fullSize():
		t.answered, t.validated = true, true
		c.promote(now, t, e.RTT)
	case !t.answered:
		t.answered = true
		c.probe(now, t)
		c.another(now)
	}
}

// probeReceived learns an address of the peer that no descriptor names: it
// saw a mapping that the peer itself does not know of.
func (c *Connection) probeReceived(now time.Time, e messages.ProbeReceived) {
	from := unmapped(e.From)
	if !c.channel.up() || c.local == nil || len(c.peer.strangers) >= maxStrangers || c.isKnown(from) {
		return
	}
	x, ok := candidateFor(from, *c.local, c.relayAddresses())
	if !ok {
		c.counters.Unprobed++
		return
	}
	c.peer.strangers = append(c.peer.strangers, from)
	if a := c.attempt; a != nil && a.phase == probing && len(a.targets) < maxTargets {
		t := &target{candidate: x}
		a.targets = append(a.targets, t)
		c.probe(now, t)
		c.another(now)
	}
}

// another lets there be another round after a probe out of turn.
func (c *Connection) another(now time.Time) {
	if a := c.attempt; a.next.IsZero() {
		a.next = now.Add(a.round)
	}
}

// isKnown reports whether an address is a candidate already.
func (c *Connection) isKnown(addr netip.AddrPort) bool {
	return slices.Contains(c.peer.strangers, addr) ||
		slices.ContainsFunc(c.peer.endpoints, func(e messages.LinkEndpoint) bool {
			known, ok := e.AddrPort()
			return ok && !e.Protocol.IsRelay() && unmapped(known) == addr
		})
}

// promote moves the channel to a validated path, if it is the better one.
//
// SPEC 10.4: "A promotion commits only if both are still current". SPEC 10.1:
// "promote only on a validated, recoverable path whose probe and answer had
// the size that the channel now uses".
func (c *Connection) promote(now time.Time, t *target, rtt time.Duration) {
	path := messages.Path{Kind: messages.PathDirect, Addr: t.addr}
	found := Estimate{Path: path, Validated: true, Recoverable: recoverable(t.binding, *c.local), RTT: rtt}
	c.attempt.found = true
	if path == c.channel.path {
		c.channel.rtt, c.channel.binding = rtt, t.binding
		c.trust()
		return
	}
	if !Prefer(c.estimate(), found) {
		return
	}
	from := c.channel.path
	c.doubt = nil
	c.channel.use(path, rtt, t.binding)
	reason := fmt.Sprintf("validated %s, %s", t.addr, inMillis(rtt))
	c.remember(now, path, reason)
	made := c.attempt.made
	c.do(
		Promote{Path: path, Relay: c.relay.ready, RTT: rtt, Network: made.network, Local: made.local, Remote: made.remote},
		Announce{Change: Change{From: from.Kind, To: path.Kind, Remote: t.addr, Reason: reason}},
	)
}

// estimate is what is known of the path in use.
func (c *Connection) estimate() Estimate {
	e := Estimate{Path: c.channel.path, Validated: true, Recoverable: true, RTT: c.channel.rtt, Silent: c.doubt != nil}
	if e.Path.Kind == messages.PathDirect {
		e.Recoverable = recoverable(c.channel.binding, *c.local)
	}
	return e
}

// unmapped is an address as candidates are written: an IPv4 address is never
// inside an IPv6 one.
func unmapped(addr netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
}

// inMillis is a duration as people read it: "18 ms".
func inMillis(d time.Duration) string {
	if d < 10*time.Millisecond {
		return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
	}
	return fmt.Sprintf("%d ms", d.Round(time.Millisecond).Milliseconds())
}
