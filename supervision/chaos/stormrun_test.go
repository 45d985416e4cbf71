package chaos

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waymeet/waymeet/supervision"
	"github.com/waymeet/waymeet/supervision/virtual"
)

// starter is an actor whose every life begins with start.
type starter struct {
	start func(*supervision.Context[bool]) error
}

func (s starter) Start(c *supervision.Context[bool]) error { return s.start(c) }
func (starter) Receive(*supervision.Context[bool], bool)   {}
func (starter) Stop(*supervision.Context[bool])            {}

func starterChild(name string, start func(*supervision.Context[bool]) error) supervision.Child {
	return supervision.WorkerSpec[bool]{Name: name, New: func() supervision.Actor[bool] { return starter{start} }}.Child()
}

// An actor is up a moment before anybody hears that it has started. One that is
// killed in this moment is down, whatever is heard then.
func TestKilledBeforeItsStartIsTold(t *testing.T) {
	runtime := virtual.New(1, time.Unix(0, 0))
	var run *stormRun
	lives, struck := 0, 0
	config := supervision.Config{Runtime: runtime, Events: func(e supervision.Event) {
		if started, ok := e.(supervision.Started); ok && started.Path == "/a" && struck == 0 {
			struck++
			run.strike()
		}
	}}
	tree, err := supervision.Launch(config, supervision.SupervisorSpec{
		Intensity: supervision.Intensity{Restarts: 10, Within: time.Minute},
		Children: []supervision.Child{starterChild("a", func(*supervision.Context[bool]) error {
			if lives++; lives == 2 {
				return errors.New("not yet")
			}
			return nil
		})},
	})
	if err != nil {
		t.Fatal(err)
	}
	run = newStormRun(tree, "")
	defer tree.Listen(run.back)()
	runtime.Settle() // the second life has failed, the third one waits
	if got := run.result(); lives != 2 || got.Kills != 1 || len(got.Recovered) != 0 || !slices.Equal(got.Lost, []string{"/a"}) {
		t.Errorf("in life %d: %+v", lives, got)
	}
	runtime.RunFor(time.Minute)
	if got := run.result(); lives != 3 || got.Kills != 1 || len(got.Recovered) != 1 || len(got.Lost) != 0 {
		t.Errorf("in life %d: %+v", lives, got)
	}
}

// A place that has gone and that an actor will give again when it is up is not
// gone: the storm waits for it.
func TestCalmWaitsForTheKeeper(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{}, 1)
		gate <- struct{}{}
		var sick atomic.Bool
		keep := func(c *supervision.Context[bool]) error {
			<-gate
			return c.Tree().Spawn("/kept", starterChild("a", func(*supervision.Context[bool]) error {
				if sick.Load() {
					return errors.New("it is sick")
				}
				return nil
			}))
		}
		raised := supervision.Intensity{Restarts: 1 << 20, Within: time.Second}
		tree, err := supervision.Start(supervision.Config{}, supervision.SupervisorSpec{
			Strategy: supervision.RestForOne, Intensity: raised,
			Children: []supervision.Child{
				supervision.SupervisorSpec{Name: "kept", Strategy: supervision.Dynamic, Intensity: raised}.Child(),
				starterChild("keeper", keep),
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		run := newStormRun(tree, "/kept/a")
		defer tree.Listen(run.back)()
		await(t, tree, func(states map[string]supervision.State) bool { return states["/kept/a"] == supervision.StateUp })
		sick.Store(true)
		run.strike()
		tree.Kill("/kept")
		await(t, tree, func(states map[string]supervision.State) bool {
			_, there := states["/kept/a"]
			return !there && states["/keeper"] == supervision.StateStarting
		})
		if got := run.result(); len(got.Lost) != 0 || !slices.Equal(got.Gone, []string{"/kept/a"}) {
			t.Fatalf("before the keeper: %+v", got)
		}
		sick.Store(false)
		time.AfterFunc(50*time.Millisecond, func() { gate <- struct{}{} })
		if got := run.calm(time.Minute); got.Kills != 1 || len(got.Recovered) != 1 || len(got.Lost)+len(got.Gone) != 0 {
			t.Errorf("after the calm: %+v", got)
		}
		if err := tree.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// await waits until the actors are in the states that isSo wants.
func await(t *testing.T, tree *supervision.Tree, isSo func(map[string]supervision.State) bool) {
	t.Helper()
	states := make(map[string]supervision.State)
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		clear(states)
		for _, a := range tree.Inspect() {
			states[a.Path] = a.State
		}
		if isSo(states) {
			return
		}
	}
	t.Fatalf("it did not happen: %v", states)
}
