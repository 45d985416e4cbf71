package supervision

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestOrderedStartAndStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{}
		inner := SupervisorSpec{Name: "inner", Children: d.plays("b c")}
		tree := mustStart(t, Config{}, SupervisorSpec{
			Children: []Child{d.play("a").Child(), inner.Child(), d.play("d").Child()},
		})
		d.expect(t, "start", "+a, +b, +c, +d")
		var paths []string
		for _, a := range tree.Inspect() {
			paths = append(paths, a.Path+" "+a.State.String())
		}
		if got := strings.Join(paths, ", "); got != "/ up, /a up, /d up, /inner up, /inner/b up, /inner/c up" {
			t.Errorf("inspect: %s", got)
		}
		mustStop(t, tree)
		d.expect(t, "stop", "-d, -c, -b, -a")
		mustStop(t, tree) // twice is safe
		if tree.Err() != nil || len(tree.Inspect()) != 0 {
			t.Errorf("after stop: %v, %v", tree.Err(), tree.Inspect())
		}
		if err := Lookup[script](tree, "/a").Tell("x"); !errors.Is(err, ErrStopped) {
			t.Errorf("tell after stop: %v", err)
		}
		if err := tree.Spawn("/inner", d.play("x").Child()); !errors.Is(err, ErrStopped) {
			t.Errorf("spawn after stop: %v", err)
		}
	})
}

func TestStartRollsBackInOrder(t *testing.T) {
	broken := errors.New("port in use")
	for name, fail := range map[string]func(*Context[script]) error{
		"error": func(*Context[script]) error { return broken },
		"panic": func(*Context[script]) error { panic(broken) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := &diary{}
				bad := WorkerSpec[script]{Name: "bad", New: func() Actor[script] { return &player{name: "bad", diary: d, onStart: fail} }}
				inner := SupervisorSpec{Name: "inner", Children: []Child{d.play("b").Child(), bad.Child(), d.play("never").Child()}}
				_, err := Start(Config{}, SupervisorSpec{
					Children: []Child{d.play("a").Child(), inner.Child(), d.play("never").Child()},
				})
				if err == nil || !strings.Contains(err.Error(), "/ could not start: /inner could not start: /inner/bad could not start: port in use") {
					t.Errorf("error %v", err)
				}
				if name == "error" && !errors.Is(err, broken) {
					t.Error("the chain loses the error of Start")
				}
				d.expect(t, "rollback", "+a, +b, +bad, -b, -a")
			})
		})
	}
}

func TestBadSpecs(t *testing.T) {
	d := &diary{}
	a := d.play("a").Child()
	for name, root := range map[string]SupervisorSpec{
		"named root":       {Name: "x"},
		"no name":          {Children: []Child{d.play("").Child()}},
		"slash":            {Children: []Child{d.play("a/b").Child()}},
		"star":             {Children: []Child{d.play("a*").Child()}},
		"no span":          {Intensity: Intensity{Restarts: 3}, Children: []Child{a}},
		"negative span":    {Children: []Child{WorkerSpec[script]{Name: "a", Intensity: Intensity{3, -1}, New: d.play("a").New}.Child()}},
		"twice":            {Children: []Child{a, a}},
		"no constructor":   {Children: []Child{WorkerSpec[script]{Name: "a"}.Child()}},
		"zero child":       {Children: []Child{{}}},
		"no strategy":      {Strategy: Dynamic + 1},
		"below strategies": {Strategy: -1},
		"no restart":       {Children: []Child{WorkerSpec[script]{Name: "a", New: d.play("a").New, Restart: Temporary + 1}.Child()}},
		"below restarts":   {Children: []Child{SupervisorSpec{Name: "s", Restart: -1}.Child()}},
		"dynamic with one": {Strategy: Dynamic, Children: []Child{a}},
		"nested":           {Children: []Child{SupervisorSpec{Name: "s", Children: []Child{a, a}}.Child()}},
	} {
		if _, err := Start(Config{}, root); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// A crash keeps the mailbox, loses only the message at hand, and is reported
// with everything but the payload.
func TestCrashKeepsTheMailbox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, ev := &diary{}, &events{}
		tree := mustStart(t, Config{Events: ev.add}, SupervisorSpec{Children: d.plays("a b")})
		before := info(tree, "/a")
		d.take()
		tree.Suspend("/a") // so that all is told before the crash
		tell(t, tree, "/a", "1", "boom", "2", "3")
		tree.Resume("/a")
		d.expect(t, "crash", "a:1, +a, a:2, a:3")
		after := info(tree, "/a")
		if !after.Incarnation.After(before.Incarnation) || after.Restarts != 1 || info(tree, "/b").Restarts != 0 {
			t.Errorf("before %+v, after %+v", before, after)
		}
		crashes := of[Crashed](ev)
		if len(crashes) != 1 {
			t.Fatalf("%d crashes reported", len(crashes))
		}
		c := crashes[0].Crash
		if c.Path != "/a" || c.Incarnation != before.Incarnation || c.Phase != BeforeMessage ||
			c.Message != "supervision.script" || c.Text != "boom" || c.Depth != 2 || c.Killed {
			t.Errorf("report %+v", c)
		}
		if !strings.Contains(c.Stack.String(), "player).Receive") {
			t.Errorf("the stack does not show the panic:\n%s", c.Stack)
		}
		mustStop(t, tree)
	})
}

