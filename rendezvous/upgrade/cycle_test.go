package upgrade

import (
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// exhaust lets every attempt of the cycle fail for want of an echo.
func exhaust(n *node) {
	n.t.Helper()
	for range 100 {
		if !n.c.Status().Attempts.Left() && n.c.attempt == nil {
			return
		}
		n.tick()
	}
	n.t.Fatal("the budget is never used up")
}

// SPEC 10.2: "Defaults 5 attempts, 200 ms, 5 s. Out of budget: stay on the
// relay, silent."
func TestOutOfBudget(t *testing.T) {
	n := relayed(t, true)
	exhaust(n)
	if got := count[Coordinate](n.all); got != 5 {
		t.Errorf("%d attempts, want 5", got)
	}
	if due := n.c.Deadline(); !due.IsZero() {
		t.Errorf("out of budget, and yet something is due in %s", due.Sub(n.now))
	}
	if stay := must[Announce](n, n.last).Change; !stay.Stays || stay.To != messages.PathRelay {
		t.Errorf("the host is told %q", stay)
	}
	before := len(n.all)
	n.now = n.now.Add(time.Hour)
	n.step(messages.Tick{})
	if len(n.all) != before {
		t.Error("it was not silent")
	}
}

// SPEC 10.3: "A newer CandidateGeneration (of either side …) or
// NetworkGeneration resets budget and window and starts one fresh cycle."
// SPEC 1.4: "an equal or older one changes nothing".
func TestOnlyNewerGenerationsReset(t *testing.T) {
	newer := map[string]messages.PeerConnectionMessage{
		"peer's candidates": endpoints(2), "our candidates": network(1, 2), "our network": network(2, 1),
	}
	for name, message := range newer {
		t.Run(name, func(t *testing.T) {
			n := relayed(t, true)
			exhaust(n)
			for _, stale := range []messages.PeerConnectionMessage{endpoints(1), endpoints(0), network(1, 1), network(0, 9), network(1, 0)} {
				if effects := n.step(stale); len(effects) > 0 {
					t.Errorf("%+v did %v", stale, effects)
				}
			}
			reset := must[BudgetReset](n, n.step(message))
			if reset.Attempts.Used != 0 || reset.Reason == "" || n.c.Status().Cycles != 2 {
				t.Errorf("%+v, cycles %d", reset, n.c.Status().Cycles)
			}
			tickUntil[Coordinate](n)
			if used := n.c.Status().Attempts.Used; used != 1 {
				t.Errorf("after the first attempt of the fresh cycle: %d used", used)
			}
		})
	}
}

// SPEC 10.3: "a cycle that has to wait is not lost, the newest generation gets
// it."
func TestWaitingCycleIsNotLost(t *testing.T) {
	n := relayed(t, true)
	exhaust(n)
	for generation := range messages.CandidateGeneration(bucketBurst - 1) {
		n.step(endpoints(2 + generation))
		exhaust(n)
	}
	if cycles := n.c.Status().Cycles; cycles != bucketBurst {
		t.Fatalf("%d cycles", cycles)
	}
	n.c.saved.Bucket = Bucket{Refilled: n.now}
	n.step(endpoints(100))
	n.step(endpoints(101))
	s := n.c.Status()
	if !s.Waiting || s.Attempts.Left() {
		t.Fatalf("without a token: %+v", s)
	}
	if wait := n.c.Deadline().Sub(n.now); wait != bucketPeriod {
		t.Errorf("the token comes in %s, the deadline is in %s", bucketPeriod, wait)
	}
	n.build() // A kill does not lose it either.
	n.step(messages.ChannelUp{Channel: channelOne, Initiator: true, Path: relayPath})
	n.step(endpoints(101))
	n.step(network(1, 1))
	tickUntil[BudgetReset](n)
	offer := tickUntil[Coordinate](n)
	if offer.Frame.Receiver != 101 {
		t.Errorf("the fresh cycle is for generation %d", offer.Frame.Receiver)
	}
}

// Generations that come before the first attempt of a cycle take no token.
func TestUntouchedCycleServesNewerGeneration(t *testing.T) {
	n := known(t)
	for generation := messages.CandidateGeneration(2); generation < 20; generation++ {
		n.step(endpoints(generation))
		n.step(network(messages.NetworkGeneration(generation), generation))
	}
	if s := n.c.Status(); s.Cycles != 1 || n.c.saved.Bucket.Tokens != bucketBurst-1 {
		t.Errorf("%d cycles, %d tokens left", s.Cycles, n.c.saved.Bucket.Tokens)
	}
}

// A killed actor goes on exactly where it was.
func TestRestartContinues(t *testing.T) {
	n := relayed(t, true)
	tickUntil[Coordinate](n)
	n.tick() // no echo came
	before := n.c.Status()
	n.build()
	n.step(messages.ChannelUp{Channel: channelOne, Initiator: true, Path: relayPath})
	n.step(endpoints(1))
	n.step(network(1, 1))
	after := n.c.Status()
	if after.Attempts != before.Attempts || after.Cycles != before.Cycles || !after.NextAttempt.Equal(before.NextAttempt) {
		t.Errorf("before %+v\nafter  %+v", before, after)
	}
	offer := tickUntil[Coordinate](n)
	if offer.Frame.Attempt != 2 {
		t.Errorf("the next attempt is number %d", offer.Frame.Attempt)
	}
}

// The end that does not coordinate asks if no offer comes by itself, and no
// more often in a cycle than it may make attempts.
func TestResponderAsks(t *testing.T) {
	n := relayed(t, false)
	for range 100 {
		if !n.c.Deadline().IsZero() {
			n.tick()
		}
	}
	if asks := count[Coordinate](n.all); asks != DefaultAttempts || n.c.Status().Attempts.Used != 0 {
		t.Errorf("%d asks, %+v", asks, n.c.Status().Attempts)
	}
	for _, e := range n.all {
		if c, ok := e.(Coordinate); ok && c.Frame.Kind != messages.CoordinateAsk {
			t.Errorf("the responder sent %+v", c.Frame)
		}
	}
	if n.step(endpoints(2)); n.c.Status().Cycles != 2 {
		t.Error("a newer generation gave no fresh cycle")
	}
	n.step(messages.Coordination{Kind: messages.CoordinateOffer, Attempt: 1, Sender: 2, Receiver: 1})
	n.finishAttempt()
	if wait := n.c.Deadline().Sub(n.now); wait < askGrace {
		t.Errorf("it was offered an attempt, and asks in %s", wait)
	}
}

// An ask is served out of our own budget.
func TestAskCostsOurBudget(t *testing.T) {
	n := direct(t)
	n.finishAttempt()
	n.step(frame(messages.CoordinateAsk, 0))
	if offer := tickUntil[Coordinate](n); offer.Frame.Kind != messages.CoordinateOffer {
		t.Fatalf("an ask gave %+v", offer.Frame)
	}
	if used := n.c.Status().Attempts.Used; used != 2 {
		t.Errorf("%d attempts used", used)
	}
	n = relayed(t, true)
	exhaust(n)
	if effects := n.step(frame(messages.CoordinateAsk, 0)); len(effects) > 0 || !n.c.Deadline().IsZero() {
		t.Error("an ask was served without a budget")
	}
}
