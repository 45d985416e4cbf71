package journal

import (
	"bytes"
	"maps"
	"slices"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// Bounds of what is kept aside, in facts: those of a sender that are pending, and those
// of an author in quarantine. What does not fit is dropped: its sender still has it,
// and the next sync offers it again.
const (
	maxPending     = 512
	maxQuarantined = 128
)

// aside holds facts that are not admitted yet and may be later: in memory
// alone, neither acknowledged nor counted (SPEC 3.4).
type aside struct {
	// pending are facts of unknown epochs, in order of arrival, per sender.
	pending map[messages.AuthorityID][]waitingFact
	// quarantine holds facts ahead of our clock, by id; quarantined is how many an
	// author has in it.
	quarantine  map[messages.FactID]waitingFact
	quarantined map[messages.AuthorityID]int
}

type waitingFact struct {
	id     messages.FactID
	author messages.AuthorityID
	raw    []byte
	// due is when the quarantine of a fact ends.
	due messages.Millis
}

func newAside() *aside {
	return &aside{
		pending:     map[messages.AuthorityID][]waitingFact{},
		quarantine:  map[messages.FactID]waitingFact{},
		quarantined: map[messages.AuthorityID]int{},
	}
}

// await puts a fact aside that waits. It reports whether the fact is new here.
//
// SPEC 3.4: "Epoch not known yet: pending until its op arrives …, bounded per
// *sending* peer".
func (a *aside) await(by check, c *candidate) bool {
	waiting, from := waitingFact{id: c.id, author: c.fact.Header.Author, raw: c.raw}, c.from
	if by == clockCheck {
		if _, known := a.quarantine[waiting.id]; known || a.quarantined[waiting.author] >= maxQuarantined {
			return false
		}
		waiting.due = c.fact.Header.HLC.Millis().Add(-maxAhead)
		a.quarantine[waiting.id] = waiting
		a.quarantined[waiting.author]++
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
	for _, id := range slices.SortedFunc(maps.Keys(a.quarantine), messages.FactID.Compare) {
		if waiting := a.quarantine[id]; waiting.due <= now {
			facts = append(facts, candidate{raw: waiting.raw})
			delete(a.quarantine, id)
			if a.quarantined[waiting.author]--; a.quarantined[waiting.author] == 0 {
				delete(a.quarantined, waiting.author)
			}
		}
	}
	return facts
}

// due is when the next quarantined fact's hour comes; zero: none.
func (a *aside) due() time.Time {
	var first messages.Millis
	for _, waiting := range a.quarantine {
		if first == 0 || waiting.due < first {
			first = waiting.due
		}
	}
	if first == 0 {
		return time.Time{}
	}
	return first.Time()
}
