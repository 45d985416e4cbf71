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

// reconsider has the epochs found anew from the one on that the entry opens, if
// it is an op that may open one.
func (s *Set) reconsider(e *entry) {
	op, isOp := e.body().(messages.EpochOp)
	if !isOp {
		return
	}
	opens := op.Changes().Epoch
	if slices.Contains(s.ops[opens], e) && (s.untimed == 0 || opens < s.untimed) {
		s.untimed = opens
	}
}

// retime finds the epochs from untimed on anew from the ops that are held, and
// the secrets of those epochs that this node is in.
//
// SPEC 2.2: "Every membership change and every rotation is one op that
// advances the epoch by one". SPEC 9.7: "Two valid commits for one slot are
// kept both and reduced to Conflict, never chosen by hash; the state stays at
// the last finalized one".
func (s *Set) retime() {
	from := int(min(s.untimed, messages.Epoch(len(s.timeline))))
	before := s.timeline[from:]
	s.timeline = slices.Clip(s.timeline[:from])
	s.untimed, s.conflict, s.left = 0, false, nil
	for {
		next, rivals := s.successor(s.open())
		s.conflict = rivals
		if next.op == nil || rivals {
			break
		}
		s.timeline = append(s.timeline, next)
		s.ring.learn(next.change, next.id)
	}
	same := slices.EqualFunc(before, s.timeline[from:], func(a, b epochState) bool { return a.id == b.id && a.op == b.op })
	s.stale = s.stale || !same
}

// successor finds the op that closes the epoch; rivals reports that two do. The
// same op in two facts is one: the fact with the smaller id stands for it.
func (s *Set) successor(open epochState) (next epochState, rivals bool) {
	for _, e := range s.ops[open.number+1] {
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
	if !e.isWhole() || e.epoch() != open.number || op.Changes().Closes != open.id {
		return membership.Roster{}, false
	}
	roster, err := membership.OpenedRoster(s.founder, open.roster, op)
	return roster, err == nil
}

// open is the epoch that is open now.
func (s *Set) open() epochState { return s.timeline[len(s.timeline)-1] }
