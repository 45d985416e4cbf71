package journal

import (
	"cmp"
	"slices"

	"github.com/waymeet/waymeet/messages"
)

// Held is a fact that the journal holds, as it stands.
type Held struct {
	messages.FactPlace
	Author messages.AuthorityID
	Seq    messages.Seq
	HLC    messages.HLC
	Epoch  messages.Epoch
	Size   int
	// Counts: it is in count and fingerprint.
	Counts bool
	// Why it does not count. Void: it is of an epoch that is none of the context's,
	// or whose roster its author is not in: ops have turned out rivals. Waits: facts
	// that it stands on are missing. Else it lies beyond the cut of its epoch.
	Void, Waits bool
}

// Survey is every fact that the journal holds, in the order of (HLC, FactID).
func (j *Journal) Survey() []Held { return j.set.survey() }

func (s *set) survey() []Held {
	s.settle()
	held := make([]Held, 0, len(s.graph.entries))
	for _, e := range s.graph.entries {
		held = append(held, Held{
			FactPlace: messages.FactPlace{Place: e.place, Fact: e.id}, Author: e.author(), Seq: e.seq, HLC: e.hlc,
			Epoch: e.epoch(), Size: int(e.size), Counts: s.counts(e), Void: !s.stands(e.tenure), Waits: !e.isWhole(),
		})
	}
	slices.SortFunc(held, func(a, b Held) int { return cmp.Or(cmp.Compare(a.HLC, b.HLC), a.Fact.Compare(b.Fact)) })
	return held
}

// waiting is how many of them wait.
func (s *set) waiting() (n int) {
	for _, c := range s.chains {
		n += c.waiting
	}
	return n
}
