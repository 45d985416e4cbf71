package actorstest

import (
	"time"

	"github.com/waymeet/waymeet/supervision"
)

// Cell is a row of the kill matrix: a kind of actor, and the message that it
// handles; no message: its life begins or ends.
type Cell struct{ Actor, Message string }

// Hunt kills every kind of actor wherever it was killed seldom so far: in every
// run once at each point, in every other run at those before something happens,
// in the rest at those after it.
type Hunt struct {
	deaths map[Cell]map[supervision.Phase]int
	// done are the points of this run; phases those that it kills in.
	done   map[Cell]map[supervision.Phase]bool
	phases map[supervision.Phase]bool
	ending map[ending]bool
}

// ending is a life that is asked to stop: what it does then it does at its end.
type ending struct {
	node string
	life supervision.Incarnation
}

// NewHunt is a hunt that has killed nobody yet.
func NewHunt() *Hunt { return &Hunt{deaths: map[Cell]map[supervision.Phase]int{}} }

// hunted is how long actors are killed in one run.
const hunted = 3 * time.Minute

var (
	beforehand = map[supervision.Phase]bool{supervision.Starting: true, supervision.BeforeMessage: true, supervision.Stopping: true}
	afterwards = map[supervision.Phase]bool{supervision.Acknowledging: true, supervision.AfterMessage: true, supervision.AfterEffect: true}
)

// Run runs the nodes of a seed once, and says what went wrong.
func (h *Hunt) Run(seed uint64) []string {
	h.done, h.phases, h.ending = map[Cell]map[supervision.Phase]bool{}, beforehand, map[ending]bool{}
	if seed%2 == 0 {
		h.phases = afterwards
	}
	r := newRun(seed, h, false)
	for r.since() < hunted {
		r.blow()
		r.pass(slice)
	}
	h.phases = nil
	r.settle()
	r.end()
	return r.world.Faults()
}

// Deaths counts how often somebody died there.
func (h *Hunt) Deaths(cell Cell, phase supervision.Phase) int { return h.deaths[cell][phase] }

// At implements Chaos.
func (h *Hunt) At(node string, p supervision.Point) bool {
	cell, life := Cell{kindOf(p.Path), p.Message}, ending{node, p.Incarnation}
	switch {
	case p.Phase == supervision.Stopping:
		h.ending[life] = true
	case p.Phase == supervision.AfterEffect && !h.ending[life]:
		return false
	case p.Phase == supervision.AfterEffect:
		cell.Message = ""
	}
	if !h.phases[p.Phase] || h.done[cell][p.Phase] {
		return false
	}
	if h.done[cell] == nil {
		h.done[cell] = map[supervision.Phase]bool{}
	}
	if h.deaths[cell] == nil {
		h.deaths[cell] = map[supervision.Phase]int{}
	}
	h.done[cell][p.Phase] = true
	h.deaths[cell][p.Phase]++
	return true
}
