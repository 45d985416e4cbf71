package journal

import (
	"maps"
	"slices"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous"
)

// journalState is what the Sync of the context needs to know.
func journalState(s *set, view *rendezvous.View) messages.JournalState {
	state := messages.JournalState{
		Context:     view.Context,
		Self:        view.Self,
		Epoch:       view.Epoch,
		Count:       view.Count,
		Fingerprint: view.Fingerprint,
		Tags:        map[messages.Epoch]messages.SecretKey{},
	}
	for id, keys := range s.ring.keys {
		// A joiner has the keys of its epoch before it has the op.
		if opened := s.epochs.byID[id]; opened == nil || s.epochs.onTimeline(opened) {
			state.Tags[keys.Epoch] = keys.SyncTag
		}
	}
	for _, id := range s.authors() {
		last := s.lastShown(s.chains[id])
		state.Authors = append(state.Authors, messages.AuthorState{
			Author: id, Head: min(view.Frontier[id].Seq, last), Last: last,
		})
	}
	return state
}

// authors are those of whom a sync speaks, sorted. Frames name them by a
// prefix; membership sees to it that no two have the same.
func (s *set) authors() []messages.AuthorityID {
	return slices.SortedFunc(maps.Keys(s.chains), messages.AuthorityID.Compare)
}
