package journal

import (
	"fmt"
	"slices"

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
		charged, reason = j.book.charge(c.Charges, j.set.open().number, now)
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
	b.put(j.done.remember(c.Operation, now, facts)...)
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
		case kind == messages.FactContextFounded || kind == messages.FactMemberAdded:
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

func isApplication(fact messages.RendezvousFact) bool {
	_, ok := fact.(messages.ApplicationFact)
	return ok
}

// addMember makes a member of an authority and advances the epoch. The fact of
// the op carries the epoch that it closes (SPEC 2.3).
func (j *Journal) addMember(now messages.Millis, e messages.AddMember, b *batch) {
	fail := func(reason string) { b.reply(Reply{Operation: e.Operation, Refusal: reason}) }
	member := membership.Member{PublicKey: e.Member, Role: e.Role}
	if j.set.open().roster.Has(member.Authority()) {
		j.welcome(e, j.done.results[e.Operation].Facts, b)
		return
	}
	keys, reason := j.ownKeys()
	if reason != "" {
		fail(reason)
		return
	}
	secret, err := membership.NewSecret(j.config.Random)
	if err != nil {
		panic("journal: " + err.Error())
	}
	state := membership.State{
		Founder:  j.set.founded.Founder.Authority(),
		Finality: j.set.founded.Finality,
		Roster:   j.set.open().roster,
		Keys:     keys,
	}
	op, err := membership.AddMember(j.config.Identity.Authority(), state, member, secret, j.cut())
	if err != nil {
		fail(err.Error())
		return
	}
	d := draftOf(op)
	if len(d.plaintext) > messages.MaxPlaintext {
		fail(fmt.Sprintf("the op has %d bytes, at most %d: the context has too many members", len(d.plaintext), messages.MaxPlaintext))
		return
	}
	id, err := j.append(now, d, keys, b)
	if err != nil {
		panic("journal: " + err.Error())
	}
	facts := []messages.FactID{id}
	b.put(j.done.remember(e.Operation, now, facts)...)
	j.welcome(e, facts, b)
}

// welcome answers an AddMember with what the member needs to come in.
func (j *Journal) welcome(e messages.AddMember, facts []messages.FactID, b *batch) {
	open := j.set.open()
	var earlier []membership.EpochKey
	for _, state := range j.set.timeline[:open.number] {
		earlier = append(earlier, j.set.ring.payloads[j.set.ring.names[state.id]])
	}
	keys := j.set.ring.keys[open.id]
	welcome, err := membership.NewWelcome(j.set.founded, keys, open.change, earlier, e.Member.Authority())
	if err != nil {
		b.reply(Reply{Operation: e.Operation, Refusal: err.Error()})
		return
	}
	b.reply(Reply{Operation: e.Operation, Facts: facts, Welcome: &welcome})
}

// cut is, per author, the last fact that we hold.
func (j *Journal) cut() []messages.CutEntry {
	var cut []messages.CutEntry
	for author, c := range j.set.chains {
		if c.head != nil {
			cut = append(cut, messages.CutEntry{Author: author, Seq: c.head.seq, Fact: c.head.id})
		}
	}
	slices.SortFunc(cut, func(a, b messages.CutEntry) int { return a.Author.Compare(b.Author) })
	return cut
}
