package supervision

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A crash report tells what the actor did last, oldest first, by type alone.
func TestFlightRecorder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, ev := &diary{}, &events{}
		tree := mustStart(t, Config{Events: ev.add}, SupervisorSpec{Children: d.plays("a")})
		for range 20 {
			tell(t, tree, "/a", "a secret word")
		}
		tell(t, tree, "/a", "boom")
		synctest.Wait()
		crash := of[Crashed](ev)[0].Crash
		last := crash.Last.List()
		if len(last) != recorded {
			t.Fatalf("%d steps: %+v", len(last), last)
		}
		for i, step := range last {
			want := Step{Seq: last[0].Seq + uint64(i), Phase: BeforeMessage, Message: "supervision.script"}
			if step != want {
				t.Errorf("step %d is %+v, want %+v", i, step, want)
			}
		}
		if seq := last[recorded-1].Seq; seq != 2+21 || seq != crash.Step { // two of the start
			t.Errorf("the last step is number %d, the crash at %d", seq, crash.Step)
		}
		steps, err := tree.Record("/a")
		if err != nil || len(steps) != recorded {
			t.Errorf("record %+v, %v", steps, err)
		}
		if _, err := tree.Record("/b"); !errors.Is(err, ErrNoActor) {
			t.Errorf("nobody's record: %v", err)
		}
		mustStop(t, tree)
	})
}

// The report of a tree is JSON without any message, and keeps the last crashes.
func TestReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{}
		tree := mustStart(t, Config{}, SupervisorSpec{
			Intensity: Intensity{Restarts: 100, Within: time.Second}, Children: d.plays("a"),
		})
		for range keptCrashes + 5 {
			tell(t, tree, "/a", "a secret word", "boom")
			rest(time.Minute)
		}
		report := tree.Report()
		if len(report.Crashes) != keptCrashes || report.Totals.Crashes != keptCrashes+5 || report.Totals.Lives != keptCrashes+5+2 {
			t.Errorf("%d crashes, totals %+v", len(report.Crashes), report.Totals)
		}
		text, err := json.Marshal(report)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{`"path":"/a"`, `"state":"up"`, `"phase":"before message"`, `"reason":"boom"`, `player).Receive`, `"message":"supervision.script"`} {
			if !strings.Contains(string(text), want) {
				t.Errorf("no %s in %s", want, text)
			}
		}
		if strings.Contains(string(text), "secret") {
			t.Error("a message is in the report")
		}
		mustStop(t, tree)
	})
}
