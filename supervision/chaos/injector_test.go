package chaos_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waymeet/waymeet/supervision"
	"github.com/waymeet/waymeet/supervision/chaos"
	"github.com/waymeet/waymeet/supervision/virtual"
)

// note is the inbox of the tests' actors.
type note int

// reader writes down what it reads.
type reader struct {
	name string
	read *[]string
}

func (r reader) Start(*supervision.Context[note]) error { return nil }
func (r reader) Stop(*supervision.Context[note])        {}

func (r reader) Receive(_ *supervision.Context[note], n note) {
	*r.read = append(*r.read, fmt.Sprint(r.name, int(n)))
}

// wakeUp is how long a sleeper takes to start.
const wakeUp = time.Millisecond

// sleeper is a reader that is not up at once.
type sleeper struct{ reader }

func (sleeper) Start(*supervision.Context[note]) error {
	time.Sleep(wakeUp)
	return nil
}

// read tells two actors the numbers from 1 to n under a plan, in virtual time,
// and returns what they read.
func read(t *testing.T, plan string, n int) ([]string, *chaos.Injector, *supervision.Tree) {
	t.Helper()
	parsed, err := chaos.Parse(plan)
	if err != nil {
		t.Fatal(err)
	}
	injector := &chaos.Injector{}
	if err := injector.Follow(parsed); err != nil {
		t.Fatal(err)
	}
	runtime := virtual.New(1, time.Unix(0, 0))
	var out []string
	var children []supervision.Child
	for _, name := range []string{"a", "b"} {
		children = append(children, supervision.WorkerSpec[note]{
			Name: name, New: func() supervision.Actor[note] { return reader{name, &out} },
			Sort: func(n note) supervision.Sort {
				if n%2 == 0 {
					return supervision.Sort{Class: supervision.Droppable}
				}
				return supervision.Sort{}
			},
		}.Child())
	}
	tree, err := supervision.Launch(supervision.Config{Runtime: runtime, Chaos: injector}, supervision.SupervisorSpec{
		Intensity: supervision.Intensity{Restarts: 1000, Within: time.Second}, Children: children,
	})
	if err != nil {
		t.Fatal(err)
	}
	runtime.Settle()
	for i := 1; i <= n; i++ {
		for _, name := range []string{"/a", "/b"} {
			if err := supervision.Lookup[note](tree, name).Tell(note(i)); err != nil {
				t.Fatal(err)
			}
			runtime.RunFor(time.Second)
		}
	}
	runtime.RunFor(2 * time.Hour)
	return out, injector, tree
}

// Each rule does what it says, to whom and as often as it says.
func TestRules(t *testing.T) {
	for plan, want := range map[string]string{
		"":                                                 "a1 b1 a2 b2 a3 b3 a4 b4",
		"kill /a phase before-message":                     "b1 b2 b3 b4",
		"kill /a phase before-message nth 2":               "a1 b1 b2 a3 b3 a4 b4",
		"kill /a phase before-message every 2":             "a1 b1 b2 a3 b3 b4",
		"kill /a phase before-message most 1":              "b1 a2 b2 a3 b3 a4 b4",
		"kill /a phase after-message":                      "a1 b1 a2 b2 a3 b3 a4 b4",
		"kill * phase before-message message x":            "a1 b1 a2 b2 a3 b3 a4 b4",
		"kill /? phase before-message message *note nth 3": "a1 b1 b2 a3 b3 a4 b4",
		"drop /b class droppable":                          "a1 b1 a2 a3 b3 a4",
		"drop /b message chaos_test.note nth 3":            "a1 b1 a2 b2 a3 a4 b4",
		"again /b nth 1":                                   "a1 b1 b1 a2 b2 a3 b3 a4 b4",
		"delay /b by 1h nth 1":                             "a1 a2 b2 a3 b3 a4 b4 b1",
		"suspend /a by 90m nth 2":                          "a1 b1 b2 b3 b4 a2 a3 a4",
		"drop /b nth 1\nagain /b nth 1":                    "a1 a2 b2 b2 a3 b3 a4 b4",
	} {
		got, _, _ := read(t, plan, 4)
		if text := strings.Join(got, " "); text != want {
			t.Errorf("%q:\n got %s\nwant %s", plan, text, want)
		}
	}
}

