package messages

import (
	"math"
	"time"
)

// Millis is a time in Unix milliseconds, UTC (SPEC 1.6).
type Millis uint64

// MillisOf is t in Unix milliseconds; times before 1970 are 0.
func MillisOf(t time.Time) Millis { return Millis(max(t.UnixMilli(), 0)) }

// Time is the same instant as a time.Time.
func (m Millis) Time() time.Time { return time.UnixMilli(int64(m)) }

// Add is m moved by d; it never goes below 0.
func (m Millis) Add(d time.Duration) Millis { return Millis(max(int64(m)+d.Milliseconds(), 0)) }

// Window is the half-open span [From, Until) (SPEC 1.6).
type Window struct {
	From  Millis `cbor:"1,keyasint"`
	Until Millis `cbor:"2,keyasint"`
}

// Contains reports whether t lies in the window: From is inside, Until is not.
func (w Window) Contains(t Millis) bool { return w.From <= t && t < w.Until }

// Length is how long the window is; an inverted window has length 0, and one
// that no Duration can hold has the greatest there is.
func (w Window) Length() time.Duration {
	if w.Until <= w.From {
		return 0
	}
	return time.Duration(min(w.Until-w.From, Millis(math.MaxInt64/time.Millisecond))) * time.Millisecond
}

// HLC is a hybrid logical clock reading: Unix milliseconds << 16 | counter
// (SPEC 3.1). It orders facts causally: a fact's reading is greater than those
// of everything its author had seen.
type HLC uint64

const hlcCounterBits = 16

// Millis is the wall-clock part.
func (h HLC) Millis() Millis { return Millis(h >> hlcCounterBits) }

// Next is the reading for a new fact at now, given that h is the greatest
// reading seen so far.
func (h HLC) Next(now Millis) HLC { return max(h+1, HLC(now)<<hlcCounterBits) }
