package journal

import (
	"cmp"
	"slices"

	"github.com/waymeet/waymeet/messages"
)

// gist is what the set needs of a fact: its header's place among the others,
// and what Waymeet understands of its body. The bytes stay in the store.
type gist struct {
	id      messages.FactID
	place   messages.Place
	author  messages.AuthorityID
	seq     messages.Seq
	prev    messages.FactID
	parents []messages.FactID
	hlc     messages.HLC
	epoch   messages.Epoch
	keyID   messages.EpochKeyID
	size    int
	saying
}

// standsOn are the facts, besides prev, that a fact stands on: its parents, and
// what it repeats.
func standsOn(parents []messages.FactID, again messages.Again) []messages.FactID {
	if again.IsZero() {
		return parents
	}
	return append(slices.Clip(parents), messages.FactID(again))
}

// saying is what only some facts have. The zero saying says nothing: that is
// most application facts.
type saying struct {
	// body is what Waymeet itself understands; nil for application facts and
	// for what this version cannot read.
	body messages.RendezvousFact
	// again is the fact that this one repeats (SPEC 3.4).
	again messages.Again
}

func (s saying) isNothing() bool { return s.body == nil && s.again.IsZero() }

// entry is one admitted fact in memory. A journal holds one of them for every
// fact, so it is kept to 96 bytes; what only some facts have is behind said.
type entry struct {
	id    messages.FactID
	place messages.Place
	seq   messages.Seq
	hlc   messages.HLC
	// prev is the fact that the author names as the one before, if it is held.
	prev   *entry
	tenure *tenure
	said   *saying
	// covers is the last fact of ours that this one names as parent.
	covers messages.Seq
	size   uint32
	// missing counts what it waits for: the fact before it in its chain and the
	// parents, until everything that they stand on is here, too.
	missing uint8
	// retained: it lies within the cut of its epoch, which is closed.
	retained bool
}

// tenure is one author in one epoch: what many entries have in common.
type tenure struct {
	chain *chain
	state *epochState
	tenureKey
}

type tenureKey struct {
	author messages.AuthorityID
	epoch  messages.Epoch
	keyID  messages.EpochKeyID
}

func (e *entry) chain() *chain                { return e.tenure.chain }
func (e *entry) author() messages.AuthorityID { return e.tenure.author }
func (e *entry) epoch() messages.Epoch        { return e.tenure.epoch }

// body is what Waymeet understands of the fact, or nil.
func (e *entry) body() messages.RendezvousFact {
	if e.said == nil {
		return nil
	}
	return e.said.body
}

// again is the fact that the entry repeats, or zero.
func (e *entry) again() messages.FactID {
	if e.said == nil {
		return messages.FactID{}
	}
	return messages.FactID(e.said.again)
}

// isWhole reports whether everything that the entry stands on is here: its
// chain from seq 1 on, its parents, what it repeats, and what those stand on. A fact whose clock is
// not ahead of all these never is, so that the order of the clocks is causal.
func (e *entry) isWhole() bool { return e.missing == 0 }

// chain is what is held of one author's facts.
type chain struct {
	author messages.AuthorityID
	// own: the author is this node.
	own     bool
	entries []*entry
	// head is the last entry that is whole; among branches of equal length the
	// one with the smallest id.
	head *entry
	// named is the last of these facts that one of ours names as parent, needed
	// the last that one of any other author does.
	named, needed messages.Seq
	// waiting counts the entries that are not whole.
	waiting int
	// forks are the seqs at which two facts are held: proof of equivocation.
	forks []messages.Seq
}

// insert keeps the chain sorted by (seq, id) and notes forks.
func (c *chain) insert(e *entry) {
	at, _ := slices.BinarySearchFunc(c.entries, e, compareEntries)
	c.entries = slices.Insert(c.entries, at, e)
	forked := at > 0 && c.entries[at-1].seq == e.seq || at+1 < len(c.entries) && c.entries[at+1].seq == e.seq
	if place, known := slices.BinarySearch(c.forks, e.seq); forked && !known {
		c.forks = slices.Insert(c.forks, place, e.seq)
	}
}

// at is where the entries with that seq begin.
func (c *chain) at(seq messages.Seq) int {
	at, _ := slices.BinarySearchFunc(c.entries, seq, func(e *entry, seq messages.Seq) int { return cmp.Compare(e.seq, seq) })
	return at
}

// complete takes note of an entry that is whole now. It is the head if it is
// further than the one that is, or as far with a smaller id.
func (c *chain) complete(e *entry) {
	c.waiting--
	if c.head == nil || c.head.seq < e.seq || (c.head.seq == e.seq && e.id.Compare(c.head.id) < 0) {
		c.head = e
	}
}

func compareEntries(a, b *entry) int { return a.position().compare(b.position()) }

// position is where a fact stands among its author's.
type position struct {
	seq messages.Seq
	id  messages.FactID
}

func (e *entry) position() position { return position{seq: e.seq, id: e.id} }

// compare is the order inside a chain: by seq, then by id.
func (p position) compare(other position) int {
	return cmp.Or(cmp.Compare(p.seq, other.seq), p.id.Compare(other.id))
}
