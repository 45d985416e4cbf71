package actorstest_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/waymeet/waymeet/actors/actorstest"
)

// regressions is where the plans are that once ended badly.
const regressions = "../../testdata/chaos"

// What once ended badly ends well.
func TestRegressions(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(regressions, "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no plans: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		plan, err := actorstest.ParsePlan(string(text))
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, fault := range play(t, plan, actorstest.NoDefect).Faults {
			t.Errorf("%s: %s", file, fault)
		}
	}
}

// A plan that is written down and read again leads to the run that it was taken
// from.
func TestPlanRepeatsItsStorm(t *testing.T) {
	for seed := uint64(1); seed <= 3; seed++ {
		r := storm(t, seed)
		plan, err := actorstest.ParsePlan(r.Plan.String())
		if err != nil {
			t.Fatal(err)
		}
		if again := play(t, plan, actorstest.NoDefect); again.Trace != r.Trace || again.Steps != r.Steps {
			t.Errorf("seed %d: %d steps with the trace %x, and %d with %x", seed, r.Steps, r.Trace, again.Steps, again.Trace)
		}
	}
}

// Whatever is broken on purpose is found, and shrunk to one kill of a thousand, or
// two: one that does the harm, and one without which nobody would notice.
func TestDefectsAreFoundAndShrunk(t *testing.T) {
	defects := []struct {
		defect actorstest.Defect
		words  string
		kills  int
	}{
		{actorstest.ForgetBudgets, "came after", 2},
		{actorstest.AcknowledgeEarly, "is lost", 2},
		{actorstest.ChargeAgain, "spent", 2},
		{actorstest.RepeatBytes, "number", 0},
	}
	if testing.Short() {
		defects = defects[:1]
	}
	for _, d := range defects {
		fails := func(p actorstest.Plan) bool {
			return slices.ContainsFunc(play(t, p, d.defect).Faults, func(fault string) bool { return strings.Contains(fault, d.words) })
		}
		var shrunk actorstest.Plan
		tried := 0
		for seed := uint64(1); seed <= 10 && tried < shrinkStorms; seed++ {
			plan := storm(t, seed).Plan
			if !fails(plan) {
				continue
			}
			tried++
			shrunk = actorstest.Shrink(plan, plays, fails)
			t.Logf("defect %d: %d kills of %d are enough:\n%s", d.defect, len(shrunk.Kills), len(plan.Kills), shrunk)
			if len(shrunk.Kills) <= d.kills {
				break
			}
		}
		if tried == 0 || len(shrunk.Kills) > d.kills || !fails(shrunk) {
			t.Errorf("defect %d: found in %d storms, %d kills are left, want at most %d that lead to the same", d.defect, tried, len(shrunk.Kills), d.kills)
		}
	}
}

// shrinkStorms is how many storms that show a defect are shrunk: a storm in which
// several deaths together bring it about may end with all of them.
const shrinkStorms = 3

// Shrink finds the two kills that matter among many.
func TestShrinkFindsWhatMatters(t *testing.T) {
	var plan actorstest.Plan
	for i := range 200 {
		plan.Kills = append(plan.Kills, actorstest.Kill{Node: "alice", Path: "/network", Count: i})
	}
	matters := func(p actorstest.Plan) bool {
		return slices.Contains(p.Kills, plan.Kills[17]) && slices.Contains(p.Kills, plan.Kills[150])
	}
	tried := 0
	shrunk := actorstest.Shrink(plan, 1000, func(p actorstest.Plan) bool { tried++; return matters(p) })
	if len(shrunk.Kills) != 2 || !matters(shrunk) {
		t.Errorf("%d kills are left:\n%s", len(shrunk.Kills), shrunk)
	}
	if tried > 200 {
		t.Errorf("%d plans were played", tried)
	}
}

func TestParsePlanRefuses(t *testing.T) {
	for text, words := range map[string]string{
		"seed one":                             "line 1",
		"seed 1\nkill alice /a in-between x 1": `line 2: there is no phase "in-between"`,
		"dance":                                "neither seed",
	} {
		if _, err := actorstest.ParsePlan(text); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%q: %v, want %s", text, err, words)
		}
	}
}
