package actorstest

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/waymeet/waymeet/rendezvous/rendezvoustest"
	"github.com/waymeet/waymeet/supervision"
)

// Times of a run.
const (
	// slice is how often it is looked whether a timed kill is due, and how the
	// weather is.
	slice = 200 * time.Millisecond
	// longestStorm bounds a storm that does not find enough to kill.
	longestStorm = 20 * time.Minute
	// longestCalm is how long all may take to become well again: as long as a
	// silent line lives, a round of anti-entropy and the patience of a host,
	// each twice.
	longestCalm = 8 * time.Minute
	// underWay is how long a fact may be at most: as long as a line lives whose
	// peer has gone, and then a round of anti-entropy (SPEC 13.2).
	underWay = 160 * time.Second
	// look is how often it is looked whether all is well.
	look = 5 * time.Second
)

// Result is how a run ended.
type Result struct {
	// Plan is who died.
	Plan Plan
	// Faults are what never may happen, and has; empty: all ended well.
	Faults []string
	// Trace is the hash over all that the actors have done in Steps steps, the
	// storm lasted Plan.Storm, and the calm after it took Calm.
	Trace uint64
	Steps uint64
	Calm  time.Duration
	// Log is what the nodes said, if it was asked for.
	Log []string
}

// run is one life of several nodes.
type run struct {
	stage *stage
	world *rendezvoustest.World
	names []string
	gates []string
	// sky is where the weather comes from.
	sky *rand.Rand
}

func newRun(seed uint64, chaos Chaos, logs bool) *run {
	stage := newStage(seed, rendezvoustest.Beginning, chaos)
	r := &run{stage: stage, world: rendezvoustest.NewOn(stage, seed), sky: rand.New(rand.NewPCG(seed, 0x736b79))}
	stage.world = r.world
	if !logs {
		r.world.Silence()
	}
	r.build()
	return r
}

// build makes relays, NATs and nodes, other ones for every seed.
func (r *run) build() {
	relays := 1 + r.sky.IntN(2)
	for i := range relays {
		r.do("relay r%d", i+1)
	}
	kinds := []string{"eif", "adf", "apdf", "adm", "sym"}
	for _, name := range []string{"alice", "bob", "carol"}[:2+r.sky.IntN(2)] {
		where := ""
		switch r.sky.IntN(5) {
		case 0, 1, 2:
			gate := "gate-" + name
			r.do("nat %s %s", gate, kinds[r.sky.IntN(len(kinds))])
			r.gates = append(r.gates, gate)
			where = " nat=" + gate
		case 3:
			if len(r.gates) > 0 {
				where = " nat=" + r.gates[r.sky.IntN(len(r.gates))]
			}
		}
		r.do("node %s relay=r%d%s", name, 1+r.sky.IntN(relays), where)
		r.names = append(r.names, name)
	}
	r.world.Errands()
}

// do runs a command of scripts.
func (r *run) do(format string, values ...any) {
	if err := r.world.Do(fmt.Sprintf(format, values...)); err != nil {
		panic("actorstest: " + err.Error()) // the run makes commands that exist
	}
}

