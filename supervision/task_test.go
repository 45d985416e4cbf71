package supervision

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// starter specifies a player with an onStart.
func (d *diary) starter(name string, onStart func(c *Context[script]) error) WorkerSpec[script] {
	return WorkerSpec[script]{Name: name, New: func() Actor[script] { return &player{name: name, diary: d, onStart: onStart} }}
}

// TRAPS: what a dead life began must not reach the next one. A task that emits
// after its life is over is dropped and counted; so is what it had emitted and
// still waits in the mailbox.
func TestTaskOfADeadLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{}
		a := d.starter("a", func(c *Context[script]) error {
			n := c.Incarnation()
			c.Task("late", func(ctx context.Context, emit func(M script)) {
				<-ctx.Done()
				emit("late")
			})
			c.Task("pump", func(ctx context.Context, emit func(M script)) {
				if n == 2 { // the first life of a; 1 is the root's
					emit("early")
					emit("boom")
					emit("queued")
				}
			})
			return nil
		})
		tree := mustStart(t, Config{}, SupervisorSpec{Children: []Child{a.Child()}})
		d.expect(t, "run", "+a, a:early, +a")
		tell(t, tree, "/a", "x")
		d.expect(t, "others are kept", "a:x")
		if i := info(tree, "/a"); i.Stale != 2 || strings.Join(i.Tasks, " ") != "late" {
			t.Errorf("info %+v", i)
		}
		mustStop(t, tree)
	})
}

// A task that emits while its actor is down takes no room from others.
func TestLateEmitTakesNoRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{}
		a := d.starter("a", func(c *Context[script]) error {
			c.Task("late", func(ctx context.Context, emit func(script)) {
				<-ctx.Done()
				emit("late")
			})
			return nil
		})
		tree := mustStart(t, Config{}, SupervisorSpec{Children: []Child{a.Child()}})
		tell(t, tree, "/a", "boom", "boom") // the second restart is delayed
		synctest.Wait()
		if i := info(tree, "/a"); i.State != StateDown || i.Mailbox != 0 || i.Stale != 2 {
			t.Errorf("info %+v", i)
		}
		mustStop(t, tree)
	})
}

func TestTaskPanicIsACrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, ev := &diary{}, &events{}
		first := true
		a := d.starter("a", func(c *Context[script]) error {
			if first {
				first = false
				c.Task("pump", func(context.Context, func(script)) { time.Sleep(time.Second); panic("pump broke") })
			}
			return nil
		})
		tree := mustStart(t, Config{Events: ev.add}, SupervisorSpec{Children: []Child{a.Child()}})
		d.expect(t, "start", "+a")
		rest(time.Second)
		d.expect(t, "restart", "+a")
		c := of[Crashed](ev)
		if len(c) != 1 || c[0].Crash.Message != "task pump" || c[0].Crash.Text != "pump broke" || !strings.Contains(c[0].Crash.Stack.String(), "task_test.go") {
			t.Errorf("crashes %+v", c)
		}
		mustStop(t, tree)
	})
}

// A clean stop waits for tasks, within the deadline.
func TestStopWaitsForTasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{}
		a := d.starter("a", func(c *Context[script]) error {
			c.Task("slow", func(ctx context.Context, _ func(script)) {
				<-ctx.Done()
				time.Sleep(3 * time.Second)
				d.add("task done")
			})
			return nil
		})
		tree := mustStart(t, Config{}, SupervisorSpec{Children: []Child{d.play("z").Child(), a.Child()}})
		mustStop(t, tree)
		d.expect(t, "stop", "+z, +a, -a, task done, -z")
	})
}

// The tasks of an actor that crashed for good have the time of a stop, and are
// named when they overrun it.
func TestTasksOfARemovedActor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{}
		gate := make(chan struct{})
		a := d.starter("a", func(c *Context[script]) error {
			c.Task("deaf", func(context.Context, func(script)) { <-gate })
			return nil
		})
		a.Restart = Temporary
		tree := mustStart(t, Config{}, SupervisorSpec{Children: []Child{a.Child()}})
		tell(t, tree, "/a", "boom")
		synctest.Wait()
		if err := tree.Stop(context.Background()); err == nil || !strings.Contains(err.Error(), "/a (tasks [deaf])") {
			t.Errorf("stop: %v", err)
		}
		close(gate)
	})
}

// A removed actor is gone as soon as its last task is.
func TestRemovedActorDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{}
		a := d.starter("a", func(c *Context[script]) error {
			for _, wait := range []time.Duration{time.Second, 2 * time.Second} {
				c.Task("slow", func(ctx context.Context, _ func(script)) {
					<-ctx.Done()
					time.Sleep(wait)
				})
			}
			return nil
		})
		a.Restart = Temporary
		tree := mustStart(t, Config{}, SupervisorSpec{Children: []Child{a.Child()}})
		tell(t, tree, "/a", "boom")
		synctest.Wait()
		begin := time.Now()
		mustStop(t, tree)
		if took := time.Since(begin); took != 2*time.Second {
			t.Errorf("stop took %v", took)
		}
	})
}

// emit waits for room instead of losing a result, and gives up with its life.
func TestEmitWaitsForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{}
		a := d.starter("a", func(c *Context[script]) error {
			c.Task("pump", func(ctx context.Context, emit func(script)) {
				for _, m := range []script{"1", "2", "3", "4", "5"} {
					emit(m)
				}
				d.add("pumped")
			})
			time.Sleep(time.Second) // nothing is handled before the acknowledgement
			d.add("ready")
			return nil
		})
		a.Mailbox = 2
		tree := mustStart(t, Config{}, SupervisorSpec{Children: []Child{a.Child()}})
		got := d.take()
		if strings.ReplaceAll(got, ", pumped", "") != "+a, ready, a:1, a:2, a:3, a:4, a:5" {
			t.Errorf("got %q", got)
		}
		mustStop(t, tree)
	})
}
