package supervision

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func TestCrewQuarantine(t *testing.T) {
	once := Intensity{1, time.Minute}
	tests := map[string]struct {
		limit  Intensity
		script [][2]string
	}{
		"beyond its intensity a child waits alone": {
			limit: once,
			script: [][2]string{
				{"open", "ready"}, {"hire a", "start a"}, {"up a", ""}, {"hire b", "start b"}, {"up b", ""},
				{"crash a", "start a"}, {"crash a", "isolate a"},
				{"crash b", "start b"}, {"up b", ""}, {"wait 44s", ""}, {"wait 31s", "start a"},
			},
		},
		"a crash of the life that is tried leads back, for longer": {
			limit: once,
			script: [][2]string{
				{"open", "ready"}, {"hire a", "start a"}, {"crash a", "start a"}, {"crash a", "isolate a"},
				{"wait 75s", "start a"}, {"up a", ""}, {"wait 59s", ""}, {"crash a", "isolate a"},
				{"wait 89s", ""}, {"wait 61s", "start a"}, {"crash a", "isolate a"}, {"wait 179s", ""}, {"wait 121s", "start a"},
			},
		},
		"health forgives all": {
			limit: once,
			script: [][2]string{
				{"open", "ready"}, {"hire a", "start a"}, {"crash a", "start a"}, {"crash a", "isolate a"},
				{"wait 75s", "start a"}, {"crash a", "isolate a"}, {"wait 150s", "start a"}, {"up a", ""}, {"wait 60s", ""},
				{"crash a", "start a"}, {"crash a", "isolate a"}, {"wait 75s", "start a"},
			},
		},
		"a life that does not acknowledge is no health": {
			limit: once,
			script: [][2]string{
				{"open", "ready"}, {"hire a", "start a"}, {"crash a", "start a"}, {"crash a", "isolate a"},
				{"wait 75s", "start a"}, {"wait 60s", "abandon a, isolate a"},
			},
		},
		"who is dismissed meanwhile is gone": {
			limit: once,
			script: [][2]string{
				{"open", "ready"}, {"hire a", "start a"}, {"crash a", "start a"}, {"crash a", "isolate a"},
				{"fire a", "forget a"}, {"wait 2h", ""}, {"hire a", "start a"}, {"crash a", "start a"},
			},
		},
		"a supervisor that stops does not wait for it": {
			limit: once,
			script: [][2]string{
				{"open", "ready"}, {"hire a", "start a"}, {"hire b", "start b"}, {"crash a", "start a"}, {"crash a", "isolate a"},
				{"close", "forget a, stop b"}, {"gone b", "forget b, resign: /s was stopped"},
			},
		},
		"more different children than the intensity end the supervisor": {
			limit: once,
			script: [][2]string{
				{"open", "ready"}, {"hire a", "start a"}, {"hire b", "start b"}, {"hire c", "start c"},
				{"crash a", "start a"}, {"crash a", "isolate a"}, {"crash b", "start b"},
				{"crash b", "isolate b, forget a, forget b, stop c"},
				{"gone c", "forget c, resign: /s gave up (more children in quarantine than 1 restarts in 1m0s): /s/b gave up (more than 1 restarts in 1m0s): /s/b crashed"},
			},
		},
		"children that fall ill one after the other do not": {
			limit: once,
			script: [][2]string{
				{"open", "ready"}, {"hire a", "start a"}, {"hire b", "start b"}, {"up b", ""},
				{"crash a", "start a"}, {"crash a", "isolate a"}, {"wait 75s", "start a"}, {"crash a", "isolate a"},
				{"crash b", "start b"}, {"crash b", "isolate b"},
			},
		},
		"one child alone never ends it, not even by new names for the same": {
			limit: Intensity{0, time.Minute},
			script: [][2]string{
				{"open", "ready"},
				{"hire a", "start a"}, {"crash a", "isolate a"}, {"fire a", "forget a"},
				{"hire a", "start a"}, {"crash a", "isolate a"}, {"fire a", "forget a"},
				{"hire a", "start a"}, {"crash a", "isolate a"}, {"wait 75s", "start a"}, {"crash a", "isolate a"},
			},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { newRig(Dynamic, test.limit).play(t, test.script) })
	}
}

