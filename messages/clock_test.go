package messages_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/waymeet/waymeet/messages"
)

// SPEC 1.6: "windows are half-open [from, until)".
func TestWindowIsHalfOpen(t *testing.T) {
	window := messages.Window{From: 10, Until: 20}
	for at, inside := range map[messages.Millis]bool{9: false, 10: true, 19: true, 20: false} {
		if window.Contains(at) != inside {
			t.Errorf("%d inside: %t", at, !inside)
		}
	}
	if most := (messages.Window{Until: 1 << 63}).Length(); most <= 0 {
		t.Errorf("a window beyond all durations has length %v", most)
	}
	if window.Length() != 10*time.Millisecond || (messages.Window{From: 20, Until: 10}).Length() != 0 {
		t.Error("length")
	}
}

func TestMillisStayAboveZero(t *testing.T) {
	if messages.MillisOf(time.Unix(-5, 0)) != 0 || messages.Millis(5).Add(-time.Second) != 0 {
		t.Error("a time before 1970")
	}
	now := time.UnixMilli(1_800_000_000_123)
	if !messages.MillisOf(now).Time().Equal(now) {
		t.Error("there and back")
	}
}

// SPEC 3.1: "hlc = (ms << 16 | counter)".
func TestHLCOnlyGrows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var clock messages.HLC
		for range rapid.IntRange(1, 50).Draw(t, "readings") {
			now := messages.Millis(rapid.Uint64Range(0, 1<<40).Draw(t, "now"))
			next := clock.Next(now)
			if next <= clock || next.Millis() < now {
				t.Fatalf("%d at %d after %d", next, now, clock)
			}
			clock = next
		}
	})
}
