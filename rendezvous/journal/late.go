package journal

import "github.com/waymeet/waymeet/messages"

// maxLate bounds, per author who was removed, how many seqs beyond the last cut
// are taken in. Such facts are held and synced, and say nothing. Of one that
// comes back all are wanted again: its next fact stands on them.
//
// The bound must hold no two honest members apart, so it follows from the
// timeline and the seq, never from the order of arrival; and it gives way to what
// others need: who did not know of the removal may have named a fact beyond the
// bound as a parent, and all that it has written since stands on that. So
// whoever holds such a fact shows it with those that lead up to it, and while
// facts that may count wait for others there is no bound. Whoever heard more and needs no
// more of them shows no more.
const maxLate = 1024

// departed are those who were removed and have not come back, with the last of
// their facts that a cut names: one of an epoch that they were in, for another may
// name whatever is held.
func (s *set) departed() map[messages.AuthorityID]messages.Seq {
	if s.left != nil {
		return s.left
	}
	s.left = map[messages.AuthorityID]messages.Seq{}
	for _, state := range s.epochs.timeline[1:] {
		if op, isRemoval := state.op.body().(messages.MemberRemoved); isRemoval && !s.epochs.open().roster.Has(op.Member) {
			s.left[op.Member] = 0
		}
	}
	for at, state := range s.epochs.timeline[1:] {
		closed := s.epochs.timeline[at]
		for _, cut := range state.change.Cut {
			if last, removed := s.left[cut.Author]; removed && closed.roster.Has(cut.Author) {
				s.left[cut.Author] = max(last, cut.Seq)
			}
		}
	}
	return s.left
}

// isLate reports whether an author with that fact had been removed.
func (s *set) isLate(e *entry) bool {
	cut, removed := s.departed()[e.author()]
	return removed && e.seq > cut
}

// isTooLate reports whether the fact of the author with that seq is beyond the bound. What is
// our own is not: it takes our signature.
func (s *set) isTooLate(author messages.AuthorityID, seq messages.Seq) bool {
	cut, removed := s.departed()[author]
	return removed && seq > cut+maxLate && author != s.ring.identity.Authority() && !s.isWaiting()
}

// isWaiting reports whether facts wait for others that may count: those of
// members, and those of who was removed up to the cut.
func (s *set) isWaiting() bool {
	for author, c := range s.chains {
		cut, removed := s.departed()[author]
		if c.waiting > 0 && (!removed || wholeUpTo(c) < cut) {
			return true
		}
	}
	return false
}

// wholeUpTo is the seq of the chain's head; 0: nothing of it is whole.
func wholeUpTo(c *chain) messages.Seq {
	if c.head == nil {
		return 0
	}
	return c.head.seq
}

// lastShown is the greatest seq of the chain of which a sync speaks.
func (s *set) lastShown(c *chain) messages.Seq {
	last := c.entries[len(c.entries)-1].seq
	if cut, removed := s.departed()[c.author]; removed && !c.own {
		last = min(last, max(cut+maxLate, c.needed))
	}
	return last
}
