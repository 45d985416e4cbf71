package supervision

import (
	"hash/fnv"
	"math/rand/v2"
)

// supervisor is the body of a cell that runs a crew: it is the shell of that
// machine. No code of users runs in it.
type supervisor struct {
	cell *cell
	spec SupervisorSpec
	crew *crew // of the current life; nil between lives
	life *life
}

func newSupervisor(c *cell, spec SupervisorSpec) *supervisor {
	return &supervisor{cell: c, spec: spec}
}

// deliver never happens: no Ref leads to a supervisor.
func (s *supervisor) deliver(envelope) {}

// handle takes an order or news of a child.
func (s *supervisor) handle(m control) {
	switch m := m.(type) {
	case beginLife:
		s.begin(m.number)
	case endLife:
		if s.cell.current() == m.number {
			s.step(crewClose{&Exit{Path: s.cell.path, Incarnation: m.number, Reason: ReasonShutdown}})
		}
	case killLife:
		if s.cell.current() == m.number && s.crew.phase < closing { // else it ends anyway
			crash := newCrash(killed{})
			s.cell.crashed(m.number, crash)
			s.step(crewClose{&Exit{Path: s.cell.path, Incarnation: m.number, Reason: ReasonCrash, Crash: crash}})
		}
	case wakeLife:
		if s.cell.current() == m.number {
			s.step(crewTick{})
		}
	case crewEvent:
		s.news(m)
	}
}

func (s *supervisor) begin(n Incarnation) {
	s.life = &life{number: n}
	s.cell.open(s.life)
	tree := s.cell.tree
	s.crew = newCrew(s.cell.path, n, s.spec, tree.random(s.cell.path, n), tree.nextLife)
	s.step(crewOpen{})
}

// news steps the crew. Between two lives there is none: a dynamic child that
// was spawned too late is turned away.
func (s *supervisor) news(event crewEvent) {
	if s.crew != nil {
		s.step(event)
		return
	}
	if h, ok := event.(hire); ok {
		path := join(s.cell.path, h.child.name)
		s.cell.tree.forget(s.cell, h.child.name, &Exit{Path: path, Reason: ReasonShutdown, Detail: s.cell.path + " is down"})
	}
}

// step is the shell's round: decide, do, set the timer.
func (s *supervisor) step(event crewEvent) {
	finished := false
	defer func() {
		if !finished {
			s.collapse(newCrash(recover()))
		}
	}()
	for _, o := range s.crew.Step(s.cell.tree.now(), event) {
		s.carryOut(o)
	}
	if s.crew != nil {
		s.arm()
	}
	finished = true
}

func (s *supervisor) carryOut(o order) {
	tree := s.cell.tree
	switch o := o.(type) {
	case startChild:
		tree.place(s.cell, o.child).box.post(beginLife{o.life})
	case stopChild:
		tree.childOf(s.cell, o.name).box.post(endLife{o.life})
	case abandonChild:
		tree.abandon(s.cell, o.name, o.waited)
	case mournChild:
		tree.lockedMourn(o.exit)
	case isolateChild:
		tree.childOf(s.cell, o.name).setState(StateQuarantined)
	case forgetChild:
		tree.forget(s.cell, o.name, o.exit)
	case acknowledge:
		s.cell.acknowledge(s.life)
	case resign:
		s.resign(o.exit)
	case retire:
		s.cell.setState(StateStopping)
	case report:
		tree.report(o.event)
	}
}

func (s *supervisor) resign(exit *Exit) {
	s.crew = nil
	s.life.end()
	s.cell.leave(exit)
}

// collapse ends a life whose crew panicked: a defect of this package. The
// children go without a clean stop, as if they had crashed with it.
func (s *supervisor) collapse(crash *Crash) {
	n := s.life.number
	s.cell.crashed(n, crash)
	for _, name := range s.cell.tree.childNames(s.cell) {
		s.cell.tree.forget(s.cell, name, &Exit{Path: join(s.cell.path, name), Reason: ReasonCrash, Crash: crash})
	}
	s.resign(&Exit{Path: s.cell.path, Incarnation: n, Reason: ReasonCrash, Crash: crash})
}

// arm sets the timer for the crew's deadline.
func (s *supervisor) arm() {
	at := s.crew.Deadline()
	l, box := s.life, &s.cell.box
	l.mu.Lock()
	defer l.mu.Unlock()
	if at.IsZero() {
		if l.timer != nil {
			l.timer.Stop()
		}
		return
	}
	wait := max(0, at.Sub(s.cell.tree.now()))
	if l.timer == nil {
		l.timer = s.cell.tree.config.Runtime.AfterFunc(wait, func() { box.post(wakeLife{l.number}) })
		return
	}
	l.timer.Reset(wait)
}

// random is the source of a supervisor's jitter: the same for the same seed,
// path and life.
func (t *Tree) random(path string, life Incarnation) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(path))
	return rand.New(rand.NewPCG(t.config.Seed, h.Sum64()+uint64(life)))
}
