package supervision

import "time"

// WakeAt makes m arrive in the actor's own inbox at the given time, ahead of
// waiting messages. A life has one such timer: a later call replaces what an
// earlier one asked for, and the zero time asks for nothing. A time that has
// passed wakes at once.
func (c *Context[M]) WakeAt(at time.Time, m M) {
	c.wakeAt, c.wake = at, m
	c.arm()
}

// arm starts the timer for wakeAt. What fires is only a hint: wakeAt decides,
// so a timer that was replaced while it fired does no harm.
func (c *Context[M]) arm() {
	l, box := &c.life, &c.worker.cell.box
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over.Load() {
		return
	}
	if c.wakeAt.IsZero() {
		if l.timer != nil {
			l.timer.Stop()
		}
		return
	}
	wait := max(0, c.wakeAt.Sub(c.Now()))
	if l.timer == nil {
		l.timer = c.Tree().config.Runtime.AfterFunc(wait, func() { box.post(wakeLife{l.number}) })
		return
	}
	l.timer.Reset(wait)
}

// woken is called when the timer fired: it delivers what was asked for if its
// time has come.
func (w *worker[M]) woken() {
	c := w.ctx
	if c.wakeAt.IsZero() {
		return
	}
	if c.Now().Before(c.wakeAt) {
		c.arm()
		return
	}
	m := c.wake
	var none M
	c.wakeAt, c.wake = time.Time{}, none
	w.notice(m)
}
