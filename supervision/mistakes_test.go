package supervision_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waymeet/waymeet/supervision"
	"github.com/waymeet/waymeet/supervision/virtual"
)

// What a host program may do to itself by mistake, and what must not come of it.

// query is a question, or a word.
type query struct {
	word  string
	reply supervision.Reply[string]
}

// waiter waits at "block" until its gate opens, and answers nothing.
type waiter struct{ gate chan struct{} }

func (a *waiter) Start(*supervision.Context[query]) error { return nil }
func (a *waiter) Stop(*supervision.Context[query])        {}
func (a *waiter) Receive(_ *supervision.Context[query], m query) {
	switch m.word {
	case "block":
		<-a.gate
	}
}

func askable(gate chan struct{}, s func(query) supervision.Sort, box int) supervision.Child {
	return supervision.WorkerSpec[query]{Name: "q", Mailbox: box, StopWithin: time.Second, Sort: s, New: func() supervision.Actor[query] { return &waiter{gate} }}.Child()
}

func askQuery(tree *supervision.Tree, path, word string, d time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	_, err := supervision.Ask(ctx, supervision.Lookup[query](tree, path), func(r supervision.Reply[string]) query { return query{word, r} })
	return err
}

// A tree that was told to end before its root lived ends.
func TestShutdownRightAfterLaunch(t *testing.T) {
	r := virtual.New(1, time.Unix(0, 0))
	tree, err := supervision.Launch(supervision.Config{Runtime: r, BlockedAfter: -1}, supervision.SupervisorSpec{Children: []supervision.Child{worker("a", puppet{}).Child()}})
	if err != nil {
		t.Fatal(err)
	}
	tree.Shutdown()
	r.RunFor(time.Hour)
	select {
	case <-tree.Done():
	default:
		t.Error("Shutdown was lost")
	}
}

// A question that a stuck actor heard fails when the actor is given up.
func TestAskOfAnAbandonedActor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		tree := start(t, supervision.Config{BlockedAfter: -1}, supervision.SupervisorSpec{Children: []supervision.Child{{}}[:0], Strategy: supervision.Dynamic})
		if err := tree.Spawn("/", askable(gate, nil, 0)); err != nil {
			t.Fatal(err)
		}
		got := make(chan error, 1)
		go func() { got <- askQuery(tree, "/q", "block", time.Hour) }()
		synctest.Wait()
		_ = tree.StopChild("/q")
		time.Sleep(2 * time.Second)
		synctest.Wait()
		close(gate)
		if err := <-got; !errors.Is(err, supervision.ErrNoAnswer) {
			t.Errorf("ask: %v", err)
		}
		_ = tree.Stop(context.Background())
	})
}

// A question has an asker who waits: it is neither dropped nor replaced, whatever
// the class of its message.
func TestQuestionsAreDelivered(t *testing.T) {
	for _, class := range []supervision.Class{supervision.Droppable} {
		synctest.Test(t, func(t *testing.T) {
			gate := make(chan struct{})
			tree := start(t, supervision.Config{BlockedAfter: -1}, supervision.SupervisorSpec{Children: []supervision.Child{askable(gate, func(query) supervision.Sort { return supervision.Sort{Class: class} }, 1)}})
			tree.Suspend("/q")
			got := make(chan error, 3)
			for range 2 {
				go func() { got <- askQuery(tree, "/q", "x", time.Hour) }()
				synctest.Wait()
			}
			if err := <-got; errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v: ask: %v", class, err)
			}
			tree.Resume("/q")
			stop(t, tree)
		})
	}
}

// An actor that ends itself does not wait for ever for a task that does not hear:
// the task is named, and the next life begins.
func TestStopSelfWithADeafTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		var stuck listener[supervision.Stuck]
		tree := start(t, supervision.Config{Events: stuck.hear}, supervision.SupervisorSpec{Children: []supervision.Child{worker("a", puppet{}).Child()}})
		do(t, tree, "/a", func(c *supervision.Context[act]) {
			c.Task("deaf", func(context.Context, func(act)) { <-gate })
			c.StopSelf()
		})
		time.Sleep(100 * time.Hour)
		synctest.Wait()
		if i := inspect(tree, "/a"); i.State != supervision.StateUp {
			t.Errorf("after 100 h: %+v; stuck %v", i, stuck.all())
		}
		if n := len(stuck.all()); n != 1 || stuck.all()[0].Path != "/a" {
			t.Errorf("named: %+v", stuck.all())
		}
		close(gate)
		_ = tree.Stop(context.Background()) // it names who was stuck
	})
}

