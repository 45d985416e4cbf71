package supervision

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestWakeAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{}
		wake := make(chan func(*Context[script]), 1)
		spec := WorkerSpec[script]{Name: "a", New: func() Actor[script] { return &doer{player{name: "a", diary: d}, wake} }}
		tree := mustStart(t, Config{}, SupervisorSpec{Children: []Child{spec.Child()}})
		do := func(f func(*Context[script])) {
			wake <- f
			tell(t, tree, "/a", "do")
			synctest.Wait()
		}
		d.expect(t, "start", "+a")
		do(func(c *Context[script]) { c.WakeAt(c.Now().Add(time.Minute), "one") })
		rest(30 * time.Second)
		do(func(c *Context[script]) { c.WakeAt(c.Now().Add(time.Minute), "two") })
		rest(59 * time.Second)
		d.expect(t, "the first was replaced", "")
		rest(time.Second)
		d.expect(t, "the second comes once", "a:two")
		rest(time.Hour)
		d.expect(t, "and only once", "")

		do(func(c *Context[script]) { c.WakeAt(c.Now().Add(-time.Hour), "past") })
		d.expect(t, "the past wakes at once", "a:past")

		do(func(c *Context[script]) { c.WakeAt(c.Now().Add(time.Minute), "never") })
		do(func(c *Context[script]) { c.WakeAt(time.Time{}, "") })
		rest(time.Hour)
		d.expect(t, "the zero time takes it back", "")

		do(func(c *Context[script]) { c.WakeAt(c.Now().Add(time.Minute), "dead") })
		tell(t, tree, "/a", "boom")
		rest(time.Hour)
		d.expect(t, "a timer dies with its life", "+a")

		// A timer that has fired already, while the actor was busy dying.
		do(func(c *Context[script]) {
			c.WakeAt(c.Now().Add(time.Minute), "dead")
			time.Sleep(time.Hour)
			panic("now")
		})
		d.take()
		rest(time.Hour)
		d.expect(t, "a fired timer dies too", "+a")
		if i := info(tree, "/a"); i.Stale != 1 {
			t.Errorf("stale %d", i.Stale)
		}
		mustStop(t, tree)
	})
}

// doer is a player that runs a function at "do".
type doer struct {
	player
	do chan func(*Context[script])
}

func (p *doer) Receive(c *Context[script], m script) {
	if m == "do" {
		(<-p.do)(c)
		return
	}
	p.player.Receive(c, m)
}

// lagging is a Runtime whose clock is behind its timers.
type lagging struct {
	systemRuntime
	by *atomic.Int64
}

func (l lagging) Now() time.Time { return time.Now().Add(-time.Duration(l.by.Load())) }

// A wall clock that lags behind the timer only delays the wake-up.
func TestWakeAtWithALaggingClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{}
		var lag atomic.Int64
		a := d.starter("a", func(c *Context[script]) error {
			c.WakeAt(c.Now().Add(time.Minute), "tick")
			lag.Store(int64(10 * time.Second))
			return nil
		})
		tree := mustStart(t, Config{Runtime: lagging{by: &lag}}, SupervisorSpec{Children: []Child{a.Child()}})
		rest(69 * time.Second)
		d.expect(t, "not yet", "+a")
		rest(time.Second)
		d.expect(t, "now", "a:tick")
		mustStop(t, tree)
	})
}
