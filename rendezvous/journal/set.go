package journal

import (
	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous"
)

// set is the set of the admitted facts of one context, and what it adds up to.
//
// SPEC 3.3: "The journal of a context is the set of valid facts; merge is set
// union: commutative, associative, idempotent, never retracting."
//
// Invariants: entries are never removed; chains are sorted by (seq, id); what
// the set adds up to follows from the entries (and the keys held) alone, so
// that the order of arrival never shows.
type set struct {
	founded messages.ContextFounded
	context messages.ContextID
	founder messages.AuthorityID
	ring    *ring
	graph   graph
	chains  map[messages.AuthorityID]*chain
	tenures map[tenureKey]*tenure
	// reading is what the host reads.
	reading readingOrder
	// again are the facts that say a fact again, by that fact.
	again map[messages.FactID][]*entry

	// last is the place of the last fact, clock its greatest HLC reading.
	last  messages.Place
	clock messages.HLC

	epochs epochs
	// left is what departed has found in the timeline; nil: not yet.
	left map[messages.AuthorityID]messages.Seq
	cuts cuts
	fold *fold
	// numbered is how far our own descriptors are numbered, counted or not.
	numbered rendezvous.DescriptorNumbers
	// stale: the fold must be made anew from the entries.
	stale   bool
	leftOut leftOut
}

// newSet is the empty set of the context that the op founded.
func newSet(founded messages.ContextFounded, keys *ring) *set {
	s := &set{
		founded: founded,
		context: founded.Context(),
		founder: founded.Founder.Authority(),
		ring:    keys,
		graph:   newGraph(),
		chains:  map[messages.AuthorityID]*chain{},
		tenures: map[tenureKey]*tenure{},
		epochs:  newEpochs(founded),
		again:   map[messages.FactID][]*entry{},
	}
	s.refold()
	return s
}

// len is how many facts are held, those beyond a cut too.
func (s *set) len() int { return len(s.graph.entries) }

// has reports whether the fact is held.
func (s *set) has(id messages.FactID) bool { return s.graph.entries[id] != nil }

// insert takes in a fact that was admitted.
func (s *set) insert(g gist) {
	e := s.enter(g)
	e.chain().insert(e)
	if e.said != nil {
		s.hear(e)
	}
	if e.chain().own && s.isClosed(e) {
		s.leftOut.forget()
	}
	s.followCuts(e)
	e.chain().waiting++
	for _, whole := range s.graph.link(e, g.prev, standsOn(g.parents, g.again)) {
		s.take(whole)
	}
}

// enter makes the entry.
func (s *set) enter(g gist) *entry {
	key := tenureKey{g.author, g.epoch, g.keyID}
	t := s.tenures[key]
	if t == nil {
		t = &tenure{chain: s.chainOf(g.author), state: s.epochOf(g.epoch, g.keyID), tenureKey: key}
		s.tenures[key] = t
	}
	e := &entry{
		id: g.id, place: g.place, seq: g.seq, hlc: g.hlc, tenure: t, size: uint32(g.size),
	}
	if said := g.saying; !said.isNothing() {
		e.said = &said
	}
	s.graph.hold(e, g.prev)
	s.last = max(s.last, e.place)
	s.clock = max(s.clock, e.hlc)
	return e
}

// hear takes note of what is not in every fact.
func (s *set) hear(e *entry) {
	switch body := e.said.body.(type) {
	case messages.RendezvousDescriptor:
		if e.chain().own && body.Authority == e.author() {
			s.numbered = s.numbered.With(body)
		}
	}
	if old := e.again(); !old.IsZero() {
		s.again[old] = append(s.again[old], e)
		if e.chain().own {
			s.leftOut.forget()
		}
	}
}

// take has a whole entry count and be reduced.
//
// SPEC 3.4: "Missing parents: stored, not reduced until they arrive".
func (s *set) take(e *entry) {
	e.chain().complete(e)
	s.reading.append(e)
	s.openEpoch(e)
	if !s.stale {
		s.fold.add(s, e)
	}
}

// name notes that the entry names that fact as a parent.
func (e *entry) name(parent *entry) {
	if parent.chain() == e.chain() {
		return // what it repeats
	}
	if parent.chain().own {
		e.covers = max(e.covers, parent.seq)
	}
	if e.chain().own {
		parent.chain().named = max(parent.chain().named, parent.seq)
	}
	parent.chain().needed = max(parent.chain().needed, parent.seq)
}

func (s *set) chainOf(author messages.AuthorityID) *chain {
	c := s.chains[author]
	if c == nil {
		c = &chain{author: author, own: author == s.ring.identity.Authority()}
		s.chains[author] = c
	}
	return c
}

// head is the author's last whole fact, if any.
func (s *set) head(author messages.AuthorityID) *entry {
	if c := s.chains[author]; c != nil {
		return c.head
	}
	return nil
}
