package actorstest

import (
	"math/rand/v2"
	"time"

	"github.com/waymeet/waymeet/rendezvous/rendezvoustest"
	"github.com/waymeet/waymeet/supervision"
	"github.com/waymeet/waymeet/supervision/virtual"
)

// stage is where the nodes play: one clock and one thread for their trees and
// for the wire between them. It implements rendezvoustest.Stage.
type stage struct {
	*virtual.Runtime
	world *rendezvoustest.World
	seed  uint64
	// trees are those of all processes, one after the other of each node.
	trees []*nodeTree
	chaos Chaos
	trace trace
	// hurry says how long tasks take.
	hurry *rand.Rand
}

// Chaos decides who dies; nodes have names here.
type Chaos interface {
	At(node string, p supervision.Point) bool
}

func newStage(seed uint64, start time.Time, chaos Chaos) *stage {
	return &stage{
		Runtime: virtual.New(seed, start), seed: seed, chaos: chaos,
		hurry: rand.New(rand.NewPCG(seed, 0x6875727279)),
	}
}

// After implements rendezvoustest.Clock.
func (s *stage) After(wait time.Duration, do func()) { s.AfterFunc(max(wait, 0), do) }

// Pass implements rendezvoustest.Clock.
func (s *stage) Pass(wait time.Duration, enough func() bool) bool {
	over := false
	s.AfterFunc(wait, func() { over = true })
	for !enough() {
		if over {
			return false
		}
		s.Step()
	}
	return true
}

// Tree implements rendezvoustest.Stage.
func (s *stage) Tree(node string) rendezvoustest.Tree {
	t := &nodeTree{stage: s, node: node, newest: map[string]supervision.Incarnation{}}
	s.trees = append(s.trees, t)
	return t
}

// taskTakes bounds how long a task takes.
const taskTakes = 2 * time.Millisecond

// Go implements supervision.Runtime: a task takes its time, so that its actor
// can die before the result is there.
func (s *stage) Go(work func()) {
	s.AfterFunc(time.Duration(s.hurry.Int64N(int64(taskTakes))), work)
}
