package journal

import "github.com/waymeet/waymeet/messages"

// cuts finds the facts of closed epochs that count: those that lead up to the
// last fact that the cut of their epoch names of their author.
//
// SPEC 3.4: "facts of the closed epoch beyond the cut are never reduced, so
// that a removed member cannot write history."
type cuts struct {
	// ends are the facts that cuts name, with the epochs that they close, in
	// their order.
	ends map[messages.FactID][]cutEnd
	// waiting are, by an entry whose prev is not held, the walks that go on
	// when it is.
	waiting map[*entry][]messages.Epoch
}

// cutEnd is what one cut says of one author.
type cutEnd struct {
	closed messages.Epoch
	messages.CutEntry
}

// isClosed reports whether the epoch of the fact has ended.
func (s *set) isClosed(e *entry) bool { return int(e.epoch())+1 < len(s.epochs.timeline) }

// markRetained walks along all cuts anew.
func (s *set) markRetained() {
	for _, e := range s.graph.entries {
		e.retained = false
	}
	s.cuts = cuts{ends: map[messages.FactID][]cutEnd{}, waiting: map[*entry][]messages.Epoch{}}
	for _, state := range s.epochs.timeline[1:] {
		for _, cut := range state.change.Cut {
			s.cuts.ends[cut.Fact] = append(s.cuts.ends[cut.Fact], cutEnd{state.number - 1, cut})
		}
	}
	for id := range s.cuts.ends {
		if e := s.graph.entries[id]; e != nil {
			s.followCuts(e)
		}
	}
}

// followCuts walks on from a fact that is held now, along the cuts that name
// it and the walks that waited for it.
func (s *set) followCuts(e *entry) {
	for _, end := range s.cuts.ends[e.id] {
		if end.Author == e.author() && end.Seq == e.seq {
			s.walkCut(e, end.closed)
		}
	}
	if len(s.cuts.waiting) == 0 {
		return
	}
	for _, waiter := range s.graph.prevs[e.id] {
		for _, closed := range s.cuts.waiting[waiter] {
			s.walkCut(e, closed)
		}
		delete(s.cuts.waiting, waiter)
	}
}

// walkCut keeps the facts of the closed epoch from there on down. It ends where
// an earlier cut begins: what lies below cannot be of a later epoch, for no
// fact can name the key of an epoch whose op names that fact.
func (s *set) walkCut(from *entry, closed messages.Epoch) {
	for e := from; ; e = e.prev {
		if e != from && s.endsBefore(e, closed) {
			return
		}
		if e.epoch() == closed && !e.retained {
			s.retain(e)
		}
		if e.prev == nil {
			if e.seq > 1 {
				s.cuts.waiting[e] = append(s.cuts.waiting[e], closed)
			}
			return
		}
	}
}

func (s *set) endsBefore(e *entry, closed messages.Epoch) bool {
	for _, end := range s.cuts.ends[e.id] {
		if end.closed < closed && end.Author == e.author() && end.Seq == e.seq {
			return true
		}
	}
	return false
}

// retain has a fact of a closed epoch count that did not: the op that closes it counts
// anyway, and no cut leads to the op that holds it.
func (s *set) retain(e *entry) {
	e.retained = true
	if e.chain().own {
		s.leftOut.forget()
	}
	if s.again[e.id] != nil { // those that say it again may be in the fold
		s.stale = true
	}
	if !s.stale {
		s.fold.add(s, e)
	}
}

// counts reports whether the fact belongs to what the members agree on: all that
// it stands on is here, its epoch is known, its author was in it, and it is not
// beyond a cut. What is beyond "stays out of count and fingerprint" (SPEC 3.4).
func (s *set) counts(e *entry) bool {
	return e.isWhole() && s.stands(e.tenure) && s.isWithin(e)
}

// stands reports whether the tenure's epoch is known and its author in it.
func (s *set) stands(t *tenure) bool {
	return s.epochs.onTimeline(t.state) && t.state.roster.Has(t.author)
}

// isWithin reports whether a fact of a tenure that stands is not beyond a cut.
func (s *set) isWithin(e *entry) bool {
	return !s.isClosed(e) || e.retained || s.epochs.timeline[e.epoch()+1].op == e
}
