package supervision_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	sup "github.com/waymeet/waymeet/supervision"
	"github.com/waymeet/waymeet/supervision/virtual"
)

// The traps of protoactor, as they were measured, each with a test that shows
// that nobody falls into it through this package. Here are those about lives;
// those about mailboxes are in traps_mailbox_test.go, those about what the
// package does to its host in traps_host_test.go. Not among them are prices,
// which are benchmarks, and versions that do not build together, which is what
// go.mod is for.

// "A single-threaded seeded Dispatcher plus a mailbox that runs one message per
// step gives identical replay per seed."
func TestTrapReplayIsIdenticalPerSeed(t *testing.T) {
	seen := make(map[string]uint64)
	for seed := range uint64(20) {
		first := replay(t, seed)
		if again := replay(t, seed); again != first {
			t.Fatalf("seed %d:\n%s\nthen\n%s", seed, first, again)
		}
		if other, twice := seen[first]; twice {
			t.Errorf("seeds %d and %d give the same run", other, seed)
		}
		seen[first] = seed
	}
}

// replay runs actors that tell each other, crash, wait for timers and for tasks,
// and returns what happened, in order.
func replay(t *testing.T, seed uint64) string {
	t.Helper()
	var n notes
	run := virtual.New(seed, time.Unix(0, 0))
	noted := func(name string) puppet {
		return puppet{start: func(c *sup.Context[act]) error {
			n.add("+%s%d@%d", name, c.Incarnation(), c.Now().UnixMilli())
			c.WakeAt(c.Now().Add(time.Second), n.note(name+" woke"))
			c.Task("work", func(_ context.Context, emit func(act)) { emit(n.note(name + " worked")) })
			return nil
		}}
	}
	tree, err := sup.Launch(sup.Config{Seed: seed, Runtime: run}, sup.SupervisorSpec{
		Strategy: sup.RestForOne, Intensity: often,
		Children: []sup.Child{worker("a", noted("a")).Child(), worker("b", noted("b")).Child(), worker("c", noted("c")).Child()},
	})
	if err != nil {
		t.Fatal(err)
	}
	run.Settle()
	for range 3 {
		for _, path := range []string{"/a", "/b", "/c"} {
			do(t, tree, path, n.note("in "+path), func(c *sup.Context[act]) { do(t, tree, "/a", n.note("from "+c.Path())) }, boom)
		}
		run.RunFor(time.Minute)
	}
	tree.Shutdown()
	run.RunFor(time.Minute)
	select {
	case <-tree.Done():
	default:
		t.Fatal("the tree runs on")
	}
	return n.String()
}

// "Futures (RequestFuture(...).Result()) inside actors would block the only
// thread: never use them there". A question and its answer are messages; whoever
// is not an actor asks with Ask, and hears at once when nobody will answer.
func TestTrapAnswersNeedNoFuture(t *testing.T) {
	var n notes
	run := virtual.New(1, time.Unix(0, 0))
	tree, err := sup.Launch(sup.Config{Runtime: run}, sup.SupervisorSpec{
		Children: []sup.Child{worker("a", puppet{}).Child(), worker("b", puppet{}).Child()},
	})
	if err != nil {
		t.Fatal(err)
	}
	do(t, tree, "/a", func(c *sup.Context[act]) {
		back := c.Self()
		do(t, tree, "/b", func(*sup.Context[act]) { _ = back.Tell(n.note("answer")) })
		n.add("asked")
	})
	run.Settle()
	if got := n.String(); got != "asked answer" {
		t.Errorf("got %q", got)
	}
	tree.Shutdown()
	run.RunFor(time.Minute)

	synctest.Test(t, func(t *testing.T) {
		tree := start(t, sup.Config{}, sup.SupervisorSpec{Children: []sup.Child{worker("a", puppet{}).Child()}})
		_, err := sup.Ask(context.Background(), sup.Lookup[act](tree, "/a"), func(sup.Reply[int]) act { return boom })
		if !errors.Is(err, sup.ErrNoAnswer) {
			t.Errorf("asked who died: %v", err)
		}
		stop(t, tree)
	})
}

