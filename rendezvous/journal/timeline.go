package journal

import (
	"slices"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

// epochState is one epoch of the context: who is in it, and the op that opened
// it.
type epochState struct {
	number messages.Epoch
	id     messages.EpochID
	roster membership.Roster
	// op is the fact that opened the epoch and change what it carries; nil and
	// empty for epoch 0.
	op     *entry
	change messages.EpochChange
}

// retime finds the epochs anew from the ops that are held, and the secrets of
// those epochs that this node is in.
//
// SPEC 2.2: "Every membership change and every rotation is one op that
// advances the epoch by one". SPEC 9.7: "Two valid commits for one slot are
// kept both and reduced to Conflict, never chosen by hash; the state stays at
// the last finalized one".
func (s *Set) retime() {
	s.untimed = false
	timeline := []epochState{{
		id:     membership.FoundedEpoch(s.founded),
		roster: membership.FoundedRoster(s.founded),
	}}
	s.conflict = false
	for {
		next, rivals := s.successors(timeline[len(timeline)-1])
		s.conflict = rivals
		if next.op == nil || rivals {
			break
		}
		timeline = append(timeline, next)
	}
	same := slices.EqualFunc(timeline, s.timeline, func(a, b epochState) bool { return a.id == b.id && a.op == b.op })
	s.timeline = timeline
	for _, state := range timeline[1:] {
		s.ring.learn(state.change, state.id)
	}
	s.stale = s.stale || !same
}

// successors finds the op that closes the epoch; rivals reports that two do.
// The same op in two facts is one: the fact with the smaller id stands for it.
func (s *Set) successors(open epochState) (next epochState, rivals bool) {
	for _, e := range s.ops {
		op := e.body().(messages.EpochOp)
		roster, closes := s.closes(e, op, open)
		if !closes {
			continue
		}
		id := membership.OpenedEpoch(op)
		switch {
		case next.op != nil && next.id != id:
			return epochState{}, true
		case next.op != nil && next.op.id.Compare(e.id) <= 0:
			continue
		}
		next = epochState{
			number: open.number + 1,
			id:     id,
			roster: roster,
			op:     e,
			change: op.Changes(),
		}
	}
	return next, false
}

// closes reports whether the op is a valid end of that epoch, and who is in the
// next one.
func (s *Set) closes(e *entry, op messages.EpochOp, open epochState) (membership.Roster, bool) {
	founder, change := s.founded.Founder.Authority(), op.Changes()
	if e.missing > 0 || e.epoch() != open.number || change.Epoch != open.number+1 || change.Closes != open.id ||
		membership.RefuseEpochOp(s.founded.Finality, founder, e.author()) != "" {
		return membership.Roster{}, false
	}
	roster, err := membership.OpenedRoster(founder, open.roster, op)
	return roster, err == nil
}

// open is the epoch that is open now.
func (s *Set) open() epochState { return s.timeline[len(s.timeline)-1] }