// pass lets the time pass, and starts processes again that could not start.
func (r *run) pass(d time.Duration) {
	r.stage.Pass(d, func() bool { return false })
	for _, name := range r.names {
		t := r.stage.running(name)
		if t == nil || !closed(t.tree.Done()) {
			continue
		}
		if closed(t.tree.Up()) {
			r.world.Fault("%s: the tree ended by itself: %v", name, t.tree.Err())
		}
		r.do("restart %s", name)
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func (r *run) since() time.Duration { return r.stage.Now().Sub(rendezvoustest.Beginning) }

// blow changes the network now and then: loss, cuts, other addresses, NATs and
// relays that start again.
func (r *run) blow() {
	if r.sky.IntN(25) != 0 {
		return
	}
	who, other := r.someone(), r.someone()
	switch r.sky.IntN(9) {
	case 0, 1:
		r.do("weather %.2f %.2f %dms", 0.3*r.sky.Float64()*r.sky.Float64(), 0.1*r.sky.Float64(), r.sky.IntN(60))
	case 2:
		r.do("network-change %s", who)
	case 3:
		if len(r.gates) > 0 {
			r.do("forget %s", r.gates[r.sky.IntN(len(r.gates))])
		}
	case 4:
		r.do("cut %s %s direct", who, other)
	case 5:
		r.do("cut %s %s", who, other)
	case 6:
		r.do("heal")
	case 7:
		r.do("restart r1")
	case 8:
		r.do("stray %s", who)
	}
}

func (r *run) someone() string { return r.names[r.sky.IntN(len(r.names))] }

// strike does a timed kill; it reports whether there was anybody to kill.
func (r *run) strike(k Kill) bool {
	if k.Path == "" {
		r.do("restart %s", k.Node)
		return true
	}
	t := r.stage.running(k.Node)
	return t != nil && t.tree.Kill(k.Path) > 0
}

// settle gives the nodes a calm until all is well, tries the channels once more,
// and ends everything.
func (r *run) settle() (calm time.Duration) {
	began := r.since()
	r.do("heal")
	r.do("weather 0 0 0s")
	r.world.Rest()
	r.pass(look)
	for len(r.world.Unsettled()) > 0 && r.since()-began < longestCalm {
		r.pass(look)
	}
	calm = r.since() - began
	r.world.Errands()
	r.pass(look)
	r.world.Rest()
	r.pass(underWay)
	r.world.CheckDisks()
	for _, open := range r.world.Unsettled() {
		r.world.Fault("in the end, %s", open)
	}
	return calm
}

// end ends all processes, and clears away what is left of them.
func (r *run) end() {
	for _, name := range r.names {
		r.do("halt %s", name)
	}
	r.pass(time.Minute)
	for _, t := range r.stage.trees {
		if !closed(t.tree.Done()) {
			r.world.Fault("%s: the tree did not stop", t.node)
		}
	}
}

// running is the tree of a node's process; nil: it is off.
func (s *stage) running(node string) *nodeTree {
	for i := len(s.trees) - 1; i >= 0; i-- {
		if t := s.trees[i]; t.node == node {
			if t.halted {
				return nil
			}
			return t
		}
	}
	return nil
}

func (r *run) result(plan Plan, calm time.Duration) Result {
	return Result{
		Plan: plan, Faults: r.world.Faults(), Trace: r.stage.trace.sum, Steps: r.stage.Steps(), Calm: calm, Log: r.world.Log(),
	}
}

// Storm runs nodes through a storm that kills so many, then through the calm.
func Storm(seed uint64, kills int, logs bool) Result {
	s := newStorm(seed)
	r := newRun(seed, s, logs)
	for len(s.kills) < kills && r.since() < longestStorm {
		if r.since()%(10*time.Second) < slice {
			s.strength = []float64{0, 0.5, 1, 2, 3}[s.rng.IntN(5)]
		}
		r.blow()
		if k, ok := s.timed(r); ok && r.strike(k) {
			s.kills = append(s.kills, k)
		}
		r.pass(slice)
	}
	s.strength = 0
	plan := Plan{Seed: seed, Storm: r.since(), Kills: s.kills}
	calm := r.settle()
	r.end()
	return r.result(plan, calm)
}

// timed draws a kill of somebody who is idle, or of a process.
func (s *storm) timed(r *run) (Kill, bool) {
	node := r.names[s.rng.IntN(len(r.names))]
	switch draw := s.rng.IntN(100); {
	case draw == 0:
		return Kill{Node: node, At: r.since()}, true
	case draw < 50:
		all := r.stage.running(node).tree.Inspect()
		if len(all) > 0 {
			return Kill{Node: node, Path: all[s.rng.IntN(len(all))].Path, Phase: supervision.Idle, At: r.since()}, true
		}
	}
	return Kill{}, false
}

// Play runs nodes through the storm of a plan, then through the calm. Something
// may be broken on purpose.
func Play(plan Plan, defect Defect, logs bool) Result {
	f := follow(plan)
	r := newRun(plan.Seed, f, logs)
	r.world.Plant(defect)
	timed := plan.timed()
	for r.since() < plan.Storm {
		r.blow()
		for len(timed) > 0 && timed[0].At <= r.since() {
			r.strike(timed[0])
			timed = timed[1:]
		}
		r.pass(slice)
	}
	calm := r.settle()
	r.end()
	return r.result(plan, calm)
}

// timed are the kills that are due at a time, in order.
func (p Plan) timed() []Kill {
	var timed []Kill
	for _, k := range p.Kills {
		if k.Path == "" || k.Phase == supervision.Idle {
			timed = append(timed, k)
		}
	}
	return timed
}
