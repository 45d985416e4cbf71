package actors

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/waymeet/waymeet/actors/tree"
	"github.com/waymeet/waymeet/supervision"
)

// guest is an actor of a host program: it counts its lives, and ends or crashes
// at its first message.
type guest struct{ lives *atomic.Int32 }

func (g guest) Start(*supervision.Context[string]) error { g.lives.Add(1); return nil }
func (g guest) Receive(c *supervision.Context[string], m string) {
	if m == "crash" {
		panic(m)
	}
	c.StopSelf()
}
func (guest) Stop(*supervision.Context[string]) {}

// hosting runs a node's tree with nothing in it but a guest at /host/a, and
// calls meanwhile for every event before anybody acts on it.
func hosting(t *testing.T, restart supervision.Restart, meanwhile func(*Node, supervision.Child, supervision.Event)) (*Node, *atomic.Int32) {
	t.Helper()
	n, lives := &Node{log: slog.New(slog.DiscardHandler)}, &atomic.Int32{}
	child := supervision.WorkerSpec[string]{
		Name: "a", Restart: restart, New: func() supervision.Actor[string] { return guest{lives} },
	}.Child()
	config := supervision.Config{Events: func(e supervision.Event) {
		n.treeEvent(e)
		meanwhile(n, child, e)
	}}
	root, err := supervision.Start(config, supervision.SupervisorSpec{
		Strategy: supervision.RestForOne,
		Children: []supervision.Child{
			supervision.SupervisorSpec{Name: "host", Strategy: supervision.Dynamic, Intensity: boundless}.Child(),
			tree.Keeper("hostkeeper", n.keepHost),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := root.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	n.root.Store(root)
	if err := n.Supervise(child); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	return n, lives
}

// Who has ended for good is not started once more, though its supervisor and
// the keeper die in the moment after.
func TestHostActorEndsAsItsSupervisorDies(t *testing.T) {
	for restart, last := range map[supervision.Restart]string{
		supervision.Transient: "end", supervision.Temporary: "crash",
	} {
		synctest.Test(t, func(t *testing.T) {
			killed := 0
			n, lives := hosting(t, restart, func(n *Node, _ supervision.Child, e supervision.Event) {
				stopped, ended := e.(supervision.Stopped)
				crashed, failed := e.(supervision.Crashed)
				if ended && stopped.Exit.Path == "/host/a" || failed && crashed.Crash.Path == "/host/a" {
					killed += n.Kill("/host*")
				}
			})
			if err := HostActor[string](n, "a").Tell(last); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if killed != 2 || lives.Load() != 1 {
				t.Errorf("%v: %d killed, %d lives", restart, killed, lives.Load())
			}
			if err := n.Dismiss("a"); !errors.Is(err, supervision.ErrNoActor) {
				t.Errorf("%v: it is still known: %v", restart, err)
			}
		})
	}
}

// Who crashes in the moment before its supervisor dies comes back with it.
func TestHostActorCrashesAsItsSupervisorDies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, lives := hosting(t, supervision.Permanent, func(n *Node, _ supervision.Child, e supervision.Event) {
			if crashed, ok := e.(supervision.Crashed); ok && crashed.Crash.Path == "/host/a" {
				n.Kill("/host")
			}
		})
		if err := HostActor[string](n, "a").Tell("crash"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := n.Dismiss("a"); err != nil || lives.Load() != 2 {
			t.Errorf("it is not known (%v), or has had %d lives", err, lives.Load())
		}
	})
}

// The end of a child concerns no later child of the same name: the name is not
// free before the end is told.
func TestHostActorEndsAsAnotherIsSupervised(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var early error
		n, lives := hosting(t, supervision.Transient, func(n *Node, again supervision.Child, e supervision.Event) {
			if stopped, ok := e.(supervision.Stopped); ok && stopped.Exit.Path == "/host/a" && early == nil {
				_ = n.Dismiss("a")
				early = n.Supervise(again)
			}
		})
		if err := HostActor[string](n, "a").Tell("end"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if !errors.Is(early, supervision.ErrExists) {
			t.Errorf("the name was free before its end was told: %v", early)
		}
		child := supervision.WorkerSpec[string]{Name: "a", New: func() supervision.Actor[string] { return guest{lives} }}.Child()
		if err := n.Supervise(child); err != nil {
			t.Fatal(err)
		}
		n.Kill("/host")
		synctest.Wait()
		if lives.Load() != 3 {
			t.Errorf("%d lives, not the first one's and two of the later one", lives.Load())
		}
	})
}
