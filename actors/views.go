package actors

import (
	"slices"
	"sync"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous"
)

// views holds what every context's journal last published. A view never
// changes, so everybody may read it; the store alone replaces it.
type views struct {
	mu     sync.RWMutex
	views  map[messages.ContextID]*rendezvous.View
	states map[messages.ContextID]messages.JournalState
}

// View implements rendezvous.Views.
func (v *views) View(cx messages.ContextID) *rendezvous.View {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.views[cx]
}

// state is what a sync session needs to know of the journal.
func (v *views) state(cx messages.ContextID) (messages.JournalState, bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	state, ok := v.states[cx]
	return state, ok
}

func (v *views) publish(view *rendezvous.View, state messages.JournalState) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.views == nil {
		v.views = make(map[messages.ContextID]*rendezvous.View)
		v.states = make(map[messages.ContextID]messages.JournalState)
	}
	v.views[view.Context] = view
	v.states[view.Context] = state
}

// contexts are those that have a view, sorted.
func (v *views) contexts() []messages.ContextID {
	v.mu.RLock()
	defer v.mu.RUnlock()
	all := make([]messages.ContextID, 0, len(v.views))
	for cx := range v.views {
		all = append(all, cx)
	}
	slices.SortFunc(all, messages.ContextID.Compare)
	return all
}
