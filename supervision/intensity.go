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

// String is the bound in words.
func (i Intensity) String() string {
	return fmt.Sprintf("%d restarts in %v", i.Restarts, i.Within)
}

// window counts the restarts of the last Within. It remembers at most Restarts
// times, whatever happens.
type window struct {
	limit Intensity
	times []time.Time // a ring once it holds limit.Restarts entries
	next  int         // where the ring's oldest entry is
}

func newWindow(i Intensity) window { return window{limit: i} }

// add counts one restart at now, and reports whether the limit allows it. A
// refused restart is not remembered. Spans are half-open: a restart exactly
// Within ago no longer counts.
func (w *window) add(now time.Time) bool {
	if len(w.times) < w.limit.Restarts {
		w.times = append(w.times, now)
		return true
	}
	if w.limit.Restarts <= 0 || now.Sub(w.times[w.next]) < w.limit.Within {
		return false
	}
	w.times[w.next] = now
	w.next = (w.next + 1) % len(w.times)
	return true
}