// Health clears the count even where it comes sooner than the count runs out.
func TestCrewHealthClearsTheCount(t *testing.T) {
	now := epoch0
	h := &history{window: newWindow(Intensity{10, time.Minute}), relapses: 1}
	for range 10 {
		h.window.add(now)
	}
	if h.healthy(now, now.Add(5*time.Second)) || !h.healthy(now, now.Add(6*time.Second)) {
		t.Fatal("a life of a tenth of a minute is health, and no shorter one")
	}
	h.forgive()
	for n := range 10 {
		if !h.window.add(now.Add(6 * time.Second)) {
			t.Fatalf("%d restarts are left of 10", n)
		}
	}
}

// Temporary children never come back, and so never come into quarantine.
func TestCrewQuarantinesNoTemporary(t *testing.T) {
	rig := newRig(Dynamic, Intensity{0, time.Minute})
	rig.do("open")
	for i := range 20 {
		child := member(fmt.Sprint("x", i), Temporary)
		rig.words(rig.crew.Step(rig.now, hire{&child}))
		if got := rig.do("crash " + child.name); got != "forget "+child.name {
			t.Fatalf("%d: %q", i, got)
		}
	}
}

// The event says for how long, and the timer agrees.
func TestCrewQuarantineEvent(t *testing.T) {
	rig := newRig(Dynamic, Intensity{0, time.Minute})
	rig.do("open")
	rig.do("hire a")
	var told *Quarantined
	for _, o := range rig.crew.Step(rig.now, rig.exit("a", ReasonCrash)) {
		if r, ok := o.(report); ok {
			q := r.event.(Quarantined)
			told = &q
		}
	}
	if told == nil || told.Path != "/s/a" || told.Incarnation != rig.life["a"] || told.Exit.Cause.(*Exit).Reason != ReasonCrash {
		t.Fatalf("told %+v", told)
	}
	if got := rig.crew.Deadline().Sub(rig.now); got != told.For {
		t.Errorf("due in %v, told %v", got, told.For)
	}
}

func TestQuarantineDelay(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for within, want := range map[time.Duration][]time.Duration{
		time.Minute:   {time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 16 * time.Minute, 32 * time.Minute, time.Hour, time.Hour},
		2 * time.Hour: {2 * time.Hour, 2 * time.Hour},
		1:             {1, 2, 4},
	} {
		for n, middle := range want {
			if d := quarantineDelay(n, within, rng); d < middle*3/4 || d > middle*5/4+1 {
				t.Errorf("quarantine %d of %v = %v, want %v ± 25%%", n, within, d, middle)
			}
		}
	}
	if d := quarantineDelay(1<<40, time.Minute, rng); d > quarantineCap*5/4 {
		t.Errorf("after many relapses %v", d)
	}
	seeded := func(seed uint64) time.Duration {
		return quarantineDelay(0, time.Minute, rand.New(rand.NewPCG(seed, 4)))
	}
	if first, again := seeded(3), seeded(3); first != again {
		t.Errorf("the same seed gives %v and %v", first, again)
	}
	if first, other := seeded(3), seeded(5); first == other {
		t.Error("there is no jitter")
	}
}

// The ward counts names, within a span, and remembers no more than the limit.
func TestWard(t *testing.T) {
	w := ward{limit: Intensity{2, time.Minute}}
	for i, step := range []struct {
		name  string
		after time.Duration
		want  bool
	}{
		{"a", 0, true}, {"a", 0, true}, {"b", 0, true}, {"c", 0, false}, {"a", 59 * time.Second, true},
		{"c", 59 * time.Second, false}, {"c", 60 * time.Second, true}, {"d", 60 * time.Second, false}, {"d", 119 * time.Second, true},
	} {
		if got := w.admit(step.name, epoch0.Add(step.after)); got != step.want {
			t.Errorf("line %d: admit(%s) = %v", i, step.name, got)
		}
		if len(w.came) > 2 {
			t.Fatalf("line %d: remembers %v", i, w.came)
		}
	}
}

