package upgrade

import (
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// SPEC 10.1: "Start on the relay as soon as both descriptors allow".
func TestOpensRelayAtOnce(t *testing.T) {
	n := newNode(t)
	open := must[OpenRelay](n, n.step(endpoints(1)))
	if open.Endpoint != slotOne {
		t.Errorf("%+v", open)
	}
	ready := must[PathReady](n, n.step(messages.RelayReady{Endpoint: slotOne, Path: relayPath}))
	if ready.Path != relayPath {
		t.Errorf("%+v", ready)
	}
	if must[PathLost](n, n.step(messages.RelayLost{Path: relayPath})); count[OpenRelay](n.last) != 1 {
		t.Error("a lost session is not opened again")
	}
}

// A call over a session led nowhere: another one is opened, and offered, also
// beside a direct channel, for the next one is called over it.
func TestUnansweredPathIsReplaced(t *testing.T) {
	n := newNode(t)
	n.step(endpoints(1))
	n.step(messages.RelayReady{Endpoint: slotOne, Path: relayPath})
	must[PathLost](n, n.step(messages.PathUnanswered{Path: relayPath}))
	must[OpenRelay](n, n.last)
	if again := must[PathReady](n, n.step(messages.RelayReady{Endpoint: slotOne, Path: otherRelay})); again.Path != otherRelay {
		t.Errorf("%+v", again)
	}
	if effects := n.step(messages.PathUnanswered{Path: relayPath}); len(effects) > 0 {
		t.Errorf("a path that is not in use: %v", effects)
	}
	n = direct(t)
	n.finishAttempt()
	must[OpenRelay](n, n.step(messages.PathUnanswered{Path: relayPath}))
	if again := must[PathReady](n, n.step(messages.RelayReady{Endpoint: slotOne, Path: otherRelay})); again.Path != otherRelay || n.c.State() != Direct {
		t.Errorf("beside a direct channel: %+v, %s", again, n.c.State())
	}
}

// A session that carries the channel and is silent for long is one that the peer
// has not any more: nobody else says so. Another one is asked for, not more often
// than it takes to be heard on.
func TestSilentSessionIsReplaced(t *testing.T) {
	n := newNode(t)
	n.step(endpoints(1))
	n.step(messages.RelayReady{Endpoint: slotOne, Path: relayPath})
	n.step(messages.ChannelUp{Channel: channelOne, Path: relayPath, Relay: relayPath})
	silent := func(after time.Duration) []Effect {
		n.now = n.now.Add(after)
		return n.step(messages.PathSilent{Path: relayPath, For: after})
	}
	if silent(silentSession - time.Second); count[OpenRelay](n.last) > 0 {
		t.Error("it is given up too early")
	}
	must[OpenRelay](n, silent(silentSession))
	over := must[FailOver](n, n.step(messages.RelayReady{Endpoint: slotOne, Path: otherRelay}))
	if over.To != otherRelay {
		t.Errorf("the channel goes over to %v", over.To)
	}
	n.now = n.now.Add(time.Second)
	if n.step(messages.PathSilent{Path: otherRelay, For: time.Minute}); count[OpenRelay](n.last) > 0 {
		t.Error("the new one is given up before it could be heard on")
	}
}

// The channel may be on another session than the one that is ready.
func TestSilentSessionGivesWayToTheOneThatIsReady(t *testing.T) {
	n := newNode(t)
	n.step(endpoints(1))
	n.step(messages.RelayReady{Endpoint: slotOne, Path: otherRelay})
	n.step(messages.ChannelUp{Channel: channelOne, Path: relayPath, Relay: relayPath})
	n.step(messages.RelayLost{Path: relayPath})
	n.now = n.now.Add(time.Minute)
	n.c.channel.path = relayPath
	if over := must[FailOver](n, n.step(messages.PathSilent{Path: relayPath, For: time.Minute})); over.To != otherRelay {
		t.Errorf("the channel goes over to %v", over.To)
	}
}

// The relay may name the same session again: then the peer is away, and nothing
// has changed.
func TestSameSessionAgainChangesNothing(t *testing.T) {
	n := newNode(t)
	n.step(endpoints(1))
	n.step(messages.RelayReady{Endpoint: slotOne, Path: relayPath})
	n.step(messages.ChannelUp{Channel: channelOne, Path: relayPath, Relay: relayPath})
	n.now = n.now.Add(time.Minute)
	must[OpenRelay](n, n.step(messages.PathSilent{Path: relayPath, For: time.Minute}))
	if n.step(messages.RelayReady{Endpoint: slotOne, Path: relayPath}); count[Announce](n.last)+count[FailOver](n.last) > 0 {
		t.Errorf("%v", n.last)
	}
}

// One slot after the other, then a wait that grows, never above the maximum.
func TestTriesEveryRelay(t *testing.T) {
	n := newNode(t)
	n.step(messages.PeerEndpoints{Candidates: 1, Endpoints: []messages.LinkEndpoint{slotOne, slotTwo}})
	for round := range 20 {
		if second := must[OpenRelay](n, n.step(messages.RelayFailed{Endpoint: slotOne})); second.Endpoint != slotTwo {
			t.Fatalf("after %s: %+v", slotOne.Address, second)
		}
		if effects := n.step(messages.RelayFailed{Endpoint: slotTwo}); len(effects) > 0 {
			t.Fatalf("after both have failed: %v", effects)
		}
		wait := n.c.Deadline().Sub(n.now)
		if wait <= 0 || wait > DefaultBackoffMax || round > 6 && wait < DefaultBackoffMax*7/10 {
			t.Fatalf("round %d: waits %s", round, wait)
		}
		must[OpenRelay](n, n.tick())
	}
	// An answer that never comes is a failure too.
	if second := must[OpenRelay](n, n.tick()); second.Endpoint != slotTwo {
		t.Errorf("after a silence: %+v", second)
	}
}

// Where the peer has no relay, or none answers, its direct addresses are
// offered, one after the other.
func TestDirectAddressesWithoutRelay(t *testing.T) {
	n := newNode(t)
	home := messages.LinkEndpoint{Protocol: messages.LinkQUIC, Address: "192.168.1.20:9"}
	far := messages.LinkEndpoint{Protocol: messages.LinkQUIC, Address: "10.0.0.9:9"}
	n.step(messages.PeerEndpoints{Candidates: 1, Endpoints: []messages.LinkEndpoint{far, home, peerHost}})
	first := must[PathReady](n, n.step(network(1, 1)))
	if first.Path.Kind != messages.PathDirect || first.Path.Addr.String() != home.Address {
		t.Fatalf("%+v", first)
	}
	if effects := n.step(messages.ChannelDown{Reason: "no answer"}); len(effects) > 0 {
		t.Fatalf("at once: %v", effects)
	}
	second := must[PathReady](n, n.tick())
	if second.Path != directPath {
		t.Errorf("%+v", second)
	}
	if effects := n.step(messages.PathUnanswered{Path: directPath}); len(effects) > 0 {
		t.Fatalf("at once: %v", effects)
	}
	if third := must[PathReady](n, n.tick()); third.Path != first.Path {
		t.Errorf("after a call that nobody answered: %+v", third)
	}
	n.step(messages.ChannelUp{Channel: channelOne, Initiator: true, Path: directPath})
	if n.c.State() != Direct || n.c.Status().Reason != "no relay between us" {
		t.Errorf("%+v", n.c.Status())
	}

	n = known(t)
	if effects := n.last; count[PathReady](effects) > 0 {
		t.Error("a direct address is offered while a relay may still answer")
	}
	if ready := must[PathReady](n, n.step(messages.RelayFailed{Endpoint: slotOne})); ready.Path != directPath {
		t.Errorf("%+v", ready)
	}
}

// The relay stays warm behind a direct path, and is opened again there.
func TestRelayStaysWarm(t *testing.T) {
	n := direct(t)
	n.finishAttempt()
	must[OpenRelay](n, n.step(messages.RelayLost{Path: relayPath}))
	warm := must[KeepWarm](n, n.step(messages.RelayReady{Endpoint: slotOne, Path: otherRelay}))
	if warm.Path != otherRelay || n.c.State() != Direct {
		t.Errorf("%+v in state %s", warm, n.c.State())
	}
}

// The kill of the relay client must not make the machine wait for ever.
func TestOpenTimesOut(t *testing.T) {
	n := newNode(t)
	n.step(endpoints(1))
	if wait := n.c.Deadline().Sub(n.now); wait != openTimeout {
		t.Errorf("it waits %s", wait)
	}
	n.now = n.now.Add(openTimeout + time.Second)
	n.step(messages.Tick{})
	must[OpenRelay](n, n.tick())
}
