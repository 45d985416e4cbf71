package supervision

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Whatever happens in whatever order, a crew that is closed resigns once every
// child has ended, keeps its invariants on the way, and from then on only turns
// away who is hired too late.
func TestCrewProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		strategy := Strategy(rapid.IntRange(0, 3).Draw(t, "strategy"))
		var children []Child
		if strategy != Dynamic {
			for i := range rapid.IntRange(1, 5).Draw(t, "children") {
				children = append(children, member(string(rune('a'+i)), Restart(rapid.IntRange(0, 2).Draw(t, "restart"))))
			}
		}
		rig := newRig(strategy, Intensity{}, children...)
		w := &crewWitness{t: t, alive: map[string]bool{}}
		w.note(rig.do("open"))
		for range rapid.IntRange(0, 60).Draw(t, "steps") {
			verbs := []string{"wait 100ms", "wait 10s", "hire a", "hire b", "hire c", "fire a", "fire b"}
			if strategy != Dynamic {
				verbs = verbs[:2]
			}
			for name := range w.alive {
				for _, v := range []string{"up ", "crash ", "end ", "gone "} {
					verbs = append(verbs, v+name)
				}
			}
			slices.Sort(verbs)
			v := rapid.SampledFrom(verbs).Draw(t, "verb")
			if word, name, _ := strings.Cut(v, " "); word == "crash" || word == "end" || word == "gone" {
				delete(w.alive, name)
			}
			w.note(rig.do(v))
			checkInvariants(t, rig.crew)
		}
		w.note(rig.do("close"))
		for range 200 {
			if w.resigned > 0 {
				break
			}
			w.note(rig.do("wait 60s"))
			for name := range w.alive {
				if s := rig.crew.byName[name]; s != nil && s.state == stopping {
					delete(w.alive, name)
					w.note(rig.do("gone " + name))
				}
			}
		}
		if w.resigned != 1 {
			t.Fatalf("resigned %d times", w.resigned)
		}
	})
}

// crewWitness follows the orders of a crew and objects to what must not be.
type crewWitness struct {
	t        *rapid.T
	alive    map[string]bool
	resigned int
}

func (w *crewWitness) note(orders string) {
	for _, o := range strings.Split(orders, ", ") {
		verb, name, _ := strings.Cut(o, " ")
		if w.resigned > 0 && verb != "forget" && verb != "" {
			w.t.Fatalf("order after resigning: %q", o)
		}
		switch verb {
		case "start":
			if w.alive[name] {
				w.t.Fatalf("%s started while alive", name)
			}
			w.alive[name] = true
		case "abandon":
			delete(w.alive, name)
		case "resign:":
			w.resigned++
			if len(w.alive) > 0 {
				w.t.Fatalf("resigned while %v live", w.alive)
			}
		}
	}
}

// checkInvariants checks those of the crew, and that the agenda is sound.
func checkInvariants(t *rapid.T, c *crew) {
	moving := 0
	for i, s := range c.seats {
		if s.state == starting || s.state == stopping {
			moving++
		}
		if s.state != starting || !c.spec.Strategy.ordered() {
			continue
		}
		for _, before := range c.seats[:i] {
			if before.state != up && before.state != done && before.state != waiting {
				t.Fatalf("%s starts before %s is up", s.child.name, before.child.name)
			}
		}
	}
	if moving > 1 && c.spec.Strategy.ordered() && c.phase < closing {
		t.Fatalf("%d ordered children start or stop at once", moving)
	}
	for i, s := range c.agenda.heap {
		if s.slot != i || s.due.IsZero() {
			t.Fatal("agenda and seats disagree")
		}
	}
}
