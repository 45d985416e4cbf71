package upgrade

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// SPEC 10.6: "small ones first, full-size ones only toward an address that has
// answered; ≤ 3 per address and attempt".
func TestSmallFirstThenFull(t *testing.T) {
	n := upgrading(t)
	n.finishAttempt()
	if probes := count[Probe](n.all); probes != maxSmallPerAddress {
		t.Errorf("%d probes to an address that does not answer", probes)
	}
	n = upgrading(t)
	small := must[Probe](n, n.last)
	full := must[Probe](n, n.step(answer(small)))
	if small.Size != smallSize || full.Size != DefaultFullSize || full.To != peerAddr {
		t.Errorf("small %+v, then %+v", small, full)
	}
	n.finishAttempt()
	if probes := count[Probe](n.all); probes != maxProbesPerAddress {
		t.Errorf("%d probes to one address in one attempt", probes)
	}
	if count[Promote](n.all) > 0 {
		t.Error("promoted without an answer at full size")
	}
}

// SPEC 10.1: "promote only on a validated, recoverable path whose probe and
// answer had the size that the channel now uses".
func TestOnlyItsOwnFullAnswerPromotes(t *testing.T) {
	begin := func() (*node, Probe) {
		n := upgrading(t)
		return n, must[Probe](n, n.step(answer(must[Probe](n, n.last))))
	}
	wrong := map[string]func(messages.ProbeAnswered) messages.ProbeAnswered{
		"too small":         func(a messages.ProbeAnswered) messages.ProbeAnswered { a.Size--; return a },
		"unknown id":        func(a messages.ProbeAnswered) messages.ProbeAnswered { a.ID++; return a },
		"from another port": func(a messages.ProbeAnswered) messages.ProbeAnswered { a.From = otherPeerAddr; return a },
	}
	for name, change := range wrong {
		n, full := begin()
		if effects := n.step(change(answer(full))); count[Promote](effects) > 0 || n.c.Status().Counters.Stale != 1 {
			t.Errorf("%s: %v, %+v", name, effects, n.c.Status().Counters)
		}
	}
	n, full := begin()
	promote := must[Promote](n, n.step(answer(full)))
	if promote.Path != directPath || promote.Relay != relayPath || promote.Network != 1 || promote.Local != 1 || promote.Remote != 1 {
		t.Errorf("%+v", promote)
	}
	if again := n.step(answer(full)); count[Promote](again) > 0 {
		t.Error("one answer promoted twice")
	}
}

// SPEC 10.4: "A promotion commits only if both are still current; anything
// stale is dropped and counted."
func TestStaleAnswerDoesNotPromote(t *testing.T) {
	for name, newer := range map[string]messages.PeerConnectionMessage{
		"peer's candidates": endpoints(2), "our network": network(2, 1), "our candidates": network(1, 2),
	} {
		n := upgrading(t)
		full := must[Probe](n, n.step(answer(must[Probe](n, n.last))))
		n.step(newer)
		if effects := n.step(answer(full)); count[Promote](effects) > 0 || n.c.Status().Counters.Stale != 1 {
			t.Errorf("%s: %v, %+v", name, effects, n.c.Status().Counters)
		}
	}
}

// SPEC 10.5: a path whose local binding is gone is not promoted.
func TestUnrecoverableIsNotPromoted(t *testing.T) {
	n := upgrading(t)
	full := must[Probe](n, n.step(answer(must[Probe](n, n.last))))
	gone := network(1, 1)
	gone.Bindings = []messages.Binding{prefix("wlan0", "192.168.9.9/24", true)}
	n.step(gone)
	if effects := n.step(answer(full)); count[Promote](effects) > 0 {
		t.Errorf("promoted from a binding that is gone: %v", effects)
	}
}

