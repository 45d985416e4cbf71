package journal

import (
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// A fact is written after all that it stands on. One whose clock says otherwise is
// held, and never counts: facts travel by their clocks, and must come after what
// they stand on.
func TestClockGrowsWithWhatAFactStandsOn(t *testing.T) {
	for name, change := range map[string]func(at *messages.Chained, prev, parent messages.Fact){
		"as its prev": func(at *messages.Chained, prev, _ messages.Fact) { at.Parents, at.HLC = nil, prev.Header.HLC },
		"as a parent": func(at *messages.Chained, _, parent messages.Fact) { at.HLC = parent.Header.HLC },
		"as what it repeats": func(at *messages.Chained, _, parent messages.Fact) {
			at.Parents, at.Again, at.HLC = nil, messages.Again(parent.ID()), parent.Header.HLC
		},
		"after all": func(*messages.Chained, messages.Fact, messages.Fact) {},
	} {
		t.Run(name, func(t *testing.T) {
			f := forge(t)
			knower := f.ana.twin(8)
			parent := mustParse(knower.raw(knower.note(start.Add(time.Second), "parent")))
			f.at.HLC = messages.HLC(0).Next(messages.MillisOf(start))
			prev := f.fact()
			f.at.Seq, f.at.Prev, f.at.Parents, f.at.HLC = 2, prev.ID(), []messages.FactID{parent.ID()}, parent.Header.HLC+1
			change(&f.at, prev, parent)
			facts := []messages.Fact{prev, parent, f.fact()}
			for order := range permutations(len(facts)) {
				n := f.ana.twin(7)
				for _, at := range order {
					n.step(start.Add(time.Minute), messages.OfferFacts{Facts: [][]byte{facts[at].Append(nil)}})
				}
				if whole := n.journal.set.graph.entries[facts[2].ID()].isWhole(); whole != (name == "after all") {
					t.Errorf("in the order %v it counts: %t", order, whole)
				}
			}
		})
	}
}

// SPEC 3.1: "`seq` counts up per author from 1, `prev` is the author's last fact". One
// that follows nothing is held, and never counts.
func TestNumbersOfAChainCountUp(t *testing.T) {
	for name, test := range map[string]struct {
		change func(at *messages.Chained, other messages.Fact)
		whole  bool
	}{
		"it follows its prev":       {func(*messages.Chained, messages.Fact) {}, true},
		"it repeats its prev":       {func(at *messages.Chained, _ messages.Fact) { at.Again = messages.Again(at.Prev) }, true},
		"it follows nothing":        {func(at *messages.Chained, _ messages.Fact) { at.Prev = messages.FactID{1} }, false},
		"a number is left out":      {func(at *messages.Chained, _ messages.Fact) { at.Seq++ }, false},
		"it follows another's fact": {func(at *messages.Chained, other messages.Fact) { at.Seq, at.Prev = other.Header.Seq+1, other.ID() }, false},
	} {
		t.Run(name, func(t *testing.T) {
			f := forge(t)
			prev, other := f.fact(), mustParse(f.ana.raw(f.ana.head()))
			f.at.Seq, f.at.Prev, f.at.HLC = 2, prev.ID(), other.Header.HLC+1
			test.change(&f.at, other)
			facts := []messages.Fact{prev, f.fact()}
			for order := range permutations(len(facts)) {
				n := f.ana.twin(7)
				for _, at := range order {
					n.step(start.Add(time.Minute), messages.OfferFacts{Facts: [][]byte{facts[at].Append(nil)}})
				}
				if e := n.journal.set.graph.entries[facts[1].ID()]; e == nil || e.isWhole() != test.whole {
					t.Errorf("in the order %v it counts: %t", order, !test.whole)
				}
			}
		})
	}
}

// A fact whose parent waits for others waits with it.
func TestWhatStandsOnAnOrphanWaits(t *testing.T) {
	ana, ben, cat := trio(t)
	first, second := ben.note(start, "first"), ben.note(start, "second")
	cat.learn(start, ben)
	third := cat.note(start, "names the second")
	before := ana.view.Count
	for _, step := range []struct {
		from *node
		fact messages.FactID
		more uint64
	}{{ben, second, 0}, {cat, third, 0}, {ben, first, 3}} {
		ana.step(start, messages.OfferFacts{Facts: [][]byte{step.from.raw(step.fact)}})
		if ana.view.Count != before+step.more {
			t.Errorf("%d facts count, want %d", ana.view.Count, before+step.more)
		}
	}
}