// "A panic in Stopping brings the actor back to life; a panic in Stopped hangs
// its parent for ever."
func TestTrapPanicWhileStopping(t *testing.T) {
	for _, way := range []string{"panic", "goexit"} {
		synctest.Test(t, func(t *testing.T) {
			var n notes
			last := func(*sup.Context[act]) {
				n.add("-bad")
				if way == "goexit" {
					runtime.Goexit()
				}
				panic("while stopping")
			}
			bad := worker("bad", puppet{start: func(*sup.Context[act]) error { n.add("+bad"); return nil }, stop: last})
			bad.Restart = sup.Transient
			first := worker("first", puppet{stop: func(*sup.Context[act]) { n.add("-first") }})
			var l listener[sup.Crashed]
			tree := start(t, sup.Config{Events: l.hear}, sup.SupervisorSpec{Children: []sup.Child{first.Child(), bad.Child()}})
			began := time.Now()
			stop(t, tree)
			n.expect(t, "+bad -bad -first")
			if took := time.Since(began); took != 0 {
				t.Errorf("the stop waited for %v", took)
			}
			if all := l.all(); len(all) != 1 || all[0].Crash.Phase != sup.Stopping {
				t.Errorf("crashes %+v", all)
			}
		})
	}
}

// `"Exponential" backoff strategy is linear and unlimited, its jitter is
// nanoseconds from global math/rand (breaks replay).`
func TestTrapBackoffIsExponentialBoundedAndSeeded(t *testing.T) {
	first, again, other := delays(t, 1), delays(t, 1), delays(t, 2)
	if !slices.Equal(first, again) || slices.Equal(first, other) {
		t.Errorf("the jitter is not the seed's:\n%v\n%v\n%v", first, again, other)
	}
	want := time.Duration(0)
	for i, d := range first {
		if d < want*3/4 || d > want*5/4 {
			t.Errorf("restart %d waited %v, want %v ± 25 %%", i, d, want)
		}
		want = min(max(2*want, 100*time.Millisecond), 10*time.Second)
	}
}

// delays are those of twelve restarts in a row.
func delays(t *testing.T, seed uint64) (all []time.Duration) {
	synctest.Test(t, func(t *testing.T) {
		var l listener[sup.Restarting]
		tree := start(t, sup.Config{Seed: seed, Events: l.hear}, sup.SupervisorSpec{Intensity: often, Children: []sup.Child{worker("a", puppet{}).Child()}})
		for range 12 {
			do(t, tree, "/a", boom)
			time.Sleep(13 * time.Second)
		}
		for _, e := range l.all() {
			all = append(all, e.Delay)
		}
		stop(t, tree)
	})
	if len(all) != 12 {
		t.Fatalf("%d restarts", len(all))
	}
	return all
}

// "Restarts exceeded = child silently stopped, no escalation; budget is per
// child." Here it is the supervisor's too, and who is above it decides.
func TestTrapTooManyRestartsEscalate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l listener[sup.Escalated]
		twice := sup.Intensity{Restarts: 2, Within: time.Minute}
		inner := sup.SupervisorSpec{Name: "inner", Intensity: twice, Children: []sup.Child{worker("a", puppet{}).Child(), worker("b", puppet{}).Child()}}
		tree := start(t, sup.Config{Events: l.hear}, sup.SupervisorSpec{Children: []sup.Child{inner.Child()}})
		for _, path := range []string{"/inner/a", "/inner/b", "/inner/a"} { // none of them more than twice
			do(t, tree, path, boom)
			time.Sleep(time.Second)
		}
		const why = "/inner gave up (more than 2 restarts in 1m0s): /inner/a crashed: boom"
		if got := l.all(); len(got) != 1 || got[0].Exit.Error() != why {
			t.Errorf("escalated: %v", got)
		}
		if i := inspect(tree, "/inner"); i.State != sup.StateUp || i.Restarts != 1 {
			t.Errorf("the root did not restart it: %+v", i)
		}
		stop(t, tree)
	})
}

