package journal

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

// Held is a fact that the journal holds, as it stands.
type Held struct {
	messages.FactPlace
	Author messages.AuthorityID
	Seq    messages.Seq
	HLC    messages.HLC
	Epoch  messages.Epoch
	Size   int
	// Counts: it is in count and fingerprint. What does not count lies beyond
	// the cut of its epoch, or is of an epoch that is void.
	Counts bool
	// Waits: facts that it stands on are missing, so it is not reduced.
	Waits bool
}

// Survey is every fact that the journal holds, in the order of (HLC, FactID).
func (j *Journal) Survey() []Held { return j.set.survey() }

func (s *Set) survey() []Held {
	s.settle()
	held := make([]Held, 0, len(s.entries))
	for _, e := range s.entries {
		held = append(held, Held{
			FactPlace: messages.FactPlace{Place: e.place, Fact: e.id}, Author: e.author(), Seq: e.seq, HLC: e.hlc,
			Epoch: e.epoch(), Size: int(e.size), Counts: s.counts(e), Waits: !e.isWhole(),
		})
	}
	slices.SortFunc(held, func(a, b Held) int { return cmp.Or(cmp.Compare(a.HLC, b.HLC), a.Fact.Compare(b.Fact)) })
	return held
}

// View is what the journal says; who drives it gets the same from Publish.
func (j *Journal) View() *rendezvous.View { return j.view() }

// Open is the plaintext of a fact's body, if this node holds the key.
func (j *Journal) Open(fact messages.Fact) ([]byte, error) { return j.set.ring.open(fact) }

// Signer is the key that must have signed the fact, if its author was a member
// in the epoch of the fact.
func (j *Journal) Signer(fact messages.Fact) (messages.PublicKey, bool) {
	roster, known := j.set.rosterOf(fact.Header.Epoch, fact.Header.KeyID)
	if !known {
		return messages.PublicKey{}, false
	}
	author, isMember := roster.Member(fact.Header.Author)
	return author.PublicKey, isMember
}

// Flaw is what is wrong with a record of the database though its bytes are those
// that were written.
type Flaw struct {
	Bucket messages.Bucket
	Place  messages.Place
	What   string
}

// Verify admits all facts of a database again, one after the other as they came:
// signatures, bodies and chains; and holds what they add up to against what the
// journal says that Load makes of it. It returns the first flaw, if there is one.
func Verify(identity membership.Identity, source Source) (*Flaw, error) {
	loaded, err := Load(Config{Identity: identity}, source)
	if err != nil {
		return nil, err
	}
	keys, founded, err := loadKeys(identity, source)
	if err != nil {
		return nil, err
	}
	s := newSet(founded, keys)
	for record, err := range source.Records(messages.BucketFacts) {
		if err != nil {
			return nil, err
		}
		if !bytes.Equal(record.Key, (s.last + 1).Key()) {
			return &Flaw{messages.BucketFacts, s.last + 1, "no fact is there"}, nil
		}
		fact, refusal := s.admitAgain(record.Value)
		if !refusal.Admits() {
			return &Flaw{messages.BucketFacts, s.last + 1, refusal.String()}, nil
		}
		s.insert(s.gistOf(fact, fact.ID(), len(record.Value), s.last+1))
	}
	s.unlock(s.last + 1)
	return s.disagrees(loaded.set), nil
}

// admitAgain admits a fact that was admitted before. One that names another key
// than its epoch has came before the right one was known; it does not count. One
// that is too late came before its author's removal was known.
func (s *Set) admitAgain(raw []byte) (messages.Fact, Refusal) {
	fact, refusal := s.Admit(endOfTime, raw)
	if epoch := fact.Header.Epoch; refusal.Step == StepEpoch && uint64(epoch) < uint64(len(s.timeline)) {
		c := candidate{fact: fact, id: fact.ID()}
		author, _ := s.timeline[epoch].roster.Member(fact.Header.Author)
		c.authenticate(author.PublicKey)
		return fact, c.forged
	}
	if refusal.Step == StepLate {
		return fact, Refusal{}
	}
	return fact, refusal
}

// endOfTime is when no fact is too early: one that was has come to its hour.
const endOfTime messages.Millis = math.MaxInt64 / 2

// disagrees says where two sets differ that should be one.
func (s *Set) disagrees(loaded *Set) *Flaw {
	ours, theirs := s.survey(), loaded.survey()
	for at := range min(len(ours), len(theirs)) {
		if ours[at] != theirs[at] {
			return &Flaw{messages.BucketIndex, ours[at].Place, fmt.Sprintf("it says %+v, the facts say %+v", theirs[at], ours[at])}
		}
	}
	if s.fold.facts.count != loaded.fold.facts.count || s.fold.facts.fingerprint() != loaded.fold.facts.fingerprint() || len(ours) != len(theirs) {
		return &Flaw{messages.BucketIndex, 0, fmt.Sprintf("%d facts count by it, %d by the facts", loaded.fold.facts.count, s.fold.facts.count)}
	}
	return nil
}

// Fingerprint is that of a set of facts, which are distinct.
func Fingerprint(facts []messages.FactID) [32]byte {
	var sum setHash
	for _, id := range facts {
		sum.add(id)
	}
	return sum.fingerprint()
}
