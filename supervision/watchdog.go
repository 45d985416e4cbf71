package supervision

import "time"

// defaultBlocked is how long an actor may be at one step before it is reported.
const defaultBlocked = 10 * time.Second

// watchdog looks now and then whether an actor is still at the step at which it
// was found before: an actor that waits for something in its Receive answers
// nobody, and nothing else would say so. One timer serves the whole tree, and
// actors pay nothing for it.
type watchdog struct {
	tree  *Tree
	after time.Duration
	timer Timer // guarded by tree.mu
	// seen is the step at which each actor was found busy, since when, and
	// whether that was told. Owned by look, which is never run twice at a time.
	seen map[*cell]sighting
}

type sighting struct {
	step  uint64
	since time.Time
	told  bool
}

// watch starts the watchdog.
func (w *watchdog) watch() {
	w.tree.mu.Lock()
	defer w.tree.mu.Unlock()
	w.timer = w.tree.config.Runtime.AfterFunc(w.after/2, w.look)
}

// rest stops it; t.mu is held.
func (w *watchdog) rest() {
	if w.timer != nil {
		w.timer.Stop()
	}
}

// look compares every actor with how it was found before.
func (w *watchdog) look() {
	now := w.tree.now()
	seen := make(map[*cell]sighting)
	for _, c := range w.tree.everybody() {
		step, busy := c.box.handling()
		if c.child.spec != nil || !busy {
			continue
		}
		s, before := w.seen[c]
		if !before || s.step != step {
			s = sighting{step: step, since: now}
		}
		if waited := now.Sub(s.since); waited >= w.after && !s.told {
			s.told = true
			at := unpack(step, w.tree)
			w.tree.report(Blocked{
				Path: c.path, Incarnation: c.number(), Phase: at.Phase, Message: at.Message, For: waited,
			})
		}
		seen[c] = s
	}
	w.seen = seen
	w.tree.mu.Lock()
	defer w.tree.mu.Unlock()
	if w.tree.exit == nil {
		w.timer.Reset(w.after / 2)
	}
}
