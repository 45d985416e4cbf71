package supervision

import "time"

// history is what a crew remembers of a child that has crashed.
type history struct {
	window   window // its restarts
	failures int    // restarts in a row without health between
	relapses int    // quarantines in a row without health between
}

func (c *crew) historyOf(s *seat) *history {
	if s.history == nil {
		s.history = &history{window: newWindow(s.child.intensity.or(c.spec.Intensity))}
	}
	return s.history
}

// healthy reports whether a life that is up since then, and has now ended, had
// proved its health.
func (h *history) healthy(since, now time.Time) bool {
	return !since.IsZero() && now.Sub(since) >= h.window.limit.health()
}

// forgive follows a healthy life: rows begin anew. What brought the child into
// quarantine is forgotten with it.
func (h *history) forgive() {
	if h.relapses > 0 {
		h.window = newWindow(h.window.limit)
	}
	h.failures, h.relapses = 0, 0
}

// quarantine keeps a dynamic child down for long. It is half-open when that is
// over: one life is tried, and a crash before its health leads back here. So
// that one bad child does not use up the others' restarts, only too many
// different ones end the supervisor: a first quarantine counts, no relapse does.
func (c *crew) quarantine(s *seat, exit *Exit, detail string) {
	h := s.history
	first := h.relapses == 0
	wait := quarantineDelay(h.relapses, h.window.limit.Within, c.rng)
	h.relapses++
	c.rest(s, exit)
	why := &Exit{Path: exit.Path, Incarnation: exit.Incarnation, Reason: ReasonIntensity, Detail: detail, Cause: exit}
	c.order(isolateChild{s.child.name})
	c.order(report{Quarantined{Path: exit.Path, Incarnation: exit.Incarnation, For: wait, Exit: why}})
	c.agenda.set(s, c.now.Add(wait))
	if first && !c.ward.admit(s.child.name, c.now) {
		c.escalate("more children in quarantine than "+c.ward.bound().String(), why)
	}
}

// ward remembers which children came into quarantine in the last Within of its
// limit: by name, so that a child that is spawned again and again counts as one.
// It remembers at most the limit, whatever happens.
type ward struct {
	limit Intensity
	came  map[string]time.Time
}

// bound is how many there may be: one always, or a single child could end its
// supervisor.
func (w *ward) bound() Intensity {
	return Intensity{Restarts: max(1, w.limit.Restarts), Within: w.limit.Within}
}

// admit notes a child, and reports whether the bound allows it.
func (w *ward) admit(name string, now time.Time) bool {
	for other, at := range w.came {
		if now.Sub(at) >= w.limit.Within {
			delete(w.came, other)
		}
	}
	if _, known := w.came[name]; !known && len(w.came) >= w.bound().Restarts {
		return false
	}
	if w.came == nil {
		w.came = make(map[string]time.Time)
	}
	w.came[name] = now
	return true
}
