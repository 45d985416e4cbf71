package actorstest

import (
	"math/rand/v2"

	"github.com/waymeet/waymeet/supervision"
)

// place is a point as a plan names it.
type place struct {
	node, path, message string
	phase               supervision.Phase
}

// passages counts how often every place was passed.
type passages map[place]int

func (c passages) pass(node string, p supervision.Point) (place, int) {
	at := place{node, p.Path, p.Message, p.Phase}
	c[at]++
	return at, c[at]
}

// odds are how probable a death is at a point of each phase, in a storm of
// strength one. Lives begin and end seldom, so it is more probable there.
var odds = map[supervision.Phase]float64{
	supervision.Starting: 0.05, supervision.Acknowledging: 0.05, supervision.Stopping: 0.2,
	supervision.BeforeMessage: 0.02, supervision.AfterMessage: 0.02,
	supervision.BeforeEffect: 0.02, supervision.AfterEffect: 0.02,
}

// storm kills at random, while it blows, and notes whom.
type storm struct {
	rng      *rand.Rand
	passages passages
	strength float64 // zero: it does not blow
	kills    []Kill
}

func newStorm(seed uint64) *storm {
	return &storm{rng: rand.New(rand.NewPCG(seed, 0x73746f726d)), passages: passages{}}
}

// At implements Chaos.
func (s *storm) At(node string, p supervision.Point) bool {
	at, count := s.passages.pass(node, p)
	if s.strength == 0 || s.rng.Float64() >= s.strength*odds[p.Phase] {
		return false
	}
	s.kills = append(s.kills, Kill{Node: node, Path: at.path, Phase: at.phase, Message: at.message, Count: count})
	return true
}

// following kills whom a plan names.
type following struct {
	passages passages
	due      map[place]map[int]bool
	killed   int
}

func follow(plan Plan) *following {
	f := &following{passages: passages{}, due: map[place]map[int]bool{}}
	for _, k := range plan.Kills {
		if k.Path == "" || k.Phase == supervision.Idle {
			continue
		}
		at := place{k.Node, k.Path, k.Message, k.Phase}
		if f.due[at] == nil {
			f.due[at] = map[int]bool{}
		}
		f.due[at][k.Count] = true
	}
	return f
}

// At implements Chaos.
func (f *following) At(node string, p supervision.Point) bool {
	at, count := f.passages.pass(node, p)
	if !f.due[at][count] {
		return false
	}
	f.killed++
	return true
}