// An incoming valid probe from an unknown address makes a peer-reflexive
// candidate: probed at once while an attempt runs, in the next one else.
func TestPeerReflexive(t *testing.T) {
	n := upgrading(t)
	probe := must[Probe](n, n.step(messages.ProbeReceived{From: otherPeerAddr, Size: smallSize}))
	if probe.To != otherPeerAddr || probe.Size != smallSize {
		t.Errorf("%+v", probe)
	}
	for _, never := range []string{"10.9.9.9:1", "224.0.0.1:5", relayAddr.String()} {
		if effects := n.step(messages.ProbeReceived{From: netip.MustParseAddrPort(never), Size: smallSize}); len(effects) > 0 {
			t.Errorf("a probe that claims to come from %s was answered with %v", never, effects)
		}
	}
	for port := range uint16(100) {
		n.step(messages.ProbeReceived{From: netip.AddrPortFrom(otherPeerAddr.Addr(), 2000+port), Size: smallSize})
	}
	if strangers := len(n.c.peer.strangers); strangers != maxStrangers {
		t.Errorf("%d strangers are kept", strangers)
	}
}

// SPEC 10.6: "≤ 32 per /24 (/56) and minute", whatever the peer's descriptor
// says, and whoever kills the actor.
func TestProbesPerNetworkAndMinute(t *testing.T) {
	n := newNode(t)
	many := messages.PeerEndpoints{Candidates: 1, Endpoints: []messages.LinkEndpoint{slotOne}}
	for host := range messages.MaxEndpoints - 1 {
		many.Endpoints = append(many.Endpoints, messages.LinkEndpoint{
			Protocol: messages.LinkQUICReflexive, Address: fmt.Sprintf("203.0.113.%d:1", host+1),
		})
	}
	load := func() {
		n.step(messages.ChannelUp{Channel: channelOne, Path: relayPath})
		n.step(many)
		n.step(network(1, 1))
	}
	load()
	for number := range messages.AttemptNumber(5) {
		n.step(frame(messages.CoordinateOffer, number+1))
		n.step(frame(messages.CoordinateFire, number+1))
		n.finishAttempt()
		n.build()
		load()
	}
	if n.now.Sub(start) > time.Minute {
		t.Fatalf("the test took %s of virtual time", n.now.Sub(start))
	}
	if probes := count[Probe](n.all); probes != maxProbesPerNetwork {
		t.Errorf("%d probes into one /24 within a minute", probes)
	}
}

func TestNetworkOf(t *testing.T) {
	for addr, want := range map[string]string{
		"203.0.113.9": "203.0.113.0/24", "2001:db8:1:2fff::1": "2001:db8:1:2f00::/56",
	} {
		if got := netip.Prefix(networkOf(netip.MustParseAddr(addr))); got.String() != want {
			t.Errorf("%s is in %s", addr, got)
		}
	}
}

// A better path that is found in the same attempt takes over; a little better
// one does not.
func TestBetterPathWithinAttempt(t *testing.T) {
	n := newNode(t)
	two := endpoints(1)
	two.Endpoints = append(two.Endpoints, messages.LinkEndpoint{Protocol: messages.LinkQUIC, Address: "192.168.1.20:9"})
	n.step(messages.ChannelUp{Channel: channelOne, Path: relayPath})
	n.step(two)
	n.step(network(1, 1))
	n.step(frame(messages.CoordinateOffer, 1))
	n.step(frame(messages.CoordinateFire, 1))
	if n.c.attempt.phase == armed {
		n.tick()
	}
	for _, rtt := range []time.Duration{30 * time.Millisecond, 2 * time.Millisecond} {
		var probe Probe
		for _, e := range n.all {
			if p, ok := e.(Probe); ok && p.Size == smallSize && (p.To.Addr().IsPrivate() == (rtt < 10*time.Millisecond)) {
				probe = p
			}
		}
		full := must[Probe](n, n.step(answer(probe)))
		a := answer(full)
		a.RTT = rtt
		must[Promote](n, n.step(a))
	}
	if path := n.c.Status().Path.Addr.String(); path != "192.168.1.20:9" {
		t.Errorf("the channel is on %s", path)
	}
}
