package journal

import (
	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

// epochState is an epoch that an op has opened: who is in it, and the op.
type epochState struct {
	number messages.Epoch
	id     messages.EpochID
	roster membership.Roster
	// op is the fact that opened the epoch and change what it carries; nil and
	// empty for epoch 0.
	op     *entry
	change messages.EpochChange
	// next are the epochs that ops open behind this one; two are rivals.
	next []*epochState
}

// epochs are all epochs that ops open, the contested ones too, so that facts of
// any of them are held whatever came first. What counts is of the timeline: from
// epoch 0 on as far as there are no rivals.
//
// SPEC 2.2: "Every membership change and every rotation is one op that
// advances the epoch by one". SPEC 9.7: "Two valid commits for one slot are
// kept both and reduced to Conflict, never chosen by hash; the state stays at
// the last finalized one".
type epochs struct {
	byID map[messages.EpochID]*epochState
	// opened are they in the order in which they became known.
	opened   []*epochState
	timeline []*epochState
}

func newEpochs(founded messages.ContextFounded) epochs {
	first := &epochState{id: membership.FoundedEpoch(founded), roster: membership.FoundedRoster(founded)}
	return epochs{
		byID:     map[messages.EpochID]*epochState{first.id: first},
		opened:   []*epochState{first},
		timeline: []*epochState{first},
	}
}

// open is the epoch that is open now.
func (x *epochs) open() *epochState { return x.timeline[len(x.timeline)-1] }

// conflict reports whether rival ops close the open epoch.
func (x *epochs) conflict() bool { return len(x.open().next) > 1 }

// onTimeline reports whether the epoch is one of the timeline.
func (x *epochs) onTimeline(state *epochState) bool {
	return state != nil && uint64(state.number) < uint64(len(x.timeline)) && x.timeline[state.number] == state
}

// add takes in an epoch that opens behind another one.
func (x *epochs) add(closed, state *epochState) {
	x.byID[state.id] = state
	x.opened = append(x.opened, state)
	closed.next = append(closed.next, state)
	x.timeline = x.timeline[:1:1]
	for tip := x.open(); len(tip.next) == 1; tip = tip.next[0] {
		x.timeline = append(x.timeline, tip.next[0])
	}
}

// openEpoch takes in the epoch that the entry opens, if it is a valid op, and its
// secret if this node is in it.
func (s *set) openEpoch(e *entry) {
	op, isOp := e.body().(messages.EpochOp)
	if !isOp {
		return
	}
	change, id := op.Changes(), membership.OpenedEpoch(op)
	closed := e.tenure.state
	if closed == nil || closed.id != change.Closes || change.Epoch != closed.number+1 {
		return
	}
	if known := s.epochs.byID[id]; known != nil {
		// The same op in two facts is one: the fact with the smaller id stands for it,
		// and a wrap that opens counts in either.
		s.ring.learn(change, id)
		if e.id.Compare(known.op.id) < 0 {
			known.op, s.stale = e, true
		}
		return
	}
	roster, err := membership.OpenedRoster(s.founder, closed.roster, op)
	if err != nil {
		return
	}
	s.ring.learn(change, id)
	passed := s.passedOver(closed)
	s.epochs.add(closed, &epochState{number: change.Epoch, id: id, roster: roster, op: e, change: change})
	s.stale, s.left = true, nil // if rivals contest it, too: proofs about its members may be held
	s.reading.moveBack(passed)
}

// epochOf is the epoch of a fact, if it is known, and its key is held and is the
// one that the fact names. Who lacks the key of an epoch cannot tell whether a
// fact names the right one: it takes none in, for what counts here must count
// everywhere.
func (s *set) epochOf(epoch messages.Epoch, keyID messages.EpochKeyID) *epochState {
	state := s.epochs.byID[s.ring.payloads[keyID].EpochID]
	if state == nil || state.number != epoch {
		return nil
	}
	return state
}
