package journal

import (
	"fmt"

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
	facts := j.leftOut()
	if len(facts) == 0 {
		return nil
	}
	if _, reason := j.ownKeys(); reason != "" {
		return nil
	}
	j.again = true
	return []Effect{ReadFacts{Facts: facts[:min(len(facts), againAtOnce)]}}
}

// leftOut are our facts beyond a cut that were not appended again yet. Our own
// epoch ops are not among them: one that did not become the next epoch is void.
func (j *Journal) leftOut() []messages.FactID {
	own := j.set.chains[j.config.Identity.Authority()]
	if own == nil || len(j.set.timeline) == 1 {
		return nil
	}
	j.set.settle()
	repeated := map[messages.FactID]bool{}
	for _, e := range own.entries {
		repeated[messages.FactID(e.header.Again)] = true
	}
	var facts []messages.FactID
	for _, e := range own.entries {
		_, isOp := e.body.(messages.MemberAdded)
		closed := int(e.header.Epoch)+1 < len(j.set.timeline)
		if closed && !isOp && !repeated[e.id] && !j.set.counts(e) {
			facts = append(facts, e.id)
		}
	}
	return facts
}

// appendAgain seals the facts that were read under the keys of the open epoch.
func (j *Journal) appendAgain(now messages.Millis, read messages.FactsRead, b *batch) {
	j.again = false
	keys, reason := j.ownKeys()
	if reason != "" {
		return
	}
	due := map[messages.FactID]bool{}
	for _, id := range j.leftOut() {
		due[id] = true
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