func TestCrewSignificant(t *testing.T) {
	key := func(name string) Child { return significant(member(name, Transient)) }
	three := []Child{member("a", Permanent), key("b"), member("c", Permanent)}
	up := [][2]string{{"open", "start a"}, {"up a", "start b"}, {"up b", "start c"}, {"up c", "ready"}}
	normal := [][2]string{
		{"end b", "forget b, stop c"}, {"gone c", "stop a"},
		{"gone a", "resign: /s ended (a significant child did): /s/b ended"},
	}
	tests := map[string]struct {
		strategy Strategy
		children []Child
		script   [][2]string
	}{
		"one for one":  {OneForOne, three, append(up, normal...)},
		"rest for one": {RestForOne, three, append(up, normal...)},
		"all for one":  {AllForOne, three, append(up, normal...)},
		"dynamic": {Dynamic, nil, [][2]string{
			{"open", "ready"}, {"hire a", "start a"}, {"hire! b", "start b"}, {"up b", ""}, {"crash b", "start b"},
			{"end b", "forget b, stop a"}, {"hire c", "forget c"},
			{"gone a", "forget a, resign: /s ended (a significant child did): /s/b ended"},
		}},
		"a crash is not its end": {OneForOne, three, append(up, [2]string{"crash b", "start b"}, [2]string{"up b", ""})},
		"a failure for good is a failure of the supervisor": {
			OneForOne, []Child{member("a", Permanent), significant(member("b", Temporary))},
			[][2]string{
				{"open", "start a"}, {"up a", "start b"}, {"up b", "ready"}, {"crash b", "forget b, stop a"},
				{"gone a", "resign: /s went with a significant child: /s/b crashed"},
			},
		},
		"while opening": {OneForOne, three, [][2]string{
			{"open", "start a"}, {"up a", "start b"}, {"up b", "start c"}, {"end b", "forget b, stop c"},
			{"gone c", "stop a"}, {"gone a", "resign: /s ended (a significant child did): /s/b ended"},
		}},
		"stopped for a sibling's sake is not ended by itself": {
			AllForOne, []Child{member("a", Permanent), significant(member("b", Temporary))},
			[][2]string{
				{"open", "start a"}, {"up a", "start b"}, {"up b", "ready"}, {"crash a", "stop b"}, {"gone b", "forget b, start a"},
			},
		},
		"nor is who is dismissed": {Dynamic, nil, [][2]string{
			{"open", "ready"}, {"hire a", "start a"}, {"hire! b", "start b"}, {"fire b", "stop b"}, {"gone b", "forget b"},
		}},
		"an insignificant one is not": {
			OneForOne, []Child{member("a", Permanent), member("b", Transient)},
			[][2]string{{"open", "start a"}, {"up a", "start b"}, {"up b", "ready"}, {"end b", "forget b"}},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { newRig(test.strategy, Intensity{}, test.children...).play(t, test.script) })
	}
}

// Who is significant must be able to end.
func TestSignificantIsChecked(t *testing.T) {
	for _, c := range []Child{significant(member("a", Permanent)), SupervisorSpec{Name: "a", Significant: true}.Child()} {
		c.body = func(*cell) body { return nil }
		spec := SupervisorSpec{Children: []Child{c}}
		if err := spec.check("/"); err == nil || !strings.Contains(err.Error(), "/a is significant") {
			t.Errorf("check: %v", err)
		}
		spec.Children[0].restart = Transient
		if err := spec.check("/"); err != nil {
			t.Errorf("transient: %v", err)
		}
	}
	if c := (WorkerSpec[script]{Significant: true}).Child(); !c.significant {
		t.Error("a worker's word is lost")
	}
}
