package actors_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/waymeet/waymeet/actors"
	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/supervision"
)

// ratchet watches what a kill must never turn back: generations, cycles, the
// budget of a cycle, what was spent. It looks at every step of a pair's actor,
// so that what a new life saves first is seen too.
type ratchet struct {
	mu    sync.Mutex
	nodes [2]*actors.Node
	last  [2]messages.PeerStatus
	steps int
	fault string
}

// node tells whose status belongs to a number; until then nothing is watched.
func (r *ratchet) node(i int, n *actors.Node) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.nodes[i] = n
}

// watch looks after every effect of a pair's actor.
func (r *ratchet) watch(i int, p supervision.Point) {
	if actorKind(p.Path) != "pair" || p.Phase != supervision.AfterEffect {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.nodes[i] != nil && r.fault == "" {
		r.look(i)
	}
}

func (r *ratchet) look(i int) {
	status := r.nodes[i].Status()
	if len(status.Peers) != 1 {
		return
	}
	was, is := r.last[i], status.Peers[0]
	r.last[i] = is
	r.steps++
	switch {
	case is.Cycles < was.Cycles:
		r.fault = fmt.Sprintf("cycle %d came after cycle %d", is.Cycles, was.Cycles)
	case is.Cycles == was.Cycles && is.Attempts.Used < was.Attempts.Used:
		r.fault = fmt.Sprintf("attempts %v came after %v in one cycle: the budget was refilled", is.Attempts, was.Attempts)
	case was.CandidateGeneration.After(is.CandidateGeneration):
		r.fault = fmt.Sprintf("candidate generation %d came after %d", is.CandidateGeneration, was.CandidateGeneration)
	case is.Budget.Spent < was.Budget.Spent:
		r.fault = fmt.Sprintf("spent %d came after spent %d", is.Budget.Spent, was.Budget.Spent)
	}
}

// check reports what was turned back, and a price that was paid too often: one
// call and one answer, and as much again where the channel died with its actor.
func (r *ratchet) check(t *testing.T) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fault != "" {
		t.Error(r.fault)
	}
	if r.steps == 0 {
		t.Error("no step of a pair was watched")
	}
	for _, n := range r.nodes {
		spent := n.Status().Peers[0].Budget.Spent
		if spent == 0 || spent > 4*messages.CostConnectRelay {
			t.Errorf("spent %d for one channel", spent)
		}
	}
}
