package upgrade

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
	"pgregory.net/rapid"
)

// SPEC 10.3: "so for every trace: attempts(T) ≤ max · (4 + ⌊T/15 s⌋) per
// (context, peer). An actor restart NEVER refills a budget or the bucket."
//
// The trace is random: any message at any time, and the actor killed at any
// step, before the step's effects, after the first of them, or after all.
func TestAttemptsBound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const most = 5
		now, saved := start, Saved{}
		seed := rapid.Uint64().Draw(t, "seed")
		build := func() *Connection {
			seed++
			return New(Config{Attempts: most, Jitter: rand.New(rand.NewPCG(seed, 1))}, saved, now)
		}
		c := build()
		attempts, number := uint64(0), messages.AttemptNumber(0)
		for range rapid.IntRange(1, 120).Draw(t, "steps") {
			now = now.Add(pause(t, c, now))
			effects := c.Step(now, anyMessage(t, &number))
			performed := len(effects)
			if rapid.IntRange(0, 5).Draw(t, "kill") == 0 {
				performed = rapid.IntRange(0, len(effects)).Draw(t, "performed")
			}
			for _, effect := range effects[:performed] {
				switch e := effect.(type) {
				case Save:
					if e.Saved.Network < saved.Network || e.Saved.Remote < saved.Remote || e.Saved.Local < saved.Local ||
						e.Saved.Cycles < saved.Cycles || e.Saved.Number < saved.Number {
						t.Fatalf("something went back: %+v after %+v", e.Saved, saved)
					}
					saved = e.Saved
				case Coordinate:
					if e.Frame.Kind == messages.CoordinateOffer || e.Frame.Kind == messages.CoordinateEcho {
						attempts++
					}
				}
			}
			if performed < len(effects) || rapid.IntRange(0, 9).Draw(t, "restart") == 0 {
				c = build()
			}
			bound := most * uint64(bucketBurst+now.Sub(start)/bucketPeriod)
			if attempts > bound {
				t.Fatalf("%d attempts after %s, and %d are allowed", attempts, now.Sub(start), bound)
			}
			if s := c.Status(); s.Attempts.Used > s.Attempts.Max {
				t.Fatalf("budget overdrawn: %+v", s.Attempts)
			}
		}
	})
}

// pause is nothing, a moment, until the deadline, or long.
func pause(t *rapid.T, c *Connection, now time.Time) time.Duration {
	switch rapid.IntRange(0, 3).Draw(t, "pause") {
	case 0:
		return 0
	case 1:
		return time.Duration(rapid.IntRange(1, 500).Draw(t, "ms")) * time.Millisecond
	case 2:
		if due := c.Deadline(); due.After(now) {
			return due.Sub(now)
		}
	}
	return time.Duration(rapid.IntRange(0, 20).Draw(t, "s")) * time.Second
}

// anyMessage is weighted toward what begins attempts.
func anyMessage(t *rapid.T, number *messages.AttemptNumber) messages.PeerConnectionMessage {
	generation := rapid.Uint64Range(1, 60).Draw(t, "generation")
	switch rapid.IntRange(0, 13).Draw(t, "message") {
	case 0:
		return endpoints(messages.CandidateGeneration(generation))
	case 1:
		return network(messages.NetworkGeneration(generation), messages.CandidateGeneration(generation/2))
	case 2:
		return messages.RelayReady{Endpoint: slotOne, Path: relayPath}
	case 3:
		return messages.RelayLost{Path: relayPath}
	case 4, 5:
		return messages.ChannelUp{
			Channel: messages.ChannelID{byte(generation % 3)}, Initiator: rapid.Bool().Draw(t, "initiator"), Path: relayPath,
		}
	case 6:
		return messages.PathSilent{Path: directPath, For: time.Second}
	case 7:
		return messages.HoldRelay{On: rapid.IntRange(0, 3).Draw(t, "hold") == 0}
	case 8, 9:
		*number++
		return messages.Coordination{Kind: messages.CoordinateOffer, Attempt: *number, Sender: 99, Receiver: 99}
	case 10:
		return messages.Coordination{Kind: messages.CoordinateAsk, Sender: 99, Receiver: 99}
	case 11:
		return messages.Coordination{Kind: messages.CoordinateEcho, Attempt: messages.AttemptNumber(generation), Sender: 99, Receiver: 99}
	default:
		return messages.Tick{}
	}
}

// SPEC 10.2: "delay of attempt n = min(base·2ⁿ, max), with ± 20 % jitter from
// an injected seed, never above max."
func TestDelay(t *testing.T) {
	window := BackoffWindow{Base: DefaultBackoffBase, Max: DefaultBackoffMax}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Uint64Range(0, 80).Draw(t, "n")
		seed := rapid.Uint64().Draw(t, "seed")
		want := window.Max
		if n < 5 {
			want = window.Base << n
		}
		got := window.Delay(n, rand.New(rand.NewPCG(seed, 0)))
		if got < want*8/10 || got > want*12/10 || got > window.Max {
			t.Fatalf("delay of attempt %d is %s, want %s ± 20 %%", n, got, want)
		}
		if again := window.Delay(n, rand.New(rand.NewPCG(seed, 0))); again != got {
			t.Fatalf("the same seed gave %s and %s", got, again)
		}
	})
}

func TestDelayIsJittered(t *testing.T) {
	window, jitter := BackoffWindow{Base: time.Second, Max: time.Hour}, rand.New(rand.NewPCG(1, 1))
	seen := map[time.Duration]bool{}
	for range 50 {
		seen[window.Delay(0, jitter)] = true
	}
	if len(seen) < 25 {
		t.Errorf("50 delays had %d different lengths", len(seen))
	}
}

// SPEC 10.3: "4 burst, one per 15 s".
func TestBucket(t *testing.T) {
	b := fullBucket(start)
	taken := 0
	for at := time.Duration(0); at <= 10*time.Minute; at += time.Second {
		for b.take(start.Add(at)) {
			taken++
		}
		if want := 4 + int(at/(15*time.Second)); taken != want {
			t.Fatalf("after %s: %d tokens, want %d", at, taken, want)
		}
	}
	b = fullBucket(start)
	b.take(start)
	if b.take(start.Add(time.Hour)); b.Tokens != bucketBurst-1 {
		t.Errorf("an hour later %d tokens are left of a bucket of %d", b.Tokens, bucketBurst)
	}
	if b = (Bucket{Refilled: start}); b.take(start.Add(-time.Hour)) || b.take(start.Add(14*time.Second)) || !b.take(start.Add(15*time.Second)) {
		t.Error("a clock that was put back gave or cost a token")
	}
}
