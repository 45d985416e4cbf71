package journal

import (
	"cmp"
	"slices"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous"
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

func (s *Set) survey() []Held {
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
func (s *Set) waiting() (n int) {
	for _, c := range s.chains {
		n += c.waiting
	}
	return n
}

// View is what the journal says; who drives it gets the same from Publish.
func (j *Journal) View() *rendezvous.View { return j.view() }

// Open is the plaintext of a fact's body. One that does not open was sealed wrongly
// by its author: the key of every fact that is held is held, too.
func (j *Journal) Open(fact messages.Fact) ([]byte, error) { return j.set.ring.open(fact) }

// Signer is the key that must have signed the fact, if its author was a member
// in the epoch of the fact.
func (j *Journal) Signer(fact messages.Fact) (messages.PublicKey, bool) {
	state := j.set.stateOf(fact.Header.Epoch, fact.Header.KeyID)
	if state == nil {
		return messages.PublicKey{}, false
	}
	author, isMember := state.roster.Member(fact.Header.Author)
	return author.PublicKey, isMember
}

// Fingerprint is that of a set of facts, which are distinct.
func Fingerprint(facts []messages.FactID) [32]byte {
	var sum setHash
	for _, id := range facts {
		sum.add(id)
	}
	return sum.fingerprint()
}
