package journal

import (
	"fmt"
	"slices"

	"github.com/waymeet/waymeet/messages"
)

// againAtOnce bounds how many facts are appended again in one batch.
const againAtOnce = 128

// findAgain asks the store for facts of ours that a cut has left out.
//
// SPEC 3.4: "An author in the roster that sees own facts beyond a cut appends
// them again in the new epoch at once (same body, field `again` = old FactID,
// reduced once), so that nothing acknowledged is lost".
func (j *Journal) findAgain() []Effect {
	if j.again || j.flight != nil || j.failed != "" {
		return nil
	}
	facts := j.set.leftOut()
	if len(facts) == 0 {
		return nil
	}
	if _, reason := j.ownKeys(); reason != "" {
		return nil
	}
	j.again = true
	var places []messages.FactPlace
	for _, e := range facts[:min(len(facts), againAtOnce)] {
		places = append(places, messages.FactPlace{Place: e.place, Fact: e.id})
	}
	return []Effect{ReadFacts{Facts: places}}
}

// leftOut are our facts beyond a cut that were not appended again yet. Our own
// epoch ops are not among them: one that did not become the next epoch is void.
func (s *Set) leftOut() []*entry {
	own := s.chains[s.ring.identity.Authority()]
	if own == nil || len(s.timeline) == 1 {
		return nil
	}
	s.settle()
	if !s.sifted {
		s.sifted, s.loose = true, nil
		for _, e := range own.entries {
			_, isOp := e.body().(messages.EpochOp)
			if s.isClosed(e) && !isOp && !s.counts(e) && !s.isRepeatedBy(e, own) {
				s.loose = append(s.loose, e)
			}
		}
	}
	return s.loose
}

// isRepeatedBy reports whether a fact of the chain says the entry again.
func (s *Set) isRepeatedBy(e *entry, c *chain) bool {
	return slices.ContainsFunc(s.again[e.id], func(again *entry) bool { return again.chain() == c })
}

// appendAgain seals the facts that were read under the keys of the open epoch.
func (j *Journal) appendAgain(now messages.Millis, read messages.FactsRead, b *batch) {
	j.again = false
	keys, reason := j.ownKeys()
	if reason != "" {
		return
	}
	due := map[messages.FactID]bool{}
	for _, e := range j.set.leftOut() {
		due[e.id] = true
	}
	for _, raw := range read.Facts {
		fact, err := messages.ParseFact(raw)
		if err != nil || !due[fact.ID()] {
			continue
		}
		plaintext, err := j.set.ring.open(fact)
		if err != nil {
			panic(fmt.Sprintf("journal: our own fact %s: %v", fact.ID().Short(), err))
		}
		d := draft{kind: fact.Header.Type, schema: fact.Header.Schema, plaintext: plaintext, again: fact.ID()}
		if _, err := j.append(now, d, keys, b); err != nil {
			panic("journal: " + err.Error())
		}
	}
}
