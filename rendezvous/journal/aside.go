package journal

import (
	"bytes"
	"maps"
	"slices"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// Bounds of what is kept aside, in facts: pending ones of a sender, early ones
// of an author. What does not fit is dropped: its sender still has it, and the
// next sync offers it again.
const (
	maxPending = 512
	maxEarly   = 128
)

// aside holds facts that are not admitted yet and may be later: in memory
// alone, neither acknowledged nor counted (SPEC 3.4).
type aside struct {
	// pending are facts of unknown epochs, in order of arrival, per sender.
	pending map[messages.AuthorityID][]waitingFact
	// early are facts ahead of our clock, by id; crowds are how many an author
	// has among them.
	early  map[messages.FactID]waitingFact
	crowds map[messages.AuthorityID]int
}

type waitingFact struct {
	id     messages.FactID
	author messages.AuthorityID
	raw    []byte
	// due is when an early fact is no longer too early.
	due messages.Millis
}

func newAside() *aside {
	return &aside{
		pending: map[messages.AuthorityID][]waitingFact{},
		early:   map[messages.FactID]waitingFact{},
		crowds:  map[messages.AuthorityID]int{},
	}
}

// keep puts a fact aside that waits. It reports whether the fact is new here.
//
// SPEC 3.4: "Epoch not known yet: pending until its op arrives …, bounded per
// *sending* peer".
func (a *aside) keep(by check, c *candidate) bool {
	waiting, from := waitingFact{id: c.id, author: c.fact.Header.Author, raw: c.raw}, c.from
	if by == clockCheck {
		if _, known := a.early[waiting.id]; known || a.crowds[waiting.author] >= maxEarly {
			return false
		}
		waiting.due = c.fact.Header.HLC.Millis().Add(-maxAhead)
		a.early[waiting.id] = waiting
		a.crowds[waiting.author]++
		return true
	}
	// The id says nothing of the signature: until there is a roster to check it
	// against, a forged copy and the fact itself both wait.
	for _, known := range a.pending[from] {
		if known.id == waiting.id && bytes.Equal(known.raw, waiting.raw) {
			return false
		}
	}
	if len(a.pending[from]) >= maxPending {
		return false
	}
	a.pending[from] = append(a.pending[from], waiting)
	return true
}

// takePending empties the pending facts: an epoch has become known.
func (a *aside) takePending() []candidate {
	var facts []candidate
	for _, from := range slices.SortedFunc(maps.Keys(a.pending), messages.AuthorityID.Compare) {
		for _, waiting := range a.pending[from] {
			facts = append(facts, candidate{from: from, raw: waiting.raw})
		}
	}
	clear(a.pending)
	return facts
}

// takeDue takes the quarantined facts whose hour has come.
func (a *aside) takeDue(now messages.Millis) []candidate {
	var facts []candidate
	for _, id := range slices.SortedFunc(maps.Keys(a.early), messages.FactID.Compare) {
		if waiting := a.early[id]; waiting.due <= now {
			facts = append(facts, candidate{raw: waiting.raw})
			delete(a.early, id)
			if a.crowds[waiting.author]--; a.crowds[waiting.author] == 0 {
				delete(a.crowds, waiting.author)
			}
		}
	}
	return facts
}

// due is when the next quarantined fact's hour comes; zero: none.
func (a *aside) due() time.Time {
	var first messages.Millis
	for _, waiting := range a.early {
		if first == 0 || waiting.due < first {
			first = waiting.due
		}
	}
	if first == 0 {
		return time.Time{}
	}
	return first.Time()
}
