package supervision

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// The window agrees with counting all restarts ever allowed, and never
// remembers more than the limit.
func TestWindowAgainstCounting(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := Intensity{rapid.IntRange(0, 5).Draw(t, "restarts"), time.Duration(rapid.IntRange(1, 20).Draw(t, "within"))}
		w := newWindow(limit)
		var allowed []time.Time
		now := epoch0
		for range rapid.IntRange(0, 60).Draw(t, "n") {
			now = now.Add(time.Duration(rapid.IntRange(0, 10).Draw(t, "gap")))
			recent := 0
			for _, at := range allowed {
				if now.Sub(at) < limit.Within {
					recent++
				}
			}
			want := recent < limit.Restarts
			if got := w.add(now); got != want {
				t.Fatalf("add = %v, want %v with %d recent", got, want, recent)
			}
			if want {
				allowed = append(allowed, now)
			}
			if w.times.n > limit.Restarts {
				t.Fatalf("remembers %d times, limit %d", w.times.n, limit.Restarts)
			}
		}
	})
}