// noText is an error that has no text when it is nil.
type noText struct{ text string }

func (e *noText) Error() string { return e.text }

// An error whose text cannot be made does not end the process, neither as the
// value of a panic nor as that of Start.
func TestErrorsWhoseTextPanics(t *testing.T) {
	if how := os.Getenv("WAYMEET_TEST_BAD_ERROR"); how != "" {
		p, crashes := puppet{}, uint64(1)
		if how == "start" {
			n := 0
			crashes = 2
			p.start = func(*supervision.Context[act]) error {
				if n++; n == 1 {
					return nil
				}
				return (*noText)(nil)
			}
		}
		tree := start(t, supervision.Config{}, supervision.SupervisorSpec{Children: []supervision.Child{worker("a", p).Child()}})
		if how == "start" {
			do(t, tree, "/a", boom)
		} else {
			do(t, tree, "/a", func(*supervision.Context[act]) { panic((*noText)(nil)) })
		}
		for range 10_000 {
			if tree.Report().Totals.Crashes >= crashes {
				return
			}
			time.Sleep(time.Millisecond)
		}
		t.Fatal("it does not crash")
	}
	for _, how := range []string{"panic", "start"} {
		cmd := exec.Command(os.Args[0], "-test.run", "^TestErrorsWhoseTextPanics$")
		cmd.Env = append(os.Environ(), "WAYMEET_TEST_BAD_ERROR="+how)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: process died: %v\n%s", how, err, string(out)[:min(500, len(out))])
		}
	}
}

// A mailbox that a task filled is told of like any other.
func TestOverloadByATask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var over listener[supervision.Overloaded]
		w := worker("a", puppet{})
		w.Mailbox = 2
		tree := start(t, supervision.Config{Events: over.hear}, supervision.SupervisorSpec{Children: []supervision.Child{w.Child()}})
		gate := make(chan struct{})
		do(t, tree, "/a", func(c *supervision.Context[act]) {
			c.Task("pump", func(_ context.Context, emit func(act)) {
				for range 10 {
					emit(func(*supervision.Context[act]) {})
				}
			})
			<-gate
		})
		synctest.Wait() // the pump waits for room
		if err := supervision.Lookup[act](tree, "/a").Tell(boom); !errors.Is(err, supervision.ErrMailboxFull) {
			t.Errorf("told into a full mailbox: %v", err)
		}
		if len(over.all()) == 0 {
			t.Error("full, refused, and no Overloaded")
		}
		close(gate)
		stop(t, tree)
	})
}

// A hook that calls runtime.Goexit, against the rule, does not cost the actor its
// next life.
func TestHookThatEndsItsGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		once := false
		tree := start(t, supervision.Config{Events: func(e supervision.Event) {
			if _, ok := e.(supervision.Crashed); ok && !once {
				once = true
				runtime.Goexit()
			}
		}}, supervision.SupervisorSpec{Children: []supervision.Child{worker("a", puppet{}).Child()}})
		do(t, tree, "/a", boom)
		time.Sleep(time.Hour)
		synctest.Wait()
		if i := inspect(tree, "/a"); i.Restarts == 0 {
			t.Errorf("an hour later %+v", i)
		}
		_ = tree.Stop(context.Background())
	})
}

// A hook that panics keeps no other hook from hearing.
func TestHooksDoNotHurtEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l listener[supervision.Crashed]
		tree := start(t, supervision.Config{Events: func(supervision.Event) { panic("host") }}, supervision.SupervisorSpec{Children: []supervision.Child{worker("a", puppet{}).Child()}})
		tree.Listen(l.hear)
		do(t, tree, "/a", boom)
		synctest.Wait()
		if len(l.all()) == 0 {
			t.Error("listener heard nothing")
		}
		stop(t, tree)
	})
}

// What a life emits replaces nothing that was told from elsewhere: it may turn out
// stale, and both would be lost.
func TestAStaleEmissionReplacesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n notes
		w := worker("a", puppet{})
		w.Sort = func(act) supervision.Sort { return supervision.Sort{Class: supervision.LatestWins, Key: "k"} }
		tree := start(t, supervision.Config{}, supervision.SupervisorSpec{Children: []supervision.Child{w.Child()}})
		gate, go1 := make(chan struct{}), make(chan struct{})
		do(t, tree, "/a", func(c *supervision.Context[act]) {
			c.Task("pump", func(_ context.Context, emit func(act)) { <-go1; emit(n.note("emitted")) })
			<-gate
			panic("boom")
		})
		synctest.Wait()
		do(t, tree, "/a", n.note("told"))
		close(go1)
		synctest.Wait()
		close(gate)
		n.expect(t, "told")
		stop(t, tree)
	})
}

