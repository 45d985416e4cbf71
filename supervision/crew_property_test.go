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
		alive := map[string]bool{}
		resigned := 0
		note := func(orders string) {
			if resigned > 0 && strings.TrimPrefix(orders, "forget ") == orders && orders != "" {
				t.Fatalf("orders after resigning: %q", orders)
			}
			for _, o := range strings.Split(orders, ", ") {
				verb, name, _ := strings.Cut(o, " ")
				switch verb {
				case "start":
					if alive[name] {
						t.Fatalf("%s started while alive", name)
					}
					alive[name] = true
				case "abandon":
					delete(alive, name)
				case "resign:":
					resigned++
					if len(alive) > 0 {
						t.Fatalf("resigned while %v live", alive)
					}
				}
			}
		}
		note(rig.do("open"))
		for range rapid.IntRange(0, 60).Draw(t, "steps") {
			verbs := []string{"wait 100ms", "wait 10s", "hire a", "hire b", "hire c", "fire a", "fire b"}
			if strategy != Dynamic {
				verbs = verbs[:2]
			}
			for name := range alive {
				for _, v := range []string{"up ", "crash ", "end ", "gone "} {
					verbs = append(verbs, v+name)
				}
			}
			slices.Sort(verbs)
			v := rapid.SampledFrom(verbs).Draw(t, "verb")
			if word, name, _ := strings.Cut(v, " "); word == "crash" || word == "end" || word == "gone" {
				delete(alive, name)
			}
			note(rig.do(v))
			checkInvariants(t, rig.crew)
		}
		note(rig.do("close"))
		for range 200 {
			if resigned > 0 {
				break
			}
			note(rig.do("wait 60s"))
			for name := range alive {
				if s := rig.crew.byName[name]; s != nil && s.state == stopping {
					delete(alive, name)
					note(rig.do("gone " + name))
				}
			}
		}
		if resigned != 1 {
			t.Fatalf("resigned %d times", resigned)
		}
	})
}

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
