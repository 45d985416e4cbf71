package chaos_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waymeet/waymeet/supervision"
	"github.com/waymeet/waymeet/supervision/chaos"
)

// A storm that a tree does not live through says so, and why; who was killed
// last did not come back.
func TestStormEndsTheTree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var unread []string
		spec := supervision.WorkerSpec[note]{Name: "a", New: func() supervision.Actor[note] { return reader{"a", &unread} }}
		begin := func(injector supervision.Chaos) *supervision.Tree {
			tree, err := supervision.Start(supervision.Config{Chaos: injector}, supervision.SupervisorSpec{
				Intensity: supervision.Intensity{Restarts: 1, Within: time.Minute}, Children: []supervision.Child{spec.Child()},
			})
			if err != nil {
				t.Fatal(err)
			}
			return tree
		}
		check := func(what string, result chaos.Result, err error) {
			var exit *supervision.Exit
			if !errors.Is(err, chaos.ErrEnded) || !errors.As(err, &exit) || exit.Path != "/" {
				t.Errorf("%s: %v", what, err)
			}
			if result.Kills != 2 || len(result.Recovered) != 1 || len(result.Lost) != 1 || result.Lost[0] != "/a" || len(result.Gone) != 0 {
				t.Errorf("%s: %+v", what, result)
			}
		}
		result, err := chaos.Storm{Rate: 20, For: time.Hour}.Run(context.Background(), begin(nil))
		check("storm", result, err)

		injector := &chaos.Injector{}
		tree := begin(injector)
		a := supervision.Lookup[note](tree, "/a")
		for n := range note(2) {
			defer time.AfterFunc(time.Duration(n+1)*50*time.Millisecond, func() { _ = a.Tell(n) }).Stop()
		}
		result, err = injector.Run(context.Background(), tree, chaos.Plan{Rules: []chaos.Rule{
			{Do: chaos.Kill, Phase: supervision.BeforeMessage, Class: chaos.AnyClass},
		}}, time.Hour, nil)
		check("plan", result, err)
	})
}

// A tree that is stopped in a storm has no reason to tell.
func TestStormInAStoppedTree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var unread []string
		spec := supervision.WorkerSpec[note]{Name: "a", New: func() supervision.Actor[note] { return reader{"a", &unread} }}
		tree, err := supervision.Start(supervision.Config{}, supervision.SupervisorSpec{Children: []supervision.Child{spec.Child()}})
		if err != nil {
			t.Fatal(err)
		}
		defer time.AfterFunc(50*time.Millisecond, tree.Shutdown).Stop()
		if _, err = (chaos.Storm{Rate: 1, For: time.Hour}).Run(context.Background(), tree); err != chaos.ErrEnded {
			t.Error(err)
		}
	})
}
