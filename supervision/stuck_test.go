package supervision

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Stop ends within the deadlines and names who is stuck, blocked actors and
// tasks that ignore their context alike.
func TestStopNamesTheStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, ev := &diary{}, &events{}
		gate := make(chan struct{})
		block := WorkerSpec[script]{Name: "block", StopWithin: time.Second, New: func() Actor[script] {
			return &player{name: "block", diary: d, gate: gate}
		}}
		busy := WorkerSpec[script]{Name: "busy", StopWithin: 2 * time.Second, New: func() Actor[script] {
			return &player{name: "busy", diary: d, onStart: func(c *Context[script]) error {
				c.Task("pump", func(context.Context, func(script)) { <-gate })
				return nil
			}}
		}}
		tree := mustStart(t, Config{Events: ev.add}, SupervisorSpec{
			Children: []Child{d.play("a").Child(), block.Child(), busy.Child(), d.play("z").Child()},
		})
		tell(t, tree, "/block", "block")
		synctest.Wait()
		begin := time.Now()
		short, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		var stop *StopError
		if err := tree.Stop(short); !errors.As(err, &stop) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("short stop: %v", err)
		}
		err := tree.Stop(context.Background())
		if took := time.Since(begin); took != 3*time.Second {
			t.Errorf("stop took %v", took)
		}
		if err == nil || err.Error() != "supervision: did not stop: /block, /busy (tasks [pump])" {
			t.Errorf("error %v", err)
		}
		if again := tree.Stop(context.Background()); again == nil || again.Error() != err.Error() {
			t.Errorf("again %v", again)
		}
		d.expect(t, "the others stop cleanly", "+a, +block, +busy, +z, -z, -busy, -a")
		if got := of[Stuck](ev); len(got) != 2 || got[0].Path != "/busy" || got[1].Path != "/block" {
			t.Errorf("stuck %+v", got)
		}
		close(gate) // lets the goroutines of this test end
	})
}

// A sibling that does not stop is replaced; its waiting messages are kept, and
// what it does when it wakes up counts for nothing.
func TestStuckSiblingIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{}
		gate := make(chan struct{})
		block := WorkerSpec[script]{Name: "block", StopWithin: time.Second, New: func() Actor[script] {
			return &player{name: "block", diary: d, gate: gate, onStart: func(c *Context[script]) error {
				c.Monitor("/", func(Down) script { return "root" })
				return nil
			}}
		}}
		tree := mustStart(t, Config{}, SupervisorSpec{Strategy: RestForOne, Children: []Child{d.play("a").Child(), block.Child()}})
		d.take()
		ref := Lookup[script](tree, "/block")
		for _, m := range []script{"block", "1", "2"} {
			if err := ref.Tell(m); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		tell(t, tree, "/a", "boom")
		rest(2 * time.Second)
		if err := ref.Tell("3"); err != nil {
			t.Error(err)
		}
		d.expect(t, "replaced", "+a, +block, block:1, block:2, block:3")
		if n := len(tree.monitors["/"]); n != 1 {
			t.Errorf("%d monitors, the abandoned life keeps one", n)
		}
		close(gate)
		d.expect(t, "the old one wakes", "block:block")
		if i := info(tree, "/block"); i.State != StateUp || i.Restarts != 1 {
			t.Errorf("info %+v", i)
		}
		var stop *StopError
		if err := tree.Stop(context.Background()); !errors.As(err, &stop) || stop.Stuck[0] != "/block" {
			t.Errorf("stop: %v", err)
		}
	})
}

func TestStartWithoutAcknowledgement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{}
		gate := make(chan struct{})
		slow := WorkerSpec[script]{Name: "slow", StartWithin: time.Second, New: func() Actor[script] {
			return &player{name: "slow", diary: d, onStart: func(*Context[script]) error { <-gate; return nil }}
		}}
		_, err := Start(Config{}, SupervisorSpec{Children: []Child{d.play("a").Child(), slow.Child()}})
		if err == nil || !strings.Contains(err.Error(), "/slow could not start (no acknowledgement within 1s)") {
			t.Errorf("error %v", err)
		}
		d.expect(t, "rollback", "+a, +slow, -a")
		close(gate)
		d.expect(t, "too late", "")
	})
}