// A panic value that is a message shows its type only.
func TestCrashHidesPayload(t *testing.T) {
	if got := newCrash(script("secret")).Text; strings.Contains(got, "secret") || !strings.Contains(got, "supervision.script") {
		t.Errorf("text %q", got)
	}
}

// A hook of the host that panics does not hurt the tree.
func TestEventsHookPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{}
		tree := mustStart(t, Config{Events: func(Event) { panic("host") }}, SupervisorSpec{Children: d.plays("a")})
		tell(t, tree, "/a", "boom", "1")
		d.expect(t, "run", "+a, +a, a:1")
		mustStop(t, tree)
	})
}

func TestStrategiesWithActors(t *testing.T) {
	for strategy, want := range map[Strategy]string{
		OneForOne:  "+b",
		RestForOne: "-c, +b, +c",
		AllForOne:  "-c, -a, +a, +b, +c",
	} {
		synctest.Test(t, func(t *testing.T) {
			d := &diary{}
			tree := mustStart(t, Config{}, SupervisorSpec{Strategy: strategy, Children: d.plays("a b c")})
			d.take()
			tell(t, tree, "/b", "boom")
			d.expect(t, "crash of b", want)
			mustStop(t, tree)
		})
	}
}

func TestRestartKinds(t *testing.T) {
	for restart, want := range map[Restart][2]string{
		Permanent: {"a:end, -a, +a", "+a"},
		Transient: {"a:end, -a", "+a"},
		Temporary: {"a:end, -a", ""},
	} {
		for i, word := range []script{"end", "boom"} {
			synctest.Test(t, func(t *testing.T) {
				d := &diary{}
				a := d.play("a")
				a.Restart = restart
				tree := mustStart(t, Config{}, SupervisorSpec{Children: []Child{a.Child()}})
				d.take()
				tell(t, tree, "/a", word)
				d.expect(t, string(word), want[i])
				mustStop(t, tree)
			})
		}
	}
}

// A crash loop escalates through every level; the root gives up, the tree stops
// cleanly and the error is the chain of reasons.
func TestEscalationToTheRoot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, ev := &diary{}, &events{}
		once := Intensity{Restarts: 1, Within: time.Hour}
		inner := SupervisorSpec{Name: "inner", Intensity: once, Children: d.plays("bad")}
		tree := mustStart(t, Config{Events: ev.add}, SupervisorSpec{
			Intensity: once, Children: []Child{d.play("other").Child(), inner.Child()},
		})
		d.take()
		for range 4 {
			tell(t, tree, "/inner/bad", "boom")
			rest(time.Second)
		}
		d.expect(t, "two rounds of two, then a clean stop", "+bad, +bad, +bad, -other")
		select {
		case <-tree.Done():
		default:
			t.Fatal("the tree runs on")
		}
		want := "/ gave up (more than 1 restarts in 1h0m0s): /inner gave up (more than 1 restarts in 1h0m0s): /inner/bad crashed: boom"
		if got := tree.Err(); got == nil || got.Error() != want {
			t.Errorf("chain\n got %v\nwant %s", got, want)
		}
		if got := len(of[Escalated](ev)); got != 3 { // inner, inner again, root
			t.Errorf("%d escalations", got)
		}
		mustStop(t, tree)
	})
}

