package journal

import (
	"maps"
	"slices"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

// An author who forks is found out by those who hold both branches. Each of
// them appends one proof, so that those who hold one branch alone learn of it
// (SPEC 3.1: "a fork is proof of equivocation (keep both, expose it)").

// unproven are two facts of one seq of an author against whom no proof is held.
// One is enough for an author: who has forked once is not to be trusted, however
// often it does so.
func (s *set) unproven() []*entry {
	s.settle()
	var first []*entry
	for author, c := range s.chains {
		if c.own || len(c.forks) == 0 || s.fold.equivocated[author] > 0 || s.keyOf(author).IsZero() {
			continue
		}
		if first == nil || author.Compare(first[0].author()) < 0 {
			at := c.at(c.forks[0])
			first = c.entries[at : at+2]
		}
	}
	return first
}

// accuse appends the proof that two of the facts give.
func (j *Journal) accuse(now messages.Millis, facts map[messages.FactID]messages.Fact, keys membership.Keys, b *batch) {
	fork := j.set.unproven()
	if len(fork) == 0 {
		return
	}
	one, here := facts[fork[0].id]
	other, hereToo := facts[fork[1].id]
	if !here || !hereToo {
		return
	}
	proof, err := messages.NewEquivocation(j.set.keyOf(fork[0].author()), one, other)
	if err != nil {
		panic("journal: two facts that were admitted: " + err.Error())
	}
	d := draftOf(proof)
	d.alone = true // who lacks one of the branches is to read it, too
	if _, err := j.append(now, d, keys, b); err != nil {
		panic("journal: " + err.Error())
	}
}

// convict takes a proof into the fold. It proves itself; what is left to see is
// whether it is about a member of this context.
func (f *fold) convict(s *set, e *entry, proof messages.Equivocation) {
	author, context, seq := proof.Subject()
	if context != s.context || s.keyOf(author).IsZero() {
		return
	}
	if known, here := f.equivocated[author]; !here || seq < known {
		f.equivocated[author] = seq
	}
}

// keyOf is the key of an authority that is or was a member; zero: none is.
func (s *set) keyOf(author messages.AuthorityID) messages.PublicKey {
	for at := len(s.epochs.opened) - 1; at >= 0; at-- {
		if member, found := s.epochs.opened[at].roster.Member(author); found {
			return member.PublicKey
		}
	}
	return messages.PublicKey{}
}

// equivocations are the authors who have forked, with the first seq at which
// they did: those against whom a proof is held, and those whose branches are.
func (s *set) equivocations() map[messages.AuthorityID]messages.Seq {
	forked := maps.Clone(s.fold.equivocated)
	for author, c := range s.chains {
		if len(c.forks) == 0 {
			continue
		}
		if proved, known := forked[author]; !known || c.forks[0] < proved {
			forked[author] = c.forks[0]
		}
	}
	return forked
}

// tellForks tells the host of authors who have forked, once in the life of this
// journal, and not of those who had when it was loaded.
func (j *Journal) tellForks(equivocated map[messages.AuthorityID]messages.Seq) []Effect {
	var effects []Effect
	first := j.told == nil
	if first {
		j.told = map[messages.AuthorityID]bool{}
	}
	for _, author := range slices.SortedFunc(maps.Keys(equivocated), messages.AuthorityID.Compare) {
		if !first && !j.told[author] {
			effects = append(effects, Forked{Author: author, Seq: equivocated[author]})
		}
		j.told[author] = true
	}
	return effects
}
