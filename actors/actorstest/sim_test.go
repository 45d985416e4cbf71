package actorstest_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"testing/cryptotest"
	"time"

	"github.com/waymeet/waymeet/actors/actorstest"
)

var (
	seeds = flag.Int("seeds", 0, "how many storms; 0: a sample of them")
	first = flag.Uint64("first", 1, "the seed of the first storm")
	kills = flag.Int("kills", 1000, "how many die in each storm")
)

// sample is how many storms a test plays that was not asked for more.
const sample = 30

// The same seed gives the same run, message for message; different seeds give
// different ones; and whatever dies, nothing is lost and all becomes well again.
//
// SPEC 15.3: "Killing any actor at any instant loses no acknowledged fact, no
// stream byte, no budget, no generation".
func TestStorms(t *testing.T) {
	n := *seeds
	if n == 0 {
		n = sample
	}
	if testing.Short() {
		n = min(n, sample/10)
	}
	all := tally{t: t, traces: map[string]bool{}}
	began := time.Now()
	inShards(t, "TestStormShard", all.take,
		fmt.Sprintf("-seeds=%d", n), fmt.Sprintf("-first=%d", *first), fmt.Sprintf("-kills=%d", *kills))
	took := time.Since(began)
	fmt.Printf("sim: the intensity of every supervisor and of every actor was raised to %v\n", actorstest.Intensity)
	fmt.Printf("sim: %d times a process died, %d times an actor or a supervisor that was idle, %d times one in the middle of something\n",
		all.crashes, all.idle, all.kills-all.crashes-all.idle)
	fmt.Printf("sim: %d of %d seeds gave the same trace twice, %d traces differ\n", all.same, all.seeds, len(all.traces))
	fmt.Printf("sim: seeds=%d kills=%d violations=%d seconds=%.0f\n", all.seeds, all.kills, all.violations, took.Seconds())
	if all.seeds != n || all.same != n || len(all.traces) != n || all.violations > 0 || all.kills < n**kills {
		t.Errorf("of %d storms not all ended well, with as many deaths and traces as they should", n)
	}
}

// tally adds up what the shards say.
type tally struct {
	t                                             *testing.T
	seeds, kills, crashes, idle, same, violations int
	traces                                        map[string]bool
}

// take takes one line of a shard.
func (a *tally) take(line string) {
	var seed uint64
	var died, crashed, idle int
	var trace, again string
	switch n, _ := fmt.Sscanf(line, stormLine, &seed, &died, &crashed, &idle, &trace, &again); {
	case strings.HasPrefix(line, violation):
		a.violations++
		a.t.Error(line)
		return
	case n < 6:
		return // of the test framework
	}
	a.seeds++
	a.kills += died
	a.crashes += crashed
	a.idle += idle
	a.traces[trace] = true
	if trace != again {
		a.t.Errorf("seed %d: the trace was %s, and then %s", seed, trace, again)
		return
	}
	a.same++
}

// The lines of a shard.
const (
	stormLine = "storm: seed=%d kills=%d crashes=%d idle=%d trace=%s again=%s\n"
	violation = "violation: "
)

// TestStormShard plays the storms of one process, each of them twice.
func TestStormShard(t *testing.T) {
	i, n, ok := part()
	if !ok {
		return // TestStorms starts it
	}
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	for k := i; k < *seeds; k += n {
		seed := *first + uint64(k)
		r, again := storm(t, seed), storm(t, seed)
		crashed, idle := r.Plan.Timed()
		fmt.Printf(stormLine, seed, len(r.Plan.Kills), crashed, idle, fmt.Sprintf("%016x", r.Trace), fmt.Sprintf("%016x", again.Trace))
		if len(r.Faults) > 0 {
			report(t, r)
		}
	}
}

// reseed gives the system's randomness, which HPKE draws from, a seed. The first
// use of an algorithm in a process draws some more for its self-test: one small
// storm comes before all others.
func reseed(t *testing.T, seed uint64) {
	warm.Do(func() {
		cryptotest.SetGlobalRandom(t, 0)
		actorstest.Storm(0, 10, false)
	})
	cryptotest.SetGlobalRandom(t, seed)
}

var warm sync.Once

func storm(t *testing.T, seed uint64) actorstest.Result {
	reseed(t, seed)
	return actorstest.Storm(seed, *kills, false)
}

func play(t *testing.T, plan actorstest.Plan, defect actorstest.Defect) actorstest.Result {
	reseed(t, plan.Seed)
	return actorstest.Play(plan, defect, false)
}

// plays is how often a shard plays a storm again to find the kills that matter.
const plays = 400

// report shrinks the plan of a storm that ended badly, and keeps it for good.
func report(t *testing.T, r actorstest.Result) {
	for _, fault := range r.Faults {
		fmt.Printf("%sseed %d: %s\n", violation, r.Plan.Seed, fault)
	}
	plan := actorstest.Shrink(r.Plan, plays, func(p actorstest.Plan) bool { return len(play(t, p, actorstest.NoDefect).Faults) > 0 })
	name := filepath.Join(regressions, fmt.Sprintf("seed-%d.txt", plan.Seed))
	text := fmt.Sprintf("# %s\n\n%s", strings.Join(play(t, plan, actorstest.NoDefect).Faults, "\n# "), plan)
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Error(err)
		return
	}
	fmt.Printf("%sseed %d: %d kills of %d are enough, they are in %s\n", violation, plan.Seed, len(plan.Kills), len(r.Plan.Kills), name)
}
