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

// A plan strikes in a running tree while it is run, and measures as a storm
// does; then the injector rests, and still knows what it did.
func TestRunPlan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		injector := &chaos.Injector{}
		var read []string
		spec := supervision.WorkerSpec[note]{Name: "a", New: func() supervision.Actor[note] { return reader{"", &read} }}
		tree, err := supervision.Start(supervision.Config{Chaos: injector}, supervision.SupervisorSpec{
			Intensity: supervision.Intensity{Restarts: 1 << 20, Within: time.Second}, Children: []supervision.Child{spec.Child()},
		})
		if err != nil {
			t.Fatal(err)
		}
		a := supervision.Lookup[note](tree, "/a")
		plan, err := chaos.Parse("kill /a phase before-message every 2\ndrop /a nth 5")
		if err != nil {
			t.Fatal(err)
		}
		told := 0
		ended := make(chan chaos.Result)
		go func() {
			result, err := injector.Run(context.Background(), tree, plan, 1100*time.Millisecond, func(chaos.Result) { told++ })
			if err != nil {
				t.Error(err)
			}
			ended <- result
		}()
		time.Sleep(200 * time.Millisecond)
		tellAll := func(from, to note) {
			for n := from; n <= to; n++ {
				if err := a.Tell(n); err != nil {
					t.Error(err)
				}
				time.Sleep(10 * time.Millisecond)
			}
		}
		tellAll(1, 6) // 2 and 4 die, 5 is dropped, 6 is the fifth that is read
		result := <-ended
		if result.Kills != 2 || result.ByPath["/a"] != 2 || len(result.Recovered) != 2 || len(result.Lost) != 0 || told == 0 {
			t.Errorf("result %+v, told %d times", result, told)
		}
		if _, err := injector.Run(context.Background(), tree, chaos.Plan{Seed: 1}, time.Hour, nil); err != chaos.ErrNoRule {
			t.Errorf("no rule: %v", err)
		}
		if strikes := injector.Strikes(); len(strikes) != 3 || strikes[0].Do != chaos.Kill || strikes[2].Do != chaos.Drop {
			t.Errorf("strikes %+v", strikes)
		}
		tellAll(7, 8)
		nobody := chaos.Plan{Rules: []chaos.Rule{{Do: chaos.Kill, Path: "/b", Phase: chaos.Anywhere, Class: chaos.AnyClass}}}
		if _, err := injector.Run(context.Background(), tree, nobody, time.Millisecond, nil); !errors.Is(err, chaos.ErrNobody) {
			t.Errorf("nobody: %v", err)
		}
		if err := tree.Stop(context.Background()); err != nil {
			t.Error(err)
		}
		want := []string{"1", "3", "6", "7", "8"}
		if len(read) != len(want) {
			t.Fatalf("read %v, want %v", read, want)
		}
		for i := range want {
			if read[i] != want[i] {
				t.Errorf("read %v, want %v", read, want)
			}
		}
	})
}
