package supervision

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// The agenda agrees with looking through all seats, whatever is set, moved and
// taken off.
func TestAgendaAgainstSearch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var a agenda
		seats, due := make([]*seat, 40), make(map[*seat]time.Time)
		for i := range seats {
			seats[i] = &seat{born: i, slot: -1}
		}
		for range rapid.IntRange(0, 300).Draw(t, "steps") {
			s := rapid.SampledFrom(seats).Draw(t, "seat")
			if at := rapid.IntRange(0, 20).Draw(t, "at"); at > 0 {
				due[s] = epoch0.Add(time.Duration(at))
			} else {
				delete(due, s)
			}
			a.set(s, due[s])
			if got := a.due(s); got != due[s] {
				t.Fatalf("due %v, want %v", got, due[s])
			}
		}
		for len(due) > 0 {
			var first *seat
			for _, s := range seats {
				if at, ok := due[s]; ok && (first == nil || at.Before(due[first])) {
					first = s
				}
			}
			at := due[first]
			if a.next() != at || a.take(at.Add(-1)) != nil {
				t.Fatalf("next %v, want %v", a.next(), at)
			}
			if got := a.take(at); got != first {
				t.Fatalf("took %d, want %d", got.born, first.born)
			}
			delete(due, first)
		}
		if !a.next().IsZero() {
			t.Fatal("something is left")
		}
	})
}
