package supervision

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// slowLane is a second lane, written plainly.
type slowLane struct{ waiting []envelope }

func (l *slowLane) offer(e envelope, limit int) verdict {
	if e.class() == LatestWins {
		for i, other := range l.waiting {
			if other.class() == LatestWins && other.extra.sort.Key == e.extra.sort.Key {
				l.waiting[i] = e
				return replaced
			}
		}
	}
	if len(l.waiting) < limit {
		l.waiting = append(l.waiting, e)
		return taken
	}
	if e.class() == Droppable {
		return dropped
	}
	i := slices.IndexFunc(l.waiting, func(e envelope) bool { return e.class() == Droppable })
	if i < 0 {
		return full
	}
	l.waiting = append(slices.Delete(l.waiting, i, i+1), e)
	return displaced
}

// The lane does what the plain one does, whatever is offered and taken out.
func TestLaneAgainstAPlainOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const limit = 6
		var l lane
		var plain slowLane
		for i := range rapid.IntRange(0, 200).Draw(t, "steps") {
			if op := rapid.IntRange(0, 5).Draw(t, "op"); op > 1 {
				e := envelope{message: i}
				switch op {
				case 2:
					key := fmt.Sprint(rapid.IntRange(0, 2).Draw(t, "key"))
					e.extra = &extra{sort: Sort{Class: LatestWins, Key: key}}
				case 3, 4:
					e.extra = &extra{sort: Sort{Class: Droppable}}
				}
				if got, _ := l.offer(e, limit); got != plain.offer(e, limit) {
					t.Fatalf("step %d: verdict %d", i, got)
				}
			} else if len(plain.waiting) > 0 {
				if got := l.pop(limit); got.message != plain.waiting[0].message {
					t.Fatalf("step %d: popped %v, want %v", i, got.message, plain.waiting[0].message)
				}
				plain.waiting = plain.waiting[1:]
			}
			if l.queue.n != len(plain.waiting) {
				t.Fatalf("step %d: %d wait, want %d", i, l.queue.n, len(plain.waiting))
			}
		}
	})
}

// sorted gives the words of a test their classes: "now…" replaces what starts
// with the same letters, "maybe…" may be lost.
func sorted(m script) Sort {
	switch {
	case len(m) > 3 && m[:3] == "now":
		return Sort{Class: LatestWins, Key: "now"}
	case len(m) > 5 && m[:5] == "maybe":
		return Sort{Class: Droppable}
	}
	return Sort{}
}