// A supervisor that is killed stops its children in order and comes back with
// them, and those after it.
func TestSupervisorKilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{}
		inner := SupervisorSpec{Name: "inner", Children: d.plays("b c")}
		tree := mustStart(t, Config{}, SupervisorSpec{Strategy: RestForOne, Children: []Child{d.play("a").Child(), inner.Child(), d.play("z").Child()}})
		d.take()
		if n := tree.Kill("/inner"); n != 1 {
			t.Errorf("%d killed", n)
		}
		d.expect(t, "killed", "-c, -b, -z, +b, +c, +z")
		if i := info(tree, "/inner"); i.Restarts != 1 || i.State != StateUp {
			t.Errorf("info %+v", i)
		}
		mustStop(t, tree)
	})
}

// A supervisor that panics by a defect of its own takes its children along and
// is restarted like any actor.
func TestSupervisorCollapses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, ev := &diary{}, &events{}
		b := d.starter("b", func(c *Context[script]) error {
			c.Task("wait", func(ctx context.Context, _ func(script)) { <-ctx.Done() })
			return nil
		})
		inner := SupervisorSpec{Name: "inner", Children: []Child{b.Child(), d.play("c").Child()}}
		tree := mustStart(t, Config{Events: ev.add}, SupervisorSpec{Children: []Child{inner.Child()}})
		d.take()
		c, _ := tree.find("/inner")
		c.body.(*supervisor).crew.byName["b"] = &seat{slot: 99} // as no run can leave it
		c.body.(*supervisor).crew.byName["b"].life = info(tree, "/inner/b").Incarnation
		c.body.(*supervisor).crew.byName["b"].state = starting
		c.box.post(childUp{"b", info(tree, "/inner/b").Incarnation})
		d.expect(t, "collapse", "+b, +c")
		if i := info(tree, "/inner/b"); len(i.Tasks) != 1 {
			t.Errorf("the tasks of the old b run on: %+v", i)
		}
		if got := of[Crashed](ev); len(got) != 1 || got[0].Crash.Path != "/inner" {
			t.Errorf("crashes %+v", got)
		}
		rest(time.Minute)
		if n := len(of[Stuck](ev)); n != 0 {
			t.Errorf("%d stuck: the tasks of the old lives were not cancelled", n)
		}
		mustStop(t, tree)
		d.expect(t, "stop", "-c, -b")
	})
}

func TestFiftyCyclesLeaveNothing(t *testing.T) {
	defer goleak.VerifyNone(t)
	d := &diary{}
	for range 50 {
		dynamic := SupervisorSpec{Name: "dynamic", Strategy: Dynamic}
		task := WorkerSpec[script]{Name: "task", New: func() Actor[script] {
			return &player{name: "task", diary: d, onStart: func(c *Context[script]) error {
				c.Task("wait", func(ctx context.Context, _ func(script)) { <-ctx.Done() })
				c.WakeAt(c.Now().Add(time.Hour), "tick")
				return nil
			}}
		}}
		tree := mustStart(t, Config{}, SupervisorSpec{Children: []Child{d.play("a").Child(), task.Child(), dynamic.Child()}})
		if err := tree.Spawn("/dynamic", task.Child()); err != nil {
			t.Fatal(err)
		}
		tell(t, tree, "/a", "1", "boom", "2")
		tree.Kill("*task")
		if err := tree.Stop(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
}