// "Escalate or AllForOne on a root guardian crashes the process".
func TestTrapNoRootEndsTheProcess(t *testing.T) {
	for _, strategy := range []sup.Strategy{sup.OneForOne, sup.RestForOne, sup.AllForOne} {
		synctest.Test(t, func(t *testing.T) {
			tree := start(t, sup.Config{}, sup.SupervisorSpec{Strategy: strategy, Children: []sup.Child{worker("a", puppet{}).Child(), worker("b", puppet{}).Child()}})
			for range 4 {
				do(t, tree, "/a", boom)
				time.Sleep(time.Second)
			}
			<-tree.Done()
			var exit *sup.Exit
			if err := tree.Err(); !errors.As(err, &exit) || exit.Path != "/" || exit.Reason != sup.ReasonIntensity {
				t.Errorf("ended with %v", err)
			}
			stop(t, tree)
		})
	}
}

// "recover() drops the stack".
func TestTrapTheStackIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l listener[sup.Crashed]
		tree := start(t, sup.Config{Events: l.hear}, sup.SupervisorSpec{Children: []sup.Child{worker("a", puppet{}).Child()}})
		do(t, tree, "/a", boom, func(c *sup.Context[act]) {
			c.Task("digging", func(context.Context, func(act)) { boom(nil) })
		})
		time.Sleep(time.Second)
		all := l.all()
		if len(all) != 2 || all[1].Crash.Message != "task digging" {
			t.Fatalf("crashes %+v", all)
		}
		for _, e := range all {
			if !strings.Contains(e.Crash.Stack.String(), "supervision_test.boom (") {
				t.Errorf("no trace of who panicked in\n%s", e.Crash.Stack)
			}
		}
		stop(t, tree)
	})
}

// "ReenterAfter continues on the old instance after a restart. A timer armed by
// a dead incarnation reaches the new one."
func TestTrapNothingOfADeadLifeIsHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n notes
		tree := start(t, sup.Config{}, sup.SupervisorSpec{Children: []sup.Child{worker("a", puppet{}).Child()}})
		do(t, tree, "/a", func(c *sup.Context[act]) {
			c.WakeAt(c.Now().Add(time.Second), n.note("timer of the dead"))
			c.Monitor("/nobody", func(sup.Down) act { return n.note("monitor of the dead") })
			c.Task("quick", func(_ context.Context, emit func(act)) { emit(n.note("task of the dead")) })
			c.Task("slow", func(_ context.Context, emit func(act)) {
				time.Sleep(time.Minute) // it does not look at its context
				emit(n.note("late task of the dead"))
			})
			time.Sleep(2 * time.Second) // the timer has fired, the task has told
			panic("now")
		})
		time.Sleep(time.Hour)
		n.expect(t, "")
		if i := inspect(tree, "/a"); i.State != sup.StateUp || i.Restarts != 1 || i.Stale != 4 {
			t.Errorf("not dropped and counted: %+v", i)
		}
		stop(t, tree)
	})
}

// "runtime.Goexit in Receive (t.FailNow!) freezes the actor silently."
func TestTrapGoexitIsACrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n notes
		var l listener[sup.Crashed]
		tree := start(t, sup.Config{Events: l.hear}, sup.SupervisorSpec{Children: []sup.Child{worker("a", puppet{}).Child()}})
		do(t, tree, "/a", func(*sup.Context[act]) { runtime.Goexit() }, n.note("served"))
		n.expect(t, "served")
		if all := l.all(); len(all) != 1 || !strings.Contains(all[0].Crash.Text, "Goexit") {
			t.Errorf("crashes %+v", all)
		}
		stop(t, tree)
	})
}

