package supervision

import "time"

// due handles a seat whose time has come.
func (c *crew) due(s *seat) {
	switch s.state {
	case waiting:
		if c.spec.Strategy == Dynamic {
			c.start(s) // others wait for their turn in advance
		}
	case starting:
		c.abandon(s, ReasonStart, "no acknowledgement", s.child.startWithin)
	case stopping:
		c.abandon(s, ReasonStuck, "", s.child.stopWithin)
	}
}

// abandon gives up waiting for a life, and goes on as if it had ended.
func (c *crew) abandon(s *seat, reason Reason, detail string, waited time.Duration) {
	c.order(abandonChild{s.child.name, waited})
	if detail != "" {
		detail += " "
	}
	c.ended(s, &Exit{
		Path: join(c.path, s.child.name), Incarnation: s.life, Reason: reason,
		Detail: detail + "within " + waited.String(),
	})
}

// ended decides what follows the end of a life.
func (c *crew) ended(s *seat, exit *Exit) {
	asked := s.state == stopping
	started := !s.since.IsZero()
	if !asked && !s.alive() {
		return // this end has been decided already
	}
	if byItself(exit.Reason) && !s.child.restart.after(exit.Reason) {
		c.order(report{Ended{exit}}) // while nobody else can have its place
	}
	switch {
	case s.leave || c.phase >= closing && c.spec.Strategy == Dynamic:
		c.forget(s, exit)
	case c.phase >= closing:
		c.rest(s, exit)
	case asked && s.child.restart != Temporary:
		c.rest(s, exit) // recycled; its turn comes
	case asked:
		c.forget(s, exit)
	case !s.child.restart.after(exit.Reason):
		c.forget(s, exit)
		c.goAlong(s, exit)
	case c.phase == opening && !started:
		c.rest(s, exit)
		c.close(&Exit{Path: c.path, Incarnation: c.life, Reason: ReasonStart, Cause: exit})
	default:
		c.restart(s, exit)
	}
}

// byItself reports whether a life that ended for this reason did so unasked.
func byItself(reason Reason) bool { return reason != ReasonShutdown && reason != ReasonStuck }

// rest leaves a child down, to be started when its turn comes.
func (c *crew) rest(s *seat, exit *Exit) {
	s.state, s.recycle = waiting, false
	c.agenda.set(s, time.Time{})
	c.order(mournChild{exit})
}

// goAlong ends the supervisor when a significant child has ended for good.
func (c *crew) goAlong(s *seat, exit *Exit) {
	if !s.child.significant {
		return
	}
	why := &Exit{Path: c.path, Incarnation: c.life, Reason: ReasonSignificant, Cause: exit}
	if !exit.Reason.Failure() {
		why.Reason, why.Detail = ReasonNormal, "a significant child did"
	}
	c.close(why)
}

// restart counts a failure and either schedules the next life, with those that
// go with it, or gives up.
func (c *crew) restart(s *seat, exit *Exit) {
	h := c.historyOf(s)
	switch {
	case h.healthy(s.since, c.now):
		h.forgive()
	case h.relapses > 0:
		c.quarantine(s, exit, "no health after quarantine")
		return
	}
	switch {
	case h.window.add(c.now):
	case c.spec.Strategy == Dynamic:
		c.quarantine(s, exit, "more than "+h.window.limit.String())
		return
	default:
		c.giveUp(s, exit, h.window.limit)
		return
	}
	if c.spec.Strategy != Dynamic && !c.window.add(c.now) {
		c.giveUp(s, exit, c.window.limit)
		return
	}
	delay := restartDelay(h.failures, c.rng)
	h.failures++
	c.rest(s, exit)
	c.order(report{Restarting{Path: exit.Path, Incarnation: exit.Incarnation, Delay: delay, Exit: exit}})
	c.agenda.set(s, c.now.Add(delay))
	c.takeAlong(s)
}

// takeAlong marks who is restarted with s.
func (c *crew) takeAlong(s *seat) {
	if !c.spec.Strategy.ordered() {
		return
	}
	c.pause = c.agenda.due(s)
	failed := -1
	for i, other := range c.seats {
		if other == s {
			failed = i
		}
	}
	for i, other := range c.seats {
		if other.alive() && c.spec.Strategy.takes(failed, i) {
			other.recycle = true
		}
	}
}

// giveUp ends the supervisor, because of s.
func (c *crew) giveUp(s *seat, exit *Exit, limit Intensity) {
	c.rest(s, exit)
	c.escalate("more than "+limit.String(), exit)
}

// escalate ends the supervisor; cause leads to who crashed first.
func (c *crew) escalate(detail string, cause *Exit) {
	why := &Exit{Path: c.path, Incarnation: c.life, Reason: ReasonIntensity, Detail: detail, Cause: cause}
	c.order(report{Escalated{why}})
	c.close(why)
}

// advance does what the states of all seats now allow.
func (c *crew) advance() {
	switch {
	case c.phase == closed:
	case c.phase == closing:
		if c.stopLast() {
			c.phase = closed
			c.order(resign{c.exit})
		}
	case c.spec.Strategy == Dynamic:
		c.opened()
	case c.recycleLast():
		c.startNext()
	}
}

// opened acknowledges once.
func (c *crew) opened() {
	if c.phase == opening {
		c.phase = open
		c.order(acknowledge{})
	}
}

// stopLast stops the last child that lives, and reports whether none does.
// Children of a Dynamic crew were all told at once.
func (c *crew) stopLast() bool {
	if c.spec.Strategy == Dynamic {
		return len(c.byName) == 0
	}
	for i := len(c.seats) - 1; i >= 0; i-- {
		switch s := c.seats[i]; s.state {
		case stopping:
			return false
		case starting, up:
			c.stop(s)
			return false
		}
	}
	return true
}

// recycleLast stops the last child marked for it, and reports whether none is
// left and none is still stopping.
func (c *crew) recycleLast() bool {
	for i := len(c.seats) - 1; i >= 0; i-- {
		switch s := c.seats[i]; {
		case s.state == stopping:
			return false
		case s.recycle && s.alive():
			c.stop(s)
			return false
		}
	}
	return true
}

// startNext starts the children whose turn it is.
func (c *crew) startNext() {
	inTurn := c.phase == opening || c.spec.Strategy.ordered()
	if c.spec.Strategy.ordered() && c.pause.After(c.now) {
		return
	}
	all := true
	for _, s := range c.seats {
		if s.state == up || s.state == done {
			continue
		}
		all = false
		if s.state == waiting && !c.agenda.due(s).After(c.now) {
			c.start(s)
		}
		if inTurn {
			return
		}
	}
	if all {
		c.opened()
	}
}
