package supervision

import (
	"fmt"
	"time"
)

// Intensity bounds restarts: at most Restarts of them Within any span of that
// length. The zero value means the default, 3 in 60 s (for a child: that of its
// supervisor). {0, d} with d > 0 allows no restart at all.
type Intensity struct {
	Restarts int
	Within   time.Duration
}

const (
	defaultRestarts = 3
	defaultWithin   = 60 * time.Second
)

// or returns i, or d where i is the zero value.
func (i Intensity) or(d Intensity) Intensity {
	if i == (Intensity{}) {
		return d
	}
	return i
}

// check refuses what bounds nothing: restarts without a span.
func (i Intensity) check(path string) error {
	if i != (Intensity{}) && (i.Within <= 0 || i.Restarts < 0) {
		return fmt.Errorf("supervision: the intensity of %s makes no sense: %v", path, i)
	}
	return nil
}

// String is the bound in words.
func (i Intensity) String() string {
	return fmt.Sprintf("%d restarts in %v", i.Restarts, i.Within)
}

// health is how long a life must last for its crash not to count as one more in
// a row: who crashes less often than that never exceeds the intensity.
func (i Intensity) health() time.Duration {
	return i.Within / time.Duration(max(1, i.Restarts))
}

// window counts the restarts of the last Within. It remembers at most Restarts
// times, whatever happens.
type window struct {
	limit Intensity
	times queue[time.Time]
}

func newWindow(i Intensity) window { return window{limit: i} }

// add counts one restart at now, and reports whether the limit allows it. A
// refused restart is not remembered. Spans are half-open: a restart exactly
// Within ago no longer counts.
func (w *window) add(now time.Time) bool {
	for w.times.n > 0 && now.Sub(w.times.front()) >= w.limit.Within {
		w.times.pop()
	}
	if w.times.n >= w.limit.Restarts {
		return false
	}
	w.times.push(now)
	return true
}
