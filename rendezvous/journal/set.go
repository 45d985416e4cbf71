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
	tenures map[tenureKey]*tenure
	ops     []*entry
	// ready are the entries that wait for nothing, in the order in which they
	// came to that; the order of arrival decides it, and stays.
	ready []*entry
	// sealed are the entries whose body we could not open, by the key that does.
	sealed map[messages.EpochKeyID][]*entry
	// again are the facts that say a fact again, by that fact.
	again map[messages.FactID][]*entry
	// missParent and missPrev are the entries that wait, by the id of the fact
	// that they wait for: until it is held, until it is connected.
	missParent map[messages.FactID][]*entry
	missPrev   map[messages.FactID][]*entry

	// last is the place of the last fact, clock its greatest HLC reading.
	last  messages.Place
	clock messages.HLC

	timeline []epochState
	// conflict: rival ops close the open epoch.
	conflict bool
	cuts     cuts
	fold     *fold
	// numbered is how far our own descriptors are numbered, counted or not.
	numbered rendezvous.DescriptorNumbers
	// untimed: the timeline, stale: the fold, must be made anew from the
	// entries.
	untimed, stale bool
	// loose are our facts that a cut has left out; sifted: they are as the
	// entries say.
	loose  []*entry
	sifted bool
}

// newSet is the empty set of the context that the op founded.
func newSet(founded messages.ContextFounded, keys *ring) *Set {
	s := &Set{
		founded:    founded,
		context:    founded.Context(),
		ring:       keys,
		entries:    map[messages.FactID]*entry{},
		chains:     map[messages.AuthorityID]*chain{},
		tenures:    map[tenureKey]*tenure{},
		sealed:     map[messages.EpochKeyID][]*entry{},
		again:      map[messages.FactID][]*entry{},
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

// insert takes in a fact that was admitted.
func (s *Set) insert(g gist) {
	e := s.enter(g)
	e.chain().insert(e)
	if e.said != nil {
		s.hear(e)
	}
	s.sifted = s.sifted && !(e.chain().own && s.isClosed(e))
	s.stale = s.stale || s.again[e.id] != nil
	if !s.stale {
		s.fold.count(s, e)
	}
	s.followCuts(e)
	s.link(e, g)
	if s.untimed {
		s.retime()
	}
}

// enter makes the entry.
func (s *Set) enter(g gist) *entry {
	key := tenureKey{g.author, g.epoch, g.keyID}
	t := s.tenures[key]
	if t == nil {
		t = &tenure{chain: s.chainOf(g.author), tenureKey: key}
		s.tenures[key] = t
	}
	e := &entry{
		id: g.id, place: g.place, seq: g.seq, hlc: g.hlc, prev: s.entries[g.prev], tenure: t, size: uint32(g.size),
		missing: 1, // its chain
	}
	if said := g.saying; !said.isNothing() {
		e.said = &said
	}
	s.entries[e.id] = e
	s.last = max(s.last, e.place)
	s.clock = max(s.clock, e.hlc)
	return e
}

// hear takes note of what is not in every fact.
func (s *Set) hear(e *entry) {
	if key := e.tenure.keyID; e.said.sealed {
		s.sealed[key] = append(s.sealed[key], e)
	}
	switch body := e.said.body.(type) {
	case messages.EpochOp:
		s.ops = append(s.ops, e)
	case messages.RendezvousDescriptor:
		if e.chain().own && body.Authority == e.author() {
			s.numbered = s.numbered.With(body)
		}
	}
	if old := e.again(); !old.IsZero() {
		s.again[old] = append(s.again[old], e)
		s.sifted = s.sifted && !e.chain().own
	}
}

// link finds out what the entry misses, and gives it to those that missed it.
func (s *Set) link(e *entry, g gist) {
	for _, id := range g.parents {
		if parent := s.entries[id]; parent != nil {
			e.name(parent)
			continue
		}
		s.missParent[id] = append(s.missParent[id], e)
		e.missing++
	}
	e.chain().unreduced++
	waiting := s.missParent[e.id]
	delete(s.missParent, e.id)
	for _, waiter := range waiting {
		waiter.name(e)
		s.satisfy(waiter)
	}
	for _, waiter := range s.missPrev[e.id] {
		waiter.prev = e
	}
	if e.follows() {
		s.connect(e)
	} else {
		s.missPrev[g.prev] = append(s.missPrev[g.prev], e)
	}
}

// name notes that the entry names that fact as a parent.
func (e *entry) name(parent *entry) {
	if parent.chain().own {
		e.covers = max(e.covers, parent.seq)
	}
	if e.chain().own {
		parent.chain().named = max(parent.chain().named, parent.seq)
	}
}

// connect marks the entry and all that follow it in the chain.
func (s *Set) connect(e *entry) {
	for todo := []*entry{e}; len(todo) > 0; todo = todo[1:] {
		next := todo[0]
		next.connected = true
		next.chain().advance(next)
		s.satisfy(next)
		for _, waiter := range s.missPrev[next.id] {
			if waiter.follows() {
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
	e.chain().unreduced--
	s.ready = append(s.ready, e)
	if _, isOp := e.body().(messages.EpochOp); isOp {
		s.untimed = true
	}
	s.stale = s.stale || s.again[e.id] != nil // what repeats it may be in the fold
	if !s.stale {
		s.fold.reduce(s, e)
	}
}

func (s *Set) chainOf(author messages.AuthorityID) *chain {
	c := s.chains[author]
	if c == nil {
		c = &chain{author: author, own: author == s.ring.identity.Authority()}
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

// rosterOf is the roster of an epoch, if the epoch is known and the fact's key
// id is the epoch's (SPEC 3.4: "author in the roster of that epoch").
func (s *Set) rosterOf(epoch messages.Epoch, keyID messages.EpochKeyID) (membership.Roster, bool) {
	if uint64(epoch) >= uint64(len(s.timeline)) {
		return membership.Roster{}, false
	}
	state := s.timeline[epoch]
	if name, held := s.ring.names[state.id]; held && name != keyID {
		return membership.Roster{}, false
	}
	return state.roster, true
}
