package journal

import (
	"maps"
	"slices"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous"
)

// stateOf is what the Sync of the context needs to know.
func stateOf(s *set, view *rendezvous.View) messages.JournalState {
	state := messages.JournalState{
		Context:     view.Context,
		Self:        view.Self,
		Epoch:       view.Epoch,
		Count:       view.Count,
		Fingerprint: view.Fingerprint,
		Tags:        map[messages.Epoch]messages.SyncTagKey{},
	}
	for id, keys := range s.ring.keys {
		// A joiner has the keys of its epoch before it has the op.
		if opened := s.epochs.byID[id]; opened == nil || s.epochs.isTimely(opened) {
			state.Tags[keys.Epoch] = messages.SyncTagKey(keys.SyncTag)
		}
	}
	for _, id := range s.told() {
		last := s.lastShown(s.chains[id])
		state.Authors = append(state.Authors, messages.AuthorState{
			Author: id, Head: min(view.Frontier[id].Seq, last), Last: last,
		})
	}
	return state
}

// told are the authors of whom a sync speaks, sorted. Frames name them by a
// prefix; membership sees to it that no two have the same.
func (s *set) told() []messages.AuthorityID {
	return slices.SortedFunc(maps.Keys(s.chains), messages.AuthorityID.Compare)
}
