package journal

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"slices"

	"github.com/waymeet/waymeet/messages"
)

// Flaw is what is wrong with a record of the database though its bytes are those
// that were written.
type Flaw struct {
	Bucket messages.Bucket
	// Place is the key of the record; 0: it is no single one.
	Place messages.Place
	What  string
}

// Verify admits all facts of the database from which the journal was loaded again, one
// after the other as they came: signatures, bodies and chains; and holds the index
// against them, and what they add up to against what the journal says. It returns the
// first flaw, if there is one.
func (j *Journal) Verify(source Source) (*Flaw, error) {
	keys, founded, err := loadKeys(j.config.Identity, source)
	if err != nil {
		return nil, err
	}
	s := newSet(founded, keys)
	facts, flaw, err := s.admitAll(source)
	if flaw == nil && err == nil {
		flaw, err = verifyIndex(facts, source)
	}
	if flaw == nil && err == nil {
		flaw = s.disagrees(j.set)
	}
	return flaw, err
}

// Forged reports whether a fact, by its epoch and author, would be refused by
// signature or body. Of one that is held already, the journal looks at the id alone
// when it is offered again.
func (j *Journal) Forged(fact messages.Fact) bool {
	c := candidate{fact: fact, id: fact.ID()}
	j.set.authenticate(&c)
	return !c.forged.admits()
}

// endOfTime is when no fact is too early: one that was has come to its hour.
const endOfTime messages.Millis = math.MaxInt64 / 2

// admitAll admits all facts as if they came now, and tells the gist of each.
func (s *set) admitAll(source Source) (facts []gist, flaw *Flaw, err error) {
	for record, err := range source.Records(messages.BucketFacts) {
		if err != nil {
			return nil, nil, err
		}
		if !bytes.Equal(record.Key, (s.last + 1).Key()) {
			return nil, &Flaw{messages.BucketFacts, s.last + 1, "no fact is there"}, nil
		}
		fact, refusal := s.admitAgain(record.Value)
		if !refusal.admits() {
			return nil, &Flaw{messages.BucketFacts, s.last + 1, refusal.String()}, nil
		}
		facts = append(facts, s.gistOf(fact, fact.ID(), len(record.Value), s.last+1))
		s.insert(facts[len(facts)-1])
	}
	return facts, nil, nil
}

// admitAgain admits a fact that was admitted before. One that is too late came
// before its author's removal was known.
func (s *set) admitAgain(raw []byte) (messages.Fact, verdict) {
	fact, refusal := s.check(endOfTime, raw)
	if refusal.check == lateCheck {
		return fact, verdict{}
	}
	return fact, refusal
}

// verifyIndex holds the index against the facts, as far as Load believes it.
func verifyIndex(facts []gist, source Source) (*Flaw, error) {
	next := messages.Place(1)
	for record, err := range source.Records(messages.BucketIndex) {
		if err != nil {
			return nil, err
		}
		s, err := messages.Decode[segment](record.Value)
		if err != nil {
			return nil, err
		}
		if s.Known != messages.KnownFacts() {
			return nil, nil // Load takes the rest from the facts
		}
		first := messages.Place(binary.BigEndian.Uint64(record.Key)) // Load has seen to its length
		said, err := s.gists(first)
		switch {
		case err != nil:
			return nil, err
		case first != next:
			return &Flaw{messages.BucketIndex, first, fmt.Sprintf("it goes on here, and has ended before place %d", next)}, nil
		case len(said) > len(facts)-int(first-1):
			return &Flaw{messages.BucketIndex, first, "it knows facts that are not there"}, nil
		}
		for at, g := range said {
			if what := g.differs(facts[g.place-1]); what != "" {
				return &Flaw{messages.BucketIndex, first, fmt.Sprintf("row %d: the %s of a fact is not what the facts say", at, what)}, nil
			}
		}
		next += messages.Place(len(said))
	}
	return nil, nil
}

// differs says in what the gist of a fact that the index holds is not that which
// the fact has.
func (g gist) differs(fact gist) string {
	for _, aspect := range []struct {
		name string
		same bool
	}{
		{"id", g.id == fact.id},
		{"author", g.author == fact.author},
		{"number", g.seq == fact.seq},
		{"predecessor", g.prev == fact.prev},
		{"list of parents", slices.Equal(g.parents, fact.parents)},
		{"clock", g.hlc == fact.hlc},
		{"epoch", g.epoch == fact.epoch},
		{"key", g.keyID == fact.keyID},
		{"size", g.size == fact.size},
		{"content", bytes.Equal(g.saying.encoded(), fact.saying.encoded())},
	} {
		if !aspect.same {
			return aspect.name
		}
	}
	return ""
}

func (s saying) encoded() []byte { return messages.Encode(newStoredSaying(0, s)) }

// disagrees says where two sets differ that should be one: how a fact stands, or
// what all of them add up to.
func (s *set) disagrees(loaded *set) *Flaw {
	ours, theirs := s.survey(), loaded.survey()
	for at := range min(len(ours), len(theirs)) {
		if ours[at] != theirs[at] {
			return &Flaw{messages.BucketIndex, ours[at].Place, fmt.Sprintf("it says %+v, the facts say %+v", theirs[at], ours[at])}
		}
	}
	if len(ours) != len(theirs) || !reflect.DeepEqual(s.view(), loaded.view()) {
		return &Flaw{messages.BucketIndex, 0, "what is loaded by it is not what the facts add up to"}
	}
	return nil
}
