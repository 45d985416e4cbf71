package upgrade

import (
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// fires is how long after the frame that arms it an end sends its first probe.
func fires(t *testing.T, initiator bool, number messages.AttemptNumber) time.Duration {
	n := relayed(t, initiator)
	n.c.saved.Number = number - 1
	arms := frame(messages.CoordinateFire, number)
	if initiator {
		tickUntil[Coordinate](n)
		arms = frame(messages.CoordinateEcho, number)
	} else {
		n.step(frame(messages.CoordinateOffer, number))
	}
	n.now = n.now.Add(relayRTT)
	armed := n.now
	if _, ok := find[Probe](n.step(arms)); !ok {
		tickUntil[Probe](n)
	}
	return n.now.Sub(armed)
}

// SPEC 10.6: "First sender alternates per attempt and both sides fire at
// RTT/2". The initiator waits half a round trip for its frame to arrive.
func TestFirstSenderAlternates(t *testing.T) {
	const half, stagger = relayRTT / 2, relayRTT / 4
	for number := range messages.AttemptNumber(4) {
		number++
		initiator, responder := fires(t, true, number), half+fires(t, false, number)
		want := stagger
		if number%2 == 0 {
			want = -stagger
		}
		if got := responder - initiator; got != want {
			t.Errorf("attempt %d: the responder fires %s after the initiator, want %s", number, got, want)
		}
	}
}

// SPEC 10.4: what names an older generation of either end, another attempt, or
// the wrong end is dropped and counted.
func TestStaleFramesAreDropped(t *testing.T) {
	older := frame(messages.CoordinateOffer, 1)
	older.Receiver = 0
	unknown := frame(messages.CoordinateOffer, 1)
	unknown.Sender = 0
	for name, c := range map[string]struct {
		initiator bool
		frame     messages.Coordination
	}{
		"older candidates of ours":        {false, older},
		"older candidates of its own":     {false, unknown},
		"an offer to the initiator":       {true, frame(messages.CoordinateOffer, 1)},
		"a fire to the initiator":         {true, frame(messages.CoordinateFire, 1)},
		"an ask to the responder":         {false, frame(messages.CoordinateAsk, 0)},
		"an echo to the responder":        {false, frame(messages.CoordinateEcho, 1)},
		"an echo of no attempt":           {true, frame(messages.CoordinateEcho, 1)},
		"a fire of no attempt":            {false, frame(messages.CoordinateFire, 1)},
		"an offer with the number of old": {false, frame(messages.CoordinateOffer, 0)},
	} {
		n := relayed(t, c.initiator)
		if effects := n.step(c.frame); len(effects) > 0 || n.c.Status().Counters.Stale != 1 {
			t.Errorf("%s: %v, %+v", name, effects, n.c.Status().Counters)
		}
	}
	n := relayed(t, false)
	n.step(frame(messages.CoordinateOffer, 3))
	if effects := n.step(frame(messages.CoordinateOffer, 3)); count[Coordinate](effects) > 0 {
		t.Error("an offer that came twice was joined twice")
	}
	newer := frame(messages.CoordinateOffer, 4)
	newer.Sender, newer.Receiver = 5, 5
	if effects := n.step(newer); count[Coordinate](effects) != 1 {
		t.Error("a peer that knows of newer generations than we was refused")
	}
}

// A peer cannot make us probe more than we would.
func TestJoiningCostsTheBudget(t *testing.T) {
	n := relayed(t, false)
	for number := range messages.AttemptNumber(50) {
		n.step(frame(messages.CoordinateOffer, number+1))
		n.step(frame(messages.CoordinateFire, number+1))
	}
	echoes := 0
	for _, e := range n.all {
		if c, ok := e.(Coordinate); ok && c.Frame.Kind == messages.CoordinateEcho {
			echoes++
		}
	}
	if echoes != DefaultAttempts {
		t.Errorf("%d attempts were joined", echoes)
	}
	n = relayed(t, false)
	n.step(messages.HoldRelay{On: true})
	if effects := n.step(frame(messages.CoordinateOffer, 1)); len(effects) > 0 {
		t.Errorf("held, and yet it joined: %v", effects)
	}
}

// A new channel takes the paths of the vault, and its peer counts from 1.
func TestNewChannelBeginsAnew(t *testing.T) {
	n := relayed(t, false)
	n.step(frame(messages.CoordinateOffer, 3))
	n.step(messages.ChannelUp{Channel: channelTwo, Path: otherRelay})
	if n.c.attempt != nil || n.c.Status().Path != otherRelay {
		t.Errorf("%+v", n.c.Status())
	}
	if effects := n.step(frame(messages.CoordinateOffer, 1)); count[Coordinate](effects) != 1 {
		t.Error("the first offer in a new channel was taken for an old one")
	}
}

// An offer may overtake the news of our own channel; it is joined then, if the
// peer still waits.
func TestEarlyOffer(t *testing.T) {
	up := messages.ChannelUp{Channel: channelOne, Path: relayPath}
	n := known(t)
	n.step(frame(messages.CoordinateOffer, 1))
	n.now = n.now.Add(time.Second)
	if echo := must[Coordinate](n, n.step(up)); echo.Frame.Kind != messages.CoordinateEcho {
		t.Errorf("%+v", echo)
	}
	n = known(t)
	n.step(frame(messages.CoordinateOffer, 1))
	n.now = n.now.Add(coordinateTimeout)
	if n.step(up); n.c.attempt != nil {
		t.Error("the peer has given up, and its offer was joined")
	}
	n = known(t)
	n.step(frame(messages.CoordinateOffer, 1))
	up.Initiator = true
	if effects := n.step(up); count[Coordinate](effects) > 0 || n.c.Status().Counters.Stale != 1 {
		t.Errorf("joined at the end that coordinates: %+v", effects)
	}
}