// "A child blocked in Receive blocks its parent's stop."
func TestTrapBlockedChildHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n notes
		gate := make(chan struct{})
		blocked := worker("blocked", puppet{})
		blocked.StopWithin = 3 * time.Second
		before := worker("before", puppet{stop: func(*sup.Context[act]) { n.add("-before") }})
		tree := start(t, sup.Config{}, sup.SupervisorSpec{Children: []sup.Child{before.Child(), blocked.Child()}})
		do(t, tree, "/blocked", func(*sup.Context[act]) { <-gate })
		synctest.Wait()
		began := time.Now()
		err := tree.Stop(context.Background())
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("the stop took %v", took)
		}
		var stopped *sup.StopError
		if !errors.As(err, &stopped) || !slices.Equal(stopped.Stuck, []string{"/blocked"}) {
			t.Errorf("the stop says %v", err)
		}
		n.expect(t, "-before")
		close(gate)
	})
}

// "Spawn returns before Started ran: start order is not guaranteed without an
// acknowledgement."
func TestTrapStartsAreInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n notes
		slow := func(name string) sup.Child {
			return worker(name, puppet{start: func(*sup.Context[act]) error {
				n.add("%s...", name)
				time.Sleep(time.Second)
				n.add("%s.", name)
				return nil
			}}).Child()
		}
		inner := sup.SupervisorSpec{Name: "inner", Children: []sup.Child{slow("b"), slow("c")}}
		tree := start(t, sup.Config{}, sup.SupervisorSpec{Children: []sup.Child{slow("a"), inner.Child(), slow("d")}})
		if got := n.String(); got != "a... a. b... b. c... c. d... d." { // Start has returned
			t.Errorf("got %q", got)
		}
		stop(t, tree)
	})
}

// "A producer that panics on restart burns all retries at once".
func TestTrapPanickingConstructorIsSpaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tries []time.Time
		spec := worker("a", puppet{})
		spec.New = func() sup.Actor[act] {
			if tries = append(tries, time.Now()); len(tries) == 2 || len(tries) == 3 {
				panic("no value")
			}
			return puppet{}
		}
		var n notes
		tree := start(t, sup.Config{}, sup.SupervisorSpec{Children: []sup.Child{spec.Child()}})
		do(t, tree, "/a", boom, n.note("served"))
		time.Sleep(time.Second)
		n.expect(t, "served")
		if len(tries) != 4 || tries[2].Sub(tries[1]) < 75*time.Millisecond || tries[3].Sub(tries[2]) < 150*time.Millisecond {
			t.Errorf("constructed at %v", tries)
		}
		stop(t, tree)
	})
}

// "Shutdown() stops no actor and panics when called twice." Nor does it matter
// who calls it: a hook of the host may begin the end, though it cannot wait for
// it.
func TestTrapStoppingTwiceStopsAllOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n notes
		named := func(name string) sup.Child {
			return worker(name, puppet{stop: func(*sup.Context[act]) { n.add("-%s", name) }}).Child()
		}
		var tree *sup.Tree
		hook := func(e sup.Event) {
			if _, ok := e.(sup.Crashed); ok {
				tree.Shutdown()
				tree.Shutdown()
			}
		}
		dynamic := sup.SupervisorSpec{Name: "d", Strategy: sup.Dynamic}
		tree = start(t, sup.Config{Events: hook}, sup.SupervisorSpec{Children: []sup.Child{named("a"), dynamic.Child(), named("c")}})
		if err := tree.Spawn("/d", named("b")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		do(t, tree, "/c", boom)
		<-tree.Done()
		n.expect(t, "-b -a")
		var stops sync.WaitGroup
		for range 3 {
			stops.Go(func() { stop(t, tree) })
		}
		stops.Wait()
		n.expect(t, "-b -a")
		if left := tree.Inspect(); len(left) != 0 || tree.Err() != nil {
			t.Errorf("left %v, %v", left, tree.Err())
		}
	})
}
