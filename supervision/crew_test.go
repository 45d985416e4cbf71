package supervision

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// crewRig drives a crew without actors. Its verbs are those of the scripts
// below; what the crew orders comes back as words.
type crewRig struct {
	crew *crew
	now  time.Time
	next Incarnation
	life map[string]Incarnation // last life ordered
}

var epoch0 = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func newRig(strategy Strategy, limit Intensity, children ...Child) *crewRig {
	r := &crewRig{now: epoch0, life: map[string]Incarnation{}}
	spec := SupervisorSpec{Strategy: strategy, Intensity: limit, Children: children}.Child().spec
	r.crew = newCrew("/s", 1, *spec, rand.New(rand.NewPCG(1, 2)), func() Incarnation { r.next++; return r.next })
	return r
}

func member(name string, restart Restart) Child {
	return Child{name: name, restart: restart, startWithin: time.Minute, stopWithin: 5 * time.Second}
}

func members(names string) []Child {
	var all []Child
	for _, n := range strings.Fields(names) {
		all = append(all, member(n, Permanent))
	}
	return all
}

// significant makes a child so.
func significant(c Child) Child {
	c.significant = true
	return c
}

// do runs one verb: open, up X, crash X, end X, gone X (a clean stop), hire X,
// hire! X (transient and significant), fire X, close, wait D.
func (r *crewRig) do(verb string) string {
	word, arg, _ := strings.Cut(verb, " ")
	var event crewEvent
	switch word {
	case "open":
		event = crewOpen{}
	case "up":
		event = childUp{arg, r.life[arg]}
	case "crash":
		event = r.exit(arg, ReasonCrash)
	case "end":
		event = r.exit(arg, ReasonNormal)
	case "gone":
		event = r.exit(arg, ReasonShutdown)
	case "hire":
		child := member(arg, Permanent)
		event = hire{&child}
	case "hire!":
		child := significant(member(arg, Transient))
		event = hire{&child}
	case "fire":
		event = dismiss{arg}
	case "close":
		event = crewClose{&Exit{Path: "/s", Reason: ReasonShutdown}}
	case "wait":
		d, err := time.ParseDuration(arg)
		if err != nil {
			panic(err)
		}
		r.now, event = r.now.Add(d), crewTick{}
	default:
		panic("unknown verb " + verb)
	}
	return r.words(r.crew.Step(r.now, event))
}

// play runs a script of verbs and the orders that follow.
func (r *crewRig) play(t *testing.T, script [][2]string) {
	t.Helper()
	for i, line := range script {
		if got := r.do(line[0]); got != line[1] {
			t.Fatalf("line %d: %q\n got %q\nwant %q", i, line[0], got, line[1])
		}
	}
}

func (r *crewRig) exit(name string, reason Reason) childExit {
	return childExit{name, r.life[name], &Exit{Path: "/s/" + name, Incarnation: r.life[name], Reason: reason}}
}

// words renders the orders that matter to the strategies.
func (r *crewRig) words(orders []order) string {
	var out []string
	for _, o := range orders {
		switch o := o.(type) {
		case startChild:
			r.life[o.child.name] = o.life
			out = append(out, "start "+o.child.name)
		case stopChild:
			out = append(out, "stop "+o.name)
		case abandonChild:
			out = append(out, "abandon "+o.name)
		case forgetChild:
			out = append(out, "forget "+o.name)
		case isolateChild:
			out = append(out, "isolate "+o.name)
		case mournChild, report, retire:
		case acknowledge:
			out = append(out, "ready")
		case resign:
			out = append(out, "resign: "+o.exit.Error())
		}
	}
	return strings.Join(out, ", ")
}

