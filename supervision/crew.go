package supervision

import (
	"math/rand/v2"
	"slices"
	"time"
)

// phase is where the life of a supervisor stands.
type crewPhase int

const (
	opening crewPhase = iota // starting children for the first time; leaves when all are up
	open                     // every child had its start
	closing                  // stopping all, last first; leaves when none lives
	closed                   // resigned
)

// seatState is where one child stands.
type seatState uint8

const (
	waiting  seatState = iota // to be started when due, and when it is its turn
	starting                  // told to start; leaves by childUp, childExit or deadline
	up                        // acknowledged
	stopping                  // told to stop; leaves by childExit or deadline
	done                      // ended and not to come back (never under Dynamic)
)

// seat is one child of a crew. Most never crash, so what a crash leads to
// stands elsewhere.
type seat struct {
	child   *Child
	life    Incarnation // the last one begun
	since   time.Time   // up since; zero if this life never was
	history *history    // nil: it never crashed
	born    int         // order of arrival
	slot    int32       // place in the agenda, -1: not there
	state   seatState
	recycle bool // stop it and start it again, for a sibling's sake
	leave   bool // forget it when it has stopped
}

func (s *seat) alive() bool { return s.state == starting || s.state == up }

// crew is the machine in every supervisor: it decides which child lives. It has
// no clock, goroutine or lock and is not safe for concurrent use.
//
// Invariants: (1) under an ordered strategy, at most one child is starting or
// stopping until closing; (2) under an ordered strategy, and while opening, a
// child is told to start only when all before it are up or done; (3) no child
// is started while closing; (4) after resigning nobody is started or stopped.
type crew struct {
	path   string
	life   Incarnation
	spec   SupervisorSpec
	window window // restarts of all children; unused under Dynamic
	ward   ward   // children that came into quarantine
	rng    *rand.Rand
	number func() Incarnation // numbers the lives to come

	phase  crewPhase
	seats  []*seat          // in order of start; unused under Dynamic
	byName map[string]*seat // all of them
	agenda agenda
	births int
	pause  time.Time // ordered strategies start nobody before
	exit   *Exit     // why it closes

	now    time.Time // of the running Step
	orders []order   // of the running Step
}

func newCrew(path string, life Incarnation, spec SupervisorSpec, rng *rand.Rand, number func() Incarnation) *crew {
	c := &crew{
		path: path, life: life, spec: spec, rng: rng, number: number,
		window: newWindow(spec.Intensity), ward: ward{limit: spec.Intensity},
		byName: make(map[string]*seat, len(spec.Children)),
	}
	for i := range spec.Children {
		c.seats = append(c.seats, c.seat(&spec.Children[i]))
	}
	return c
}

func (c *crew) seat(child *Child) *seat {
	c.births++
	s := &seat{child: child, born: c.births, slot: -1}
	c.byName[child.name] = s
	return s
}

// Deadline is the earliest start, or deadline of a start or stop.
func (c *crew) Deadline() time.Time { return c.agenda.next() }

// Step takes one event and returns the orders it leads to, which are good until
// the next Step. What speaks of a life that is not the last one of its child
// changes nothing.
func (c *crew) Step(now time.Time, event crewEvent) []order {
	c.now, c.orders = now, c.orders[:0]
	switch e := event.(type) {
	case crewOpen, crewTick:
	case childUp:
		if s := c.byName[e.name]; s != nil && s.life == e.life && s.state == starting {
			s.state, s.since = up, now
			c.agenda.set(s, time.Time{})
		}
	case childExit:
		if s := c.byName[e.name]; s != nil && s.life == e.life {
			c.ended(s, e.exit)
		}
	case hire:
		c.hire(e.child)
	case dismiss:
		c.dismiss(c.byName[e.name])
	case crewClose:
		c.close(e.exit)
	}
	for s := c.agenda.take(now); s != nil; s = c.agenda.take(now) {
		c.due(s)
	}
	c.advance()
	return c.orders
}

func (c *crew) order(o order) { c.orders = append(c.orders, o) }

func (c *crew) hire(child *Child) {
	if c.phase >= closing || c.byName[child.name] != nil {
		path := join(c.path, child.name)
		c.order(forgetChild{child.name, &Exit{Path: path, Reason: ReasonShutdown, Detail: c.path + " is stopping"}})
		return
	}
	c.start(c.seat(child))
}

func (c *crew) dismiss(s *seat) {
	switch {
	case s == nil:
	case s.state == waiting:
		c.drop(s)
	default:
		s.leave = true
		c.stop(s)
	}
}

// close begins the ordered stop. The first reason stands.
func (c *crew) close(exit *Exit) {
	if c.phase >= closing {
		return
	}
	c.phase, c.exit = closing, exit
	c.order(retire{})
	for _, s := range c.inOrder() {
		switch {
		case s.state == waiting && c.spec.Strategy == Dynamic:
			c.drop(s)
		case s.state == waiting:
			c.agenda.set(s, time.Time{})
		case c.spec.Strategy == Dynamic:
			c.stop(s)
		}
	}
}

// drop forgets a child that waits.
func (c *crew) drop(s *seat) {
	c.forget(s, &Exit{Path: join(c.path, s.child.name), Incarnation: s.life, Reason: ReasonShutdown})
}

// inOrder lists the seats by age.
func (c *crew) inOrder() []*seat {
	if c.spec.Strategy != Dynamic {
		return c.seats
	}
	all := make([]*seat, 0, len(c.byName))
	for _, s := range c.byName {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *seat) int { return a.born - b.born })
	return all
}

func (c *crew) start(s *seat) {
	s.state, s.life, s.since = starting, c.number(), time.Time{}
	c.limit(s, s.child.startWithin)
	c.order(startChild{s.child, s.life})
}

func (c *crew) stop(s *seat) {
	if !s.alive() {
		return
	}
	s.state = stopping
	c.limit(s, s.child.stopWithin)
	c.order(stopChild{s.child.name, s.life})
}

// limit sets the deadline of the seat's state; zero: none.
func (c *crew) limit(s *seat, within time.Duration) {
	if within <= 0 {
		c.agenda.set(s, time.Time{})
		return
	}
	c.agenda.set(s, c.now.Add(within))
}

// forget removes a seat for good.
func (c *crew) forget(s *seat, exit *Exit) {
	c.agenda.set(s, time.Time{})
	if c.spec.Strategy == Dynamic {
		delete(c.byName, s.child.name)
	} else {
		s.state = done
	}
	c.order(forgetChild{s.child.name, exit})
}
