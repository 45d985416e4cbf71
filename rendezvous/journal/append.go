package journal

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

// parents are the heads of other authors that no fact of ours has named yet,
// at most 8, those last written first (SPEC 3.1). What a removed member goes on
// writing is not among them.
func (s *set) parents(prev messages.FactID) []messages.FactID {
	var heads []*entry
	for _, c := range s.chains {
		if c.head != nil && !c.own && c.head.seq > c.named && c.head.id != prev && !s.isLate(c.head) {
			heads = append(heads, c.head)
		}
	}
	slices.SortFunc(heads, func(a, b *entry) int {
		return cmp.Or(cmp.Compare(b.hlc, a.hlc), a.id.Compare(b.id))
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
	// alone: it names no parents, so that it waits for none.
	alone bool
}

func draftOf(fact messages.RendezvousFact) draft {
	kind := fact.FactType()
	return draft{kind: kind, schema: kind.Schema(), plaintext: messages.EncodeFact(fact)}
}

// append seals the draft as our next fact under the keys of the open epoch,
// takes it in and puts it into the batch. It is signed with the others of the
// batch: the signature is not part of the id.
func (j *Journal) append(now messages.Millis, d draft, keys membership.Keys, b *batch) (messages.FactID, error) {
	own := j.config.Identity.Authority()
	at := messages.Chained{
		Version: messages.FactVersion,
		Context: j.set.context,
		Author:  own,
		Seq:     1,
		HLC:     j.set.clock.Next(now),
		Epoch:   keys.Epoch,
		KeyID:   keys.KeyID,
		Type:    d.kind,
		Schema:  d.schema,
		Again:   messages.Again(d.again),
	}
	if head := j.set.head(own); head != nil {
		at.Seq, at.Prev = head.seq+1, head.id
	}
	if !d.alone {
		at.Parents = j.set.parents(at.Prev)
	}
	fact, err := enclose(at, keys.Payload, d.plaintext, j.config.Random)
	if err != nil {
		return messages.FactID{}, err
	}
	size := fact.Size()
	if size > messages.MaxFactSize {
		return messages.FactID{}, fmt.Errorf("the fact has %d bytes, at most %d", size, messages.MaxFactSize)
	}
	id := fact.ID()
	j.accept(fact, id, size)
	b.unsigned = append(b.unsigned, unsigned{fact: &fact, id: id, record: len(b.records)})
	b.put(factRecord(j.set.last, nil))
	b.bytes += size
	return id, nil
}

// unsigned is a fact of ours that has its place in the batch and lacks its
// signature.
type unsigned struct {
	fact   *messages.Fact
	id     messages.FactID
	record int
}

// sign completes our facts of a batch, many at once.
func (j *Journal) sign(b *batch) {
	j.config.Parallel(len(b.unsigned), func(at int) {
		u := b.unsigned[at]
		u.fact.Signature = j.config.Identity.Sign(messages.SignedFact(u.id))
		b.records[u.record].Value = u.fact.Append(nil)
	})
	b.unsigned = nil
}

// accept takes a fact that is admitted into the set, at the next place.
func (j *Journal) accept(fact messages.Fact, id messages.FactID, size int) {
	g := j.set.gistOf(fact, id, size, j.set.last+1)
	j.set.insert(g)
	j.index.note(g)
}

// ownKeys are the keys under which our next fact is sealed, or one line that
// says why we cannot write.
func (j *Journal) ownKeys() (keys membership.Keys, reason string) {
	open := j.set.epochs.open()
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
	if head := j.set.head(j.config.Identity.Authority()); head != nil && head.seq > messages.MaxSeq-maxBatchMessages {
		return keys, "our chain has no numbers left"
	}
	return keys, ""
}