// Steps are counted through all lives, also when an actor was abandoned.
func TestFlightRecorderOverAnAbandonment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := worker("a", puppet{})
		w.StopWithin = time.Second
		b := worker("b", puppet{})
		tree := start(t, supervision.Config{}, supervision.SupervisorSpec{Strategy: supervision.AllForOne, Children: []supervision.Child{w.Child(), b.Child()}})
		gate := make(chan struct{})
		do(t, tree, "/a", func(*supervision.Context[act]) {}, func(*supervision.Context[act]) {}, func(*supervision.Context[act]) { <-gate })
		synctest.Wait()
		before, _ := tree.Record("/a")
		do(t, tree, "/b", boom)
		time.Sleep(5 * time.Second)
		do(t, tree, "/a", func(*supervision.Context[act]) {})
		synctest.Wait()
		after, _ := tree.Record("/a")
		if len(after) == 0 || after[len(after)-1].Seq <= before[len(before)-1].Seq {
			t.Error("step numbers began anew")
		}
		close(gate)
		_ = tree.Stop(context.Background())
	})
}

// A supervisor dies once a life.
func TestKillOfAClosingSupervisor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l listener[supervision.Crashed]
		slow := worker("a", puppet{stop: func(*supervision.Context[act]) { time.Sleep(time.Second) }})
		s := supervision.SupervisorSpec{Name: "s", Children: []supervision.Child{slow.Child()}}
		tree := start(t, supervision.Config{Events: l.hear}, supervision.SupervisorSpec{Children: []supervision.Child{s.Child()}})
		tree.Kill("/s")
		tree.Kill("/s")
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if n := len(l.all()); n != 1 {
			t.Errorf("%d crashes of one life", n)
		}
		stop(t, tree)
	})
}

// A task that panics after its actor has left the tree is reported.
func TestPanicOfATaskThatOutlivesItsActor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l listener[supervision.Crashed]
		tree := start(t, supervision.Config{Events: l.hear}, supervision.SupervisorSpec{Strategy: supervision.Dynamic})
		w := worker("a", puppet{})
		w.Restart = supervision.Temporary
		_ = tree.Spawn("/", w.Child())
		do(t, tree, "/a", func(c *supervision.Context[act]) {
			c.Task("t", func(ctx context.Context, _ func(act)) { <-ctx.Done(); time.Sleep(time.Second); panic("late") })
			panic("boom")
		})
		time.Sleep(3 * time.Second)
		synctest.Wait()
		var texts []string
		for _, c := range l.all() {
			texts = append(texts, c.Crash.Text)
		}
		if s := strings.Join(texts, " "); s != "boom late" {
			t.Errorf("crashes: %s", s)
		}
		stop(t, tree)
	})
}

// A Sort that panics hurts nobody who tells.
func TestSortThatPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := worker("a", puppet{})
		w.Sort = func(act) supervision.Sort { panic("sort") }
		tree := start(t, supervision.Config{}, supervision.SupervisorSpec{Children: []supervision.Child{w.Child()}})
		defer stop(t, tree)
		defer func() {
			if r := recover(); r != nil {
				t.Errorf("Tell panicked in its caller: %v", r)
			}
		}()
		_ = supervision.Lookup[act](tree, "/a").Tell(boom)
	})
}

// An actor whose task does not end is named once.
func TestStuckIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l listener[supervision.Stuck]
		tree := start(t, supervision.Config{Events: l.hear}, supervision.SupervisorSpec{Strategy: supervision.Dynamic})
		w := worker("a", puppet{})
		w.StopWithin = time.Second
		_ = tree.Spawn("/", w.Child())
		gate := make(chan struct{})
		do(t, tree, "/a", func(c *supervision.Context[act]) {
			c.Task("deaf", func(context.Context, func(act)) { <-gate })
		})
		synctest.Wait()
		_ = tree.StopChild("/a")
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if n := len(l.all()); n != 1 {
			t.Errorf("%d Stuck, totals %+v: %v", n, tree.Report().Totals, l.all())
		}
		close(gate)
		_ = tree.Stop(context.Background())
	})
}
