package supervision

import (
	"slices"
	"strings"
	"testing"
	"time"

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
				child := member(string(rune('a'+i)), Restart(rapid.IntRange(0, 2).Draw(t, "restart")))
				child.significant = child.restart != Permanent && rapid.IntRange(0, 3).Draw(t, "significant") == 0
				children = append(children, child)
			}
		}
		rig := newRig(strategy, Intensity{rapid.IntRange(0, 3).Draw(t, "restarts"), time.Minute}, children...)
		w := &crewWitness{t: t, alive: map[string]bool{}}
		w.note(rig.do("open"))
		for range rapid.IntRange(0, 60).Draw(t, "steps") {
			verbs := []string{"wait 100ms", "wait 10s", "hire a", "hire b", "hire c", "hire! d", "fire a", "fire b", "wait 2m"}
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

// One bad key crashes as often as it can, over hours, is spawned anew now and
// then, and nobody else pays: the supervisor stands, no sibling is touched, and
// each has its whole intensity left.
func TestCrewOneBadKey(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := Intensity{rapid.IntRange(0, 3).Draw(t, "restarts"), time.Minute}
		rig := newRig(Dynamic, limit)
		rig.do("open")
		for _, v := range []string{"hire bad", "hire x", "hire y", "up x", "up y"} {
			rig.do(v)
		}
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			verbs := []string{"wait 1s", "wait 20s", "wait 1m", "wait 3h"}
			switch s := rig.crew.byName["bad"]; {
			case s == nil:
				verbs = append(verbs, "hire bad")
			case s.state == starting:
				verbs = []string{"up bad", "crash bad"} // it acknowledges or fails at once
			case s.alive():
				verbs = append(verbs, "crash bad", "crash bad")
			case s.history.relapses > 0:
				verbs = append(verbs, "fire bad")
			}
			got := rig.do(rapid.SampledFrom(verbs).Draw(t, "verb"))
			for _, o := range strings.Split(got, ", ") {
				if _, name, _ := strings.Cut(o, " "); o != "" && name != "bad" {
					t.Fatalf("the crashes of one key led to %q", o)
				}
			}
		}
		for _, name := range []string{"x", "y"}[:min(2, max(1, limit.Restarts))] {
			for n := range limit.Restarts {
				if got := rig.do("crash "+name) + rig.do("wait 1s"); !strings.Contains(got, "start "+name) {
					t.Fatalf("restart %d of %s: %q", n, name, got)
				}
			}
		}
	})
}

// Between two quarantines of a child there is either one life alone, or one that
// proved its health; each is longer than the last unless health was between; and
// nobody is started before its time.
func TestCrewHalfOpen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := Intensity{rapid.IntRange(0, 3).Draw(t, "restarts"), time.Minute}
		rig := newRig(Dynamic, limit)
		rig.do("open")
		rig.do("hire bad")
		row, lives, healthy := 0, 0, false // quarantines in a row; since the last: lives, and whether one was healthy
		for range rapid.IntRange(1, 60).Draw(t, "lives") {
			rig.do("up bad")
			lived := time.Duration(rapid.IntRange(0, 70).Draw(t, "seconds")) * time.Second
			rig.do("wait " + lived.String())
			healthy = healthy || lived >= limit.health()
			lives++
			if row > 0 && lives > 1 && !healthy {
				t.Fatal("a second life without health")
			}
			got := rig.do("crash bad")
			if strings.Contains(got, "isolate") {
				if healthy {
					row = 0
				}
				want := min(time.Minute<<min(row, 6), time.Hour)
				due := rig.crew.Deadline().Sub(rig.now)
				if due < want*3/4 || due > want*5/4+1 {
					t.Fatalf("quarantine %d in a row lasts %v, want %v ± 25%%", row, due, want)
				}
				row, lives, healthy = row+1, 0, false
			}
			if strings.Contains(got, "start") {
				continue
			}
			if early := rig.do("wait " + (rig.crew.Deadline().Sub(rig.now) - 1).String()); early != "" {
				t.Fatalf("before its time: %q", early)
			}
			if got := rig.do("wait 1ns"); got != "start bad" {
				t.Fatalf("in its time: %q", got)
			}
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
		case "isolate":
			if w.alive[name] {
				w.t.Fatalf("%s isolated while alive", name)
			}
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
	for name, s := range c.byName {
		if c.spec.Strategy == Dynamic && (s.state == done || s.state == waiting && s.slot < 0) {
			t.Fatalf("%s is forgotten: state %d, due %v", name, s.state, c.agenda.due(s))
		}
	}
	if len(c.ward.came) > c.ward.bound().Restarts {
		t.Fatalf("the ward remembers %v", c.ward.came)
	}
	for i, s := range c.agenda.heap {
		if int(s.seat.slot) != i {
			t.Fatal("agenda and seats disagree")
		}
	}
}
