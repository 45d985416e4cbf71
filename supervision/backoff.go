package supervision

import (
	"math/rand/v2"
	"time"
)

const (
	backoffBase = 100 * time.Millisecond // wait before the second restart in a row
	backoffCap  = 10 * time.Second

	// quarantineCap bounds a quarantine, unless the intensity's span is longer.
	quarantineCap = time.Hour
)

// restartDelay is the wait before restart number n in a row, counted from 0:
// nothing, then 100 ms, 200 ms, 400 ms … 10 s, each ± 25 % drawn from rng. A row
// ends with a life of Intensity.health.
func restartDelay(n int, rng *rand.Rand) time.Duration {
	if n <= 0 {
		return 0
	}
	d := backoffCap
	if shift := n - 1; shift < 7 {
		d = min(backoffBase<<shift, backoffCap)
	}
	return jittered(d, rng)
}

// quarantineDelay is how long quarantine number n in a row lasts, counted from
// 0: the span of the intensity that was exceeded, doubled n times up to an hour,
// ± 25 % drawn from rng.
func quarantineDelay(n int, within time.Duration, rng *rand.Rand) time.Duration {
	d := within
	for ; n > 0 && d < quarantineCap; n-- {
		d = min(2*d, quarantineCap)
	}
	return jittered(d, rng)
}

// jittered is d ± 25 %.
func jittered(d time.Duration, rng *rand.Rand) time.Duration {
	return d*3/4 + time.Duration(rng.Int64N(int64(d/2)+1))
}
