package journal

import (
	"fmt"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

// commit does an operation: all of it, or nothing and a reason.
//
// SPEC 6.2: "one Store transaction {compare-and-charge, own receipt, facts}".
// SPEC 5.5: "Charging is idempotent by operation id: a crash between charge
// and send never charges twice."
func (j *Journal) commit(now messages.Millis, c messages.Commit, b *batch) {
	if done, known := j.done.results[c.Operation]; known {
		b.reply(Reply{Operation: c.Operation, Facts: done.Facts})
		return
	}
	drafts, reason := draftsOf(c.Facts)
	keys, unable := j.ownKeys()
	if len(drafts) > 0 && reason == "" {
		reason = unable
	}
	if reason == "" {
		reason = j.misplaced(c.Facts, keys)
	}
	var charged []messages.Record
	if reason == "" {
		charged, reason = j.book.charge(c.Charges, j.set.epochs.open().number, now)
	}
	if reason != "" {
		b.reply(Reply{Operation: c.Operation, Refusal: reason})
		return
	}
	b.put(charged...)
	var facts []messages.FactID
	for _, d := range drafts {
		id, err := j.append(now, d, keys, b)
		if err != nil {
			panic("journal: " + err.Error())
		}
		facts = append(facts, id)
	}
	b.put(j.done.remember(c.Operation, now, now.Add(rememberOperations), facts)...)
	b.reply(Reply{Operation: c.Operation, Facts: facts})
}

// misplaced says which descriptor was made for an epoch that has closed since:
// nobody could check its commitment under the epoch of its fact (SPEC 6.2); or
// under a number that was given meanwhile, for a publisher that died had asked for
// another one too (SPEC 4.1: "each published descriptor has a greater sequence
// and CandidateGeneration").
func (j *Journal) misplaced(facts []messages.RendezvousFact, keys membership.Keys) string {
	last := j.set.numbered
	for _, fact := range facts {
		d, ok := fact.(messages.RendezvousDescriptor)
		switch {
		case !ok:
		case d.PSKCommitment != keys.PSKCommitment(d.Nonce):
			return fmt.Sprintf("the descriptor was not made for epoch %d, which is open now", keys.Epoch)
		case d.Sequence <= last.Sequence || !d.Candidates.After(last.Candidates):
			return fmt.Sprintf("the descriptor has number %d, and the last one has %d", d.Sequence, last.Sequence)
		default:
			last = last.With(d)
		}
	}
	return ""
}

// draftsOf turns facts into drafts, or says why one of them cannot be a fact
// of ours.
func draftsOf(facts []messages.RendezvousFact) (drafts []draft, reason string) {
	for _, fact := range facts {
		kind := fact.FactType()
		switch {
		case isOwnWork(fact):
			return nil, fmt.Sprintf("%s is made by the journal alone", kind)
		case kind.IsApplication() != isApplication(fact):
			return nil, fmt.Sprintf("%s is not a type for applications", kind)
		}
		d := draftOf(fact)
		if len(d.plaintext) > messages.MaxPlaintext {
			return nil, fmt.Sprintf("%s has %d bytes, at most %d", kind, len(d.plaintext), messages.MaxPlaintext)
		}
		drafts = append(drafts, d)
	}
	return drafts, ""
}

// isOwnWork reports whether the journal alone knows what is to be in the fact.
func isOwnWork(fact messages.RendezvousFact) bool {
	switch fact.(type) {
	case messages.ContextFounded, messages.EpochOp, messages.Equivocation:
		return true
	}
	return false
}

func isApplication(fact messages.RendezvousFact) bool {
	_, ok := fact.(messages.ApplicationFact)
	return ok
}