func TestCrewStrategies(t *testing.T) {
	tests := map[string]struct {
		strategy Strategy
		limit    Intensity
		children []Child
		script   [][2]string // verb, orders
	}{
		"children start in order, each after the acknowledgement before": {
			children: members("a b c"),
			script: [][2]string{
				{"open", "start a"}, {"up a", "start b"}, {"up b", "start c"}, {"up c", "ready"},
			},
		},
		"close stops in reverse, each after the end of the one behind": {
			children: members("a b c"),
			script: [][2]string{
				{"open", "start a"}, {"up a", "start b"}, {"up b", "start c"}, {"up c", "ready"},
				{"close", "stop c"}, {"gone c", "stop b"}, {"gone b", "stop a"}, {"gone a", "resign: /s was stopped"},
			},
		},
		"a child that cannot start rolls the others back": {
			children: members("a b c"),
			script: [][2]string{
				{"open", "start a"}, {"up a", "start b"},
				{"crash b", "stop a"}, {"gone a", "resign: /s could not start: /s/b crashed"},
			},
		},
		"one_for_one restarts the child alone": {
			children: members("a b c"),
			script: [][2]string{
				{"open", "start a"}, {"up a", "start b"}, {"up b", "start c"}, {"up c", "ready"},
				{"crash b", "start b"}, {"up b", ""},
			},
		},
		"rest_for_one takes those after it, in reverse, and starts in order": {
			strategy: RestForOne, children: members("a b c d"),
			script: [][2]string{
				{"open", "start a"}, {"up a", "start b"}, {"up b", "start c"}, {"up c", "start d"}, {"up d", "ready"},
				{"crash b", "stop d"}, {"gone d", "stop c"}, {"gone c", "start b"},
				{"up b", "start c"}, {"up c", "start d"}, {"up d", ""},
			},
		},
		"all_for_one takes everyone": {
			strategy: AllForOne, children: members("a b c"),
			script: [][2]string{
				{"open", "start a"}, {"up a", "start b"}, {"up b", "start c"}, {"up c", "ready"},
				{"crash b", "stop c"}, {"gone c", "stop a"}, {"gone a", "start a"},
				{"up a", "start b"}, {"up b", "start c"}, {"up c", ""},
			},
		},
		"all_for_one waits for the delay before it starts anyone": {
			strategy: AllForOne, children: members("a b"),
			script: [][2]string{
				{"open", "start a"}, {"up a", "start b"}, {"up b", "ready"},
				{"crash b", "stop a"}, {"gone a", "start a"}, {"up a", "start b"}, {"up b", ""},
				{"crash b", "stop a"}, {"gone a", ""}, {"wait 50ms", ""}, {"wait 100ms", "start a"},
			},
		},
		"a second crash while siblings are stopping is one more restart, not a second round": {
			strategy: RestForOne, children: members("a b c"),
			script: [][2]string{
				{"open", "start a"}, {"up a", "start b"}, {"up b", "start c"}, {"up c", "ready"},
				{"crash b", "stop c"}, {"crash a", ""}, {"crash c", "start a"},
				{"up a", "start b"}, {"up b", "start c"}, {"up c", ""},
			},
		},
		"transient ends normally for good, and comes back after a crash": {
			children: []Child{member("a", Transient), member("b", Permanent)},
			script: [][2]string{
				{"open", "start a"}, {"up a", "start b"}, {"up b", "ready"},
				{"crash a", "start a"}, {"up a", ""}, {"end a", "forget a"}, {"crash b", "start b"},
			},
		},
		"temporary never comes back, not even with the others": {
			strategy: AllForOne, children: []Child{member("a", Temporary), member("b", Permanent), member("c", Temporary)},
			script: [][2]string{
				{"open", "start a"}, {"up a", "start b"}, {"up b", "start c"}, {"up c", "ready"},
				{"crash a", "forget a"}, {"crash b", "stop c"}, {"gone c", "forget c, start b"}, {"up b", ""},
			},
		},
		"permanent comes back after a normal end": {
			children: members("a"),
			script:   [][2]string{{"open", "start a"}, {"up a", "ready"}, {"end a", "start a"}},
		},
		"dynamic is ready at once, and its children are independent": {
			strategy: Dynamic,
			script: [][2]string{
				{"open", "ready"}, {"hire a", "start a"}, {"hire b", "start b"}, {"up b", ""},
				{"crash b", "start b"}, {"up a", ""}, {"fire a", "stop a"}, {"gone a", "forget a"}, {"hire a", "start a"},
			},
		},
		"dynamic stops all at once": {
			strategy: Dynamic,
			script: [][2]string{
				{"open", "ready"}, {"hire a", "start a"}, {"hire b", "start b"}, {"up b", ""},
				{"close", "stop a, stop b"}, {"hire c", "forget c"},
				{"gone a", "forget a"}, {"gone b", "forget b, resign: /s was stopped"},
			},
		},
		"a start without acknowledgement is abandoned": {
			children: members("a b"),
			script: [][2]string{
				{"open", "start a"}, {"up a", "start b"}, {"wait 60s", "abandon b, stop a"},
				{"gone a", "resign: /s could not start: /s/b could not start (no acknowledgement within 1m0s)"},
			},
		},
		"a stop without end is abandoned and does not hold up the others": {
			children: members("a b"),
			script: [][2]string{
				{"open", "start a"}, {"up a", "start b"}, {"up b", "ready"},
				{"close", "stop b"}, {"wait 4999ms", ""}, {"wait 1ms", "abandon b, stop a"},
				{"gone b", ""}, {"gone a", "resign: /s was stopped"},
			},
		},
		"news of an earlier life changes nothing": {
			children: members("a"),
			script: [][2]string{
				{"open", "start a"}, {"up a", "ready"}, {"up a", ""}, {"crash a", "start a"}, {"up a", ""},
			},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			newRig(test.strategy, test.limit, test.children...).play(t, test.script)
		})
	}
}

