package upgrade

import (
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// SPEC 10.7: "suspect after max(3 RTT, 150 ms) — send on both — and fail over
// to the relay; the last datagram is repeated on the new path."
func TestSilentDirectPathFailsOver(t *testing.T) {
	n := direct(t)
	n.finishAttempt()
	if effects := n.step(messages.PathSilent{Path: directPath, For: 149 * time.Millisecond}); len(effects) > 0 {
		t.Fatalf("suspected after 149 ms: %v", effects)
	}
	if wait := n.c.Deadline().Sub(n.now); wait != time.Millisecond {
		t.Fatalf("silence that is told once is acted on in %s", wait)
	}
	both := must[SendBoth](n, n.tick())
	if !both.On || both.Relay != relayPath || n.c.State() != Degraded {
		t.Fatalf("%+v in state %s", both, n.c.State())
	}
	over := must[FailOver](n, n.tick())
	must[RepeatLast](n, n.last)
	if over.To != relayPath || n.c.State() != RelayOnly {
		t.Errorf("%+v in state %s", over, n.c.State())
	}
	if waited := n.now.Sub(n.c.Status().Since); waited != 0 {
		t.Errorf("since %s", waited)
	}
	offer := tickUntil[Coordinate](n)
	if offer.Frame.Attempt != 2 || n.c.Status().Attempts.Used != 2 {
		t.Errorf("what is left of the budget is used: %+v, %+v", offer.Frame, n.c.Status().Attempts)
	}
}

func TestSlowPathIsGivenMoreTime(t *testing.T) {
	n := direct(t)
	n.c.channel.rtt = 100 * time.Millisecond
	if effects := n.step(messages.PathSilent{Path: directPath, For: 299 * time.Millisecond}); len(effects) > 0 {
		t.Errorf("suspected before 3 RTT: %v", effects)
	}
	n.now = n.now.Add(time.Millisecond)
	if effects := n.step(messages.Tick{}); count[SendBoth](effects) != 1 {
		t.Errorf("not suspected after 3 RTT: %v", effects)
	}
}

// What is heard before the silence is long enough ends it.
func TestShortSilence(t *testing.T) {
	n := direct(t)
	n.finishAttempt()
	n.step(messages.PathSilent{Path: directPath, For: 100 * time.Millisecond})
	n.step(messages.PathHeard{Path: directPath})
	if due := n.c.Deadline(); !due.IsZero() || n.c.State() != Direct {
		t.Errorf("state %s, something is due in %s", n.c.State(), due.Sub(n.now))
	}
}

func TestHeardAgain(t *testing.T) {
	n := degraded(t)
	if off := must[SendBoth](n, n.step(messages.PathHeard{Path: directPath})); off.On || n.c.State() != Direct {
		t.Errorf("%+v in state %s", off, n.c.State())
	}
	if count[FailOver](n.all) > 0 || !n.c.Deadline().IsZero() {
		t.Error("it fails over all the same")
	}
}

// SPEC 10.5: a path whose interface is gone is given up at once; one whose
// interface stands is in doubt until it is heard or validated again.
func TestNetworkChangeUnderDirectPath(t *testing.T) {
	n := direct(t)
	gone := network(2, 1)
	gone.Bindings = []messages.Binding{prefix("wlan0", "10.1.1.1/8", true)}
	if over := must[FailOver](n, n.step(gone)); over.Reason != "192.168.1.7 is gone" {
		t.Errorf("reason %q", over.Reason)
	}

	changed := func() *node {
		n := direct(t)
		n.finishAttempt()
		if n.step(network(2, 1)); n.c.State() != Degraded || n.c.Status().Cycles != 2 || count[SendBoth](n.last) != 1 {
			t.Fatalf("state %s, %d cycles", n.c.State(), n.c.Status().Cycles)
		}
		return n
	}
	n = changed()
	if n.step(messages.PathHeard{Path: directPath}); n.c.State() != Degraded {
		t.Error("what was on its way before the change ended the doubt")
	}
	tickUntil[Coordinate](n)
	n.step(messages.Coordination{Kind: messages.CoordinateEcho, Attempt: 2, Sender: 1, Receiver: 1})
	small := must[Probe](n, n.last)
	full := must[Probe](n, n.step(answer(small)))
	off := must[SendBoth](n, n.step(answer(full)))
	if off.On || n.c.State() != Direct || count[Promote](n.last) > 0 {
		t.Errorf("validated again under the new network: %+v", n.last)
	}

	n = changed()
	if over := tickUntil[FailOver](n); over.To != relayPath || over.Reason != "not validated since our network changed" {
		t.Errorf("%+v", over)
	}

	n = changed()
	n.step(messages.PathSilent{Path: directPath, For: time.Second})
	if over := must[FailOver](n, n.tick()); over.Reason != "no answer 1150 ms" {
		t.Errorf("a path that is silent besides gets no more time: %+v", over)
	}
}

// Without a relay there is nothing to fail over to, until there is.
func TestDoubtWaitsForRelay(t *testing.T) {
	n := direct(t)
	n.finishAttempt()
	n.step(messages.RelayLost{Path: relayPath})
	n.step(messages.PathSilent{Path: directPath, For: time.Second})
	n.now = n.now.Add(time.Minute)
	if n.step(messages.Tick{}); n.c.State() != Degraded {
		t.Fatalf("state %s", n.c.State())
	}
	n.step(messages.RelayReady{Endpoint: slotOne, Path: otherRelay})
	if n.c.State() == Degraded {
		n.tick()
	}
	if n.c.Status().Path != otherRelay {
		t.Errorf("the channel is on %s", n.c.Status().Path)
	}
}

// The relay dies under the traffic: over to the spare at once, and else to a
// new session as soon as there is one.
func TestRelayDiesUnderTraffic(t *testing.T) {
	n := relayed(t, true)
	n.step(messages.HoldRelay{On: true})
	n.step(messages.PathHeard{Path: otherRelay})
	over := must[FailOver](n, n.step(messages.RelayLost{Path: relayPath, Reason: "it restarted"}))
	if over.To != otherRelay {
		t.Errorf("%+v", over)
	}
	open := must[OpenRelay](n, n.step(messages.RelayLost{Path: otherRelay}))
	third := messages.Path{Kind: messages.PathRelay, Addr: relayAddr, Session: messages.HopSession{3}}
	over = must[FailOver](n, n.step(messages.RelayReady{Endpoint: open.Endpoint, Path: third}))
	if over.To != third || n.c.Status().Path != third {
		t.Errorf("%+v", over)
	}
	n = relayed(t, false)
	n.step(messages.RelayLost{Path: relayPath})
	if over := must[FailOver](n, n.step(messages.PathHeard{Path: third})); over.To != third {
		t.Errorf("the peer's new session was not taken: %+v", over)
	}
}
