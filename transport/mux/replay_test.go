package mux

import (
	"testing"

	"pgregory.net/rapid"
)

// oracle is the window written the naive way.
type oracle struct {
	seen map[uint64]bool
	next uint64
}

func (o *oracle) fresh(c uint64) bool {
	return !o.seen[c] && (c >= o.next || o.next-1-c < replayWindow)
}

func (o *oracle) mark(c uint64) {
	o.seen[c] = true
	o.next = max(o.next, c+1)
}

func TestWindowIsTheNaiveWindow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w window
		o := oracle{seen: make(map[uint64]bool)}
		step := rapid.OneOf(
			rapid.Int64Range(-3, 3),
			rapid.Int64Range(-70, 70),
			rapid.Int64Range(-replayWindow-130, replayWindow+130),
			rapid.Int64Range(-replayWindow-1, -replayWindow+1),
		)
		for range rapid.IntRange(1, 200).Draw(t, "n") {
			at := int64(o.next) + step.Draw(t, "step")
			if at < 0 {
				continue
			}
			c := uint64(at)
			if got, want := w.fresh(c), o.fresh(c); got != want {
				t.Fatalf("fresh(%d) = %v, want %v with next %d", c, got, want, o.next)
			}
			if o.fresh(c) {
				if newest := w.mark(c); newest != (c >= o.next) {
					t.Fatalf("mark(%d) = %v with next %d", c, newest, o.next)
				}
				o.mark(c)
			}
		}
	})
}

func TestWindowHoldsExactly8192(t *testing.T) {
	for _, offset := range []uint64{0, 1, 63, 64, 65} {
		var w window
		for c := offset; c < offset+replayWindow; c++ {
			w.mark(c + 100)
		}
		newest := offset + replayWindow + 99
		for c := newest - replayWindow + 1; c <= newest; c++ {
			if w.fresh(c) {
				t.Fatalf("offset %d: counter %d of newest %d taken twice", offset, c, newest)
			}
		}
		var sparse window
		sparse.mark(newest)
		if !sparse.fresh(newest - replayWindow + 1) {
			t.Fatalf("offset %d: the oldest counter of the window is refused", offset)
		}
		if sparse.fresh(newest - replayWindow) {
			t.Fatalf("offset %d: a counter behind the window is taken", offset)
		}
	}
}

func TestWindowExpandsTheLowHalf(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		next := rapid.Uint64Range(0, 1<<40).Draw(t, "next")
		c := uint64(max(0, int64(next)+rapid.Int64Range(-1<<30, 1<<30).Draw(t, "step")))
		if got := (&window{next: next}).expand(uint32(c)); got != c {
			t.Fatalf("expand(low of %d) with next %d = %d", c, next, got)
		}
	})
}