// The same seed strikes in the same places, another elsewhere; and what a run
// did, as a plan without chance, does it again.
func TestSeedAndReplay(t *testing.T) {
	const plan = "kill * phase before-message chance 0.2\nkill * phase after-message chance 0.1\n"
	first, injector, tree := read(t, "seed 1\n"+plan, 50)
	again, _, _ := read(t, "seed 1\n"+plan, 50)
	other, _, _ := read(t, "seed 2\n"+plan, 50)
	if strings.Join(first, " ") != strings.Join(again, " ") {
		t.Error("one seed gave two runs")
	}
	if strings.Join(first, " ") == strings.Join(other, " ") {
		t.Error("two seeds gave the same run")
	}
	if n := len(injector.Strikes()); n < 10 {
		t.Errorf("only %d strikes", n)
	}
	for what, kills := range map[string]chaos.Plan{
		"the injector": injector.Kills(), "the crash reports": chaos.Replay(tree.Report().Crashes),
	} {
		replayed, repeated, _ := read(t, kills.String(), 50)
		if strings.Join(replayed, " ") != strings.Join(first, " ") {
			t.Errorf("the kills of %s gave\n%v\nnot\n%v", what, replayed, first)
		}
		if len(repeated.Strikes()) != len(injector.Strikes()) {
			t.Errorf("%s: %d strikes, not %d", what, len(repeated.Strikes()), len(injector.Strikes()))
		}
	}
}

// A storm kills everybody but the root, evenly, and all come back.
func TestStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var unread []string
		inner := supervision.SupervisorSpec{Name: "inner", Children: []supervision.Child{supervision.WorkerSpec[note]{
			Name: "b", New: func() supervision.Actor[note] { return sleeper{reader{"b", &unread}} },
		}.Child()}}
		a := supervision.WorkerSpec[note]{Name: "a", New: func() supervision.Actor[note] { return sleeper{reader{"a", &unread}} }}
		raised := supervision.Intensity{Restarts: 1 << 20, Within: time.Second}
		inner.Intensity = raised
		tree, err := supervision.Start(supervision.Config{}, supervision.SupervisorSpec{
			Intensity: raised, Children: []supervision.Child{a.Child(), inner.Child()},
		})
		if err != nil {
			t.Fatal(err)
		}
		told := 0
		result, err := chaos.Storm{Rate: 300, For: 1500 * time.Millisecond, Progress: func(chaos.Result) { told++ }}.Run(context.Background(), tree)
		if err != nil {
			t.Fatal(err)
		}
		if result.Kills < 30 || len(result.ByPath) != 3 || result.ByPath["/"] != 0 || len(result.Lost) != 0 || told == 0 {
			t.Errorf("result %+v, told %d times", result, told)
		}
		for path, n := range result.ByPath {
			if n < result.Kills/3-2 || n > result.Kills/3+2 {
				t.Errorf("%s was killed %d times of %d", path, n, result.Kills)
			}
		}
		if len(result.Recovered) != result.Kills || len(result.Back["/a"]) != result.ByPath["/a"] || result.Recovered.Percentile(0) != wakeUp || result.Recovered.Percentile(100) != wakeUp {
			t.Errorf("%d kills, %d recoveries, p50 %v, p99 %v", result.Kills, len(result.Recovered), result.Recovered.Percentile(50), result.Recovered.Percentile(99))
		}
		if _, err := (chaos.Storm{Pattern: "/nobody", Rate: 100, For: 50 * time.Millisecond}).Run(context.Background(), tree); err != chaos.ErrNobody {
			t.Errorf("nobody: %v", err)
		}
		for _, wrong := range []chaos.Storm{{For: time.Second}, {Rate: 1}, {Rate: chaos.MaxRate + 1, For: time.Second}} {
			if _, err := wrong.Run(context.Background(), tree); err == nil {
				t.Errorf("%+v was accepted", wrong)
			}
		}
		if err := tree.Stop(context.Background()); err != nil {
			t.Error(err)
		}
		if n := len(unread); n != 0 {
			t.Errorf("somebody read %d notes", n)
		}
	})
}
