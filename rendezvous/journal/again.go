package journal

import (
	"fmt"
	"slices"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

// leftOut is what cuts have left out of our own facts.
type leftOut struct {
	facts []*entry
	// known: the facts are as the entries say.
	known bool
}

// forget has the facts looked for anew: entries have changed what they say of them.
func (l *leftOut) forget() { *l = leftOut{} }

// unsaid are our facts beyond a cut that were not appended again yet. Our own
// epoch ops are not among them: one that did not become the next epoch is void.
//
// SPEC 3.4: "An author in the roster that sees own facts beyond a cut appends
// them again in the new epoch at once (same body, field `again` = old FactID,
// reduced once), so that nothing acknowledged is lost".
func (s *set) unsaid() []*entry {
	own := s.chains[s.ring.identity.Authority()]
	if own == nil || len(s.epochs.timeline) == 1 {
		return nil
	}
	s.settle()
	if !s.leftOut.known {
		s.leftOut = leftOut{known: true}
		for _, e := range own.entries {
			_, isOp := e.body().(messages.EpochOp)
			if s.isClosed(e) && !isOp && !s.counts(e) && !s.isRepeatedBy(e, own) {
				s.leftOut.facts = append(s.leftOut.facts, e)
			}
		}
	}
	return s.leftOut.facts
}

// isRepeatedBy reports whether a fact of the chain says the entry again.
func (s *set) isRepeatedBy(e *entry, c *chain) bool {
	return slices.ContainsFunc(s.again[e.id], func(again *entry) bool { return again.chain() == c })
}

// appendAgain seals those of the facts that are left out under the keys of the
// open epoch.
func (j *Journal) appendAgain(now messages.Millis, facts map[messages.FactID]messages.Fact, keys membership.Keys, b *batch) {
	for _, e := range j.set.unsaid() {
		fact, here := facts[e.id]
		if !here {
			continue
		}
		plaintext, err := j.set.ring.open(fact)
		if err != nil {
			panic(fmt.Sprintf("journal: our own fact %s: %v", e.id.Short(), err))
		}
		d := draft{kind: fact.Header.Type, schema: fact.Header.Schema, plaintext: plaintext, again: e.id}
		if _, err := j.append(now, d, keys, b); err != nil {
			panic("journal: " + err.Error())
		}
	}
}
