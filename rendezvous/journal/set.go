package journal

import (
	"slices"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

// maxUnreduced bounds, per author, the facts that are held but wait for a prev
// or a parent (SPEC 3.4: "bounded per author").
const maxUnreduced = 1024

// entry is one admitted fact, without its bytes: those are in the store.
type entry struct {
	id     messages.FactID
	header messages.Chained
	size   int
	// body is what Waymeet itself understands; nil for application facts and
	// for what this version cannot read.
	body messages.RendezvousFact
	// connected: the chain is held from seq 1 up to here.
	connected bool
	// missing counts what it waits for: parents that are not held, and one for
	// the chain. At 0 it is reduced.
	missing int
	// kept: it lies within the cut of its epoch, which is closed.
	kept bool
}

// Set is the set of the admitted facts of one context, and what it adds up to.
//
// SPEC 3.3: "The journal of a context is the set of valid facts; merge is set
// union: commutative, associative, idempotent, never retracting."
//
// Invariants: entries are never removed; chains are sorted by (seq, id); what
// the set adds up to follows from the entries (and the keys held) alone, so
// that the order of arrival never shows.
type Set struct {
	founded messages.ContextFounded
	context messages.ContextID
	ring    *ring
	entries map[messages.FactID]*entry
	chains  map[messages.AuthorityID]*chain
	ops     []*entry
	// missParent and missPrev are the entries that wait, by the id of the fact
	// that they wait for: until it is held, until it is connected.
	missParent map[messages.FactID][]*entry
	missPrev   map[messages.FactID][]*entry
	timeline   []epochState
	// conflict: rival ops close the open epoch.
	conflict bool
	fold     *fold
	// numbered is how far our own descriptors are numbered, counted or not.
	numbered rendezvous.DescriptorNumbers
	// untimed: the timeline, stale: the fold, must be made anew from the
	// entries.
	untimed, stale bool
}

// chain is what is held of one author's facts.
type chain struct {
	entries []*entry
	// head is the last connected entry; among branches of equal length the one
	// with the smallest id.
	head *entry
	// unreduced counts the entries that wait.
	unreduced int
	// forks are the seqs at which two facts are held: proof of equivocation.
	forks []messages.Seq
}

// newSet is the empty set of the context that the op founded.
func newSet(founded messages.ContextFounded, keys *ring) *Set {
	s := &Set{
		founded:    founded,
		context:    founded.Context(),
		ring:       keys,
		entries:    map[messages.FactID]*entry{},
		chains:     map[messages.AuthorityID]*chain{},
		missParent: map[messages.FactID][]*entry{},
		missPrev:   map[messages.FactID][]*entry{},
	}
	s.retime()
	s.refold()
	return s
}

// Len is how many facts are held, those beyond a cut too.
func (s *Set) Len() int { return len(s.entries) }

// Has reports whether the fact is held.
func (s *Set) Has(id messages.FactID) bool { return s.entries[id] != nil }

// Forks are the seqs at which the author has signed two facts (SPEC 3.1: "a
// fork is proof of equivocation (keep both, expose it)").
func (s *Set) Forks(author messages.AuthorityID) []messages.Seq {
	if c := s.chains[author]; c != nil {
		return slices.Clone(c.forks)
	}
	return nil
}

// Conflict reports whether rival ops close the open epoch; the context then
// stays in it (SPEC 9.7).
func (s *Set) Conflict() bool { return s.conflict }

// insert takes in a fact that was admitted. It reports whether the fact forks
// its author's chain.
func (s *Set) insert(e *entry) (forked bool) {
	s.entries[e.id] = e
	forked = s.chainOf(e.header.Author).insert(e)
	switch body := e.body.(type) {
	case messages.MemberAdded:
		s.ops = append(s.ops, e)
	case messages.RendezvousDescriptor:
		if self := s.ring.identity.Authority(); e.header.Author == self && body.Authority == self {
			s.numbered = s.numbered.With(body)
		}
	}
	// Below a cut it depends on others whether a fact counts.
	if int(e.header.Epoch)+1 < len(s.timeline) {
		s.stale = true
	}
	if !s.stale {
		s.fold.count(s, e)
	}
	s.link(e)
	if s.untimed {
		s.retime()
	}
	return forked
}

// link finds out what the entry misses, and gives it to those that missed it.
func (s *Set) link(e *entry) {
	e.missing = 1
	for _, parent := range e.header.Parents {
		if s.entries[parent] == nil {
			s.missParent[parent] = append(s.missParent[parent], e)
			e.missing++
		}
	}
	s.chainOf(e.header.Author).unreduced++
	waiting := s.missParent[e.id]
	delete(s.missParent, e.id)
	for _, waiter := range waiting {
		s.satisfy(waiter)
	}
	if s.follows(e) {
		s.connect(e)
	} else {
		s.missPrev[e.header.Prev] = append(s.missPrev[e.header.Prev], e)
	}
}

// connect marks the entry and all that follow it in the chain.
func (s *Set) connect(e *entry) {
	for todo := []*entry{e}; len(todo) > 0; todo = todo[1:] {
		next := todo[0]
		next.connected = true
		s.chainOf(next.header.Author).advance(next)
		s.satisfy(next)
		for _, waiter := range s.missPrev[next.id] {
			if s.follows(waiter) {
				todo = append(todo, waiter)
			}
		}
		delete(s.missPrev, next.id)
	}
}

// satisfy takes one off what the entry misses.
//
// SPEC 3.4: "Missing parents: stored, not reduced until they arrive".
func (s *Set) satisfy(e *entry) {
	e.missing--
	if e.missing > 0 {
		return
	}
	s.chainOf(e.header.Author).unreduced--
	if _, isOp := e.body.(messages.MemberAdded); isOp {
		s.untimed = true
	}
	if !s.stale {
		s.fold.reduce(s, e)
	}
}

// follows reports whether the entry is first, or its prev is connected and the
// same author's fact before it.
func (s *Set) follows(e *entry) bool {
	if e.header.Seq == 1 {
		return true
	}
	prev := s.entries[e.header.Prev]
	return prev != nil && prev.connected && prev.header.Author == e.header.Author && prev.header.Seq+1 == e.header.Seq
}

func (s *Set) chainOf(author messages.AuthorityID) *chain {
	c := s.chains[author]
	if c == nil {
		c = &chain{}
		s.chains[author] = c
	}
	return c
}

// head is the author's last connected fact, if any.
func (s *Set) head(author messages.AuthorityID) *entry {
	if c := s.chains[author]; c != nil {
		return c.head
	}
	return nil
}

// insert keeps the chain sorted by (seq, id) and notes forks.
func (c *chain) insert(e *entry) (forked bool) {
	at, _ := slices.BinarySearchFunc(c.entries, e, compareEntries)
	c.entries = slices.Insert(c.entries, at, e)
	for _, beside := range []int{at - 1, at + 1} {
		if beside >= 0 && beside < len(c.entries) && c.entries[beside].header.Seq == e.header.Seq {
			forked = true
		}
	}
	if forked && !slices.Contains(c.forks, e.header.Seq) {
		c.forks = append(c.forks, e.header.Seq)
		slices.Sort(c.forks)
	}
	return forked
}

// advance makes a connected entry the head if it is further than the one that
// is, or as far with a smaller id.
func (c *chain) advance(e *entry) {
	if c.head == nil || c.head.header.Seq < e.header.Seq ||
		(c.head.header.Seq == e.header.Seq && e.id.Compare(c.head.id) < 0) {
		c.head = e
	}
}

// compareEntries is the order inside a chain: by seq, then by id.
func compareEntries(a, b *entry) int { return comparePlace(a, b.header.Seq, b.id) }

func comparePlace(e *entry, seq messages.Seq, id messages.FactID) int {
	switch {
	case e.header.Seq < seq:
		return -1
	case e.header.Seq > seq:
		return 1
	}
	return e.id.Compare(id)
}

// rosterOf is the roster of an epoch, if the epoch is known and the fact's key
// id is the epoch's (SPEC 3.4: "author in the roster of that epoch").
func (s *Set) rosterOf(header messages.Chained) (membership.Roster, bool) {
	if uint64(header.Epoch) >= uint64(len(s.timeline)) {
		return membership.Roster{}, false
	}
	state := s.timeline[header.Epoch]
	if name, held := s.ring.names[state.id]; held && name != header.KeyID {
		return membership.Roster{}, false
	}
	return state.roster, true
}
