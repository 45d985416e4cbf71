package upgrade

import (
	"math/rand/v2"
	"time"
)

// Defaults of a BackoffWindow (SPEC 10.2).
const (
	DefaultBackoffBase = 200 * time.Millisecond
	DefaultBackoffMax  = 5 * time.Second
)

// Jitter of a delay: ± 20 %, in steps of a thousandth.
const (
	jitterLow   = 800
	jitterSpan  = 401
	jitterScale = 1000
)

// BackoffWindow spaces the attempts of a cycle.
type BackoffWindow struct {
	Base, Max time.Duration
}

// Delay is how long to wait before attempt n, counted from 0.
//
// SPEC 10.2: "delay of attempt n = min(base·2ⁿ, max), with ± 20 % jitter from
// an injected seed, never above max."
func (w BackoffWindow) Delay(n uint64, jitter *rand.Rand) time.Duration {
	delay := min(w.Base, w.Max)
	for ; n > 0 && delay < w.Max; n-- {
		delay = min(2*delay, w.Max)
	}
	delay = delay * time.Duration(jitterLow+jitter.IntN(jitterSpan)) / jitterScale
	return min(delay, w.Max)
}
