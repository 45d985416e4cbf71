package supervision

import "slices"

// listener is one call of Listen.
type listener struct{ hear func(Event) }

// Listen calls hear for every event from now on, under the rules of
// Config.Events, until cancel. An event that is on its way may still come after
// cancel.
func (t *Tree) Listen(hear func(Event)) (cancel func()) {
	l := &listener{hear}
	t.mu.Lock()
	defer t.mu.Unlock()
	all := append(slices.Clone(*t.listeners.Load()), l)
	t.listeners.Store(&all)
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		left := slices.DeleteFunc(slices.Clone(*t.listeners.Load()), func(other *listener) bool { return other == l })
		t.listeners.Store(&left)
	}
}
