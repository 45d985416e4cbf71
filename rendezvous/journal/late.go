package journal

import "github.com/waymeet/waymeet/messages"

// maxLate bounds, per author who was removed, the facts beyond the last cut: in
// seqs, and, against forks, in number. They are held and synced, and say nothing;
// one that comes back finds no bound any more, for its next fact stands on them.
//
// The bound follows from the timeline and the seq, not from the order of arrival:
// the members hold the same of an author who did not fork. Who did not know of
// the removal when it heard more holds them, and shows them to nobody.
const maxLate = 1024

// departed are those who were removed and have not come back, with the last of
// their facts that a cut names.
func (s *Set) departed() map[messages.AuthorityID]messages.Seq {
	if s.left != nil {
		return s.left
	}
	s.left = map[messages.AuthorityID]messages.Seq{}
	for _, state := range s.timeline[1:] {
		if op, isRemoval := state.op.body().(messages.MemberRemoved); isRemoval && !s.open().roster.Has(op.Member) {
			s.left[op.Member] = 0
		}
	}
	for _, state := range s.timeline[1:] {
		for _, cut := range state.change.Cut {
			if last, removed := s.left[cut.Author]; removed {
				s.left[cut.Author] = max(last, cut.Seq)
			}
		}
	}
	return s.left
}

// isTooLate reports whether a fact with that place is beyond the bound. What is
// our own is not: it takes our signature.
func (s *Set) isTooLate(author messages.AuthorityID, seq messages.Seq) bool {
	cut, removed := s.departed()[author]
	if !removed || seq <= cut || author == s.ring.identity.Authority() {
		return false
	}
	c := s.chains[author]
	return seq > cut+maxLate || c != nil && c.at(cut+maxLate+1)-c.at(cut+1) >= maxLate
}

// lastShown is the greatest seq of the chain of which a sync speaks.
func (s *Set) lastShown(c *chain) messages.Seq {
	last := c.entries[len(c.entries)-1].seq
	if cut, removed := s.departed()[c.author]; removed && !c.own {
		last = min(last, cut+maxLate)
	}
	return last
}
