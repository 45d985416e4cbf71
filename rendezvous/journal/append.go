package journal

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

// writer knows where the next fact of our own chain stands.
type writer struct {
	// clock is the greatest HLC reading seen.
	clock messages.HLC
	// named is, per author, the last fact that one of ours has named as parent.
	named map[messages.AuthorityID]messages.Seq
}

// see takes in a fact that is held now.
func (w *writer) see(s *Set, e *entry) {
	w.clock = max(w.clock, e.header.HLC)
	if e.header.Author != s.ring.identity.Authority() {
		return
	}
	for _, id := range e.header.Parents {
		if parent := s.entries[id]; parent != nil {
			w.named[parent.header.Author] = max(w.named[parent.header.Author], parent.header.Seq)
		}
	}
}

// parents are the heads of other authors that no fact of ours has named yet,
// at most 8, those last written first (SPEC 3.1).
func (w *writer) parents(s *Set, prev messages.FactID) []messages.FactID {
	var heads []*entry
	for author, c := range s.chains {
		if c.head != nil && author != s.ring.identity.Authority() && c.head.header.Seq > w.named[author] && c.head.id != prev {
			heads = append(heads, c.head)
		}
	}
	slices.SortFunc(heads, func(a, b *entry) int {
		return cmp.Or(cmp.Compare(b.header.HLC, a.header.HLC), a.id.Compare(b.id))
	})
	var parents []messages.FactID
	for _, head := range heads[:min(len(heads), messages.MaxParents)] {
		parents = append(parents, head.id)
	}
	slices.SortFunc(parents, messages.FactID.Compare)
	return parents
}

// draft is a fact of ours before it has its place in the chain.
type draft struct {
	kind      messages.FactType
	schema    uint16
	plaintext []byte
	again     messages.FactID
}

func draftOf(fact messages.RendezvousFact) draft {
	kind := fact.FactType()
	return draft{kind: kind, schema: kind.Schema(), plaintext: messages.EncodeFact(fact)}
}

// append seals the draft as our next fact under the keys of the open epoch,
// takes it in and puts it into the batch.
func (j *Journal) append(now messages.Millis, d draft, keys membership.Keys, b *batch) (messages.FactID, error) {
	own := j.config.Identity.Authority()
	at := messages.Chained{
		Version: messages.FactVersion,
		Context: j.set.context,
		Author:  own,
		Seq:     1,
		HLC:     j.writer.clock.Next(now),
		Epoch:   keys.Epoch,
		KeyID:   keys.KeyID,
		Type:    d.kind,
		Schema:  d.schema,
		Again:   messages.Again(d.again),
	}
	if head := j.set.head(own); head != nil {
		at.Seq, at.Prev = head.header.Seq+1, head.id
	}
	at.Parents = j.writer.parents(j.set, at.Prev)
	fact, err := Seal(j.config.Identity, at, keys.Payload, d.plaintext, j.config.Random)
	if err != nil {
		return messages.FactID{}, err
	}
	raw := fact.Append(nil)
	if len(raw) > messages.MaxFactSize {
		return messages.FactID{}, fmt.Errorf("the fact has %d bytes, at most %d", len(raw), messages.MaxFactSize)
	}
	j.keep(fact, raw, b)
	return fact.ID(), nil
}

// keep takes a fact that is admitted into set and batch.
func (j *Journal) keep(fact messages.Fact, raw []byte, b *batch) {
	id := fact.ID()
	forked := j.set.take(fact, len(raw))
	j.writer.see(j.set, j.set.entries[id])
	b.put(factRecord(id, raw))
	if forked {
		b.effects = append(b.effects, Forked{Author: fact.Header.Author, Seq: fact.Header.Seq})
	}
}

// ownKeys are the keys under which our next fact is sealed, or one line that
// says why we cannot write.
func (j *Journal) ownKeys() (keys membership.Keys, reason string) {
	open := j.set.open()
	if !open.roster.Has(j.config.Identity.Authority()) {
		return keys, fmt.Sprintf("we are not a member in epoch %d of this context", open.number)
	}
	keys, held := j.set.ring.keys[open.id]
	if err := j.set.ring.refused[open.id]; err != nil {
		return keys, fmt.Sprintf("the secret of epoch %d: %v", open.number, err)
	}
	if !held {
		return keys, fmt.Sprintf("we do not hold the secret of epoch %d", open.number)
	}
	return keys, ""
}