func TestCrewIgnoresEarlierLives(t *testing.T) {
	rig := newRig(OneForOne, Intensity{}, members("a")...)
	rig.do("open")
	old := rig.life["a"]
	rig.do("up a")
	rig.do("crash a")
	for _, stale := range []crewEvent{childUp{"a", old}, childExit{"a", old, &Exit{Reason: ReasonCrash}}, childUp{"b", 7}} {
		if got := rig.words(rig.crew.Step(rig.now, stale)); got != "" {
			t.Errorf("%T of an earlier life ordered %q", stale, got)
		}
	}
	if s := rig.crew.byName["a"]; s.state != starting {
		t.Errorf("state %v, want starting", s.state)
	}
}

// A crash loop is restarted as often as the intensity allows, then escalates:
// the same for the supervisor's limit and for the child's own.
func TestCrewIntensity(t *testing.T) {
	tight := member("a", Permanent)
	tight.intensity = Intensity{2, time.Minute}
	tests := map[string]struct {
		limit Intensity
		child Child
		want  int
	}{
		"default":         {child: member("a", Permanent), want: 3},
		"of supervisor":   {limit: Intensity{5, time.Minute}, child: member("a", Permanent), want: 5},
		"of child":        {limit: Intensity{5, time.Minute}, child: tight, want: 2},
		"none allowed":    {limit: Intensity{0, time.Minute}, child: member("a", Permanent), want: 0},
		"spread over":     {limit: Intensity{3, time.Millisecond}, child: member("a", Permanent), want: 20},
		"temporary child": {child: member("a", Temporary), want: 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			rig := newRig(OneForOne, test.limit, test.child)
			rig.do("open")
			rig.do("up a")
			restarts, ended := 0, ""
			for range 20 {
				ended = rig.do("crash a")
				if !strings.Contains(ended, "start a") {
					ended += rig.do("wait 13s")
				}
				if !strings.Contains(ended, "start a") {
					break
				}
				restarts++
				rig.do("up a")
			}
			if restarts != test.want {
				t.Errorf("%d restarts, want %d", restarts, test.want)
			}
			if gaveUp := strings.Contains(ended, "resign: /s gave up"); gaveUp != (test.child.restart == Permanent && test.want < 20) {
				t.Errorf("last orders %q", ended)
			}
		})
	}
}

// Who ends by itself and does not come back is told of while it has its place,
// also when its supervisor is on its way down; who was asked to stop is not.
func TestCrewTellsWhoHasEnded(t *testing.T) {
	for restart, reasons := range map[Restart]map[Reason]bool{
		Permanent: {ReasonNormal: false, ReasonCrash: false, ReasonStart: false, ReasonShutdown: false, ReasonStuck: false},
		Transient: {ReasonNormal: true, ReasonCrash: false, ReasonStart: false, ReasonShutdown: false, ReasonStuck: false},
		Temporary: {ReasonNormal: true, ReasonCrash: true, ReasonStart: true, ReasonShutdown: false, ReasonStuck: false},
	} {
		for reason, want := range reasons {
			for _, before := range []string{"", "fire a", "close"} {
				r := newRig(Dynamic, Intensity{})
				r.do("open")
				child := member("a", restart)
				r.words(r.crew.Step(r.now, hire{&child}))
				r.do("up a")
				if before != "" {
					r.do(before)
				}
				told, placed := false, true
				for _, o := range r.crew.Step(r.now, r.exit("a", reason)) {
					switch o := o.(type) {
					case report:
						if ended, ok := o.event.(Ended); ok && ended.Exit.Reason == reason {
							told = placed
						}
					case forgetChild:
						placed = false
					}
				}
				if told != want {
					t.Errorf("%v, %v, after %q: told %v", restart, reason, before, told)
				}
			}
		}
	}
}
