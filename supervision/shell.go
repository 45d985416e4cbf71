package supervision

import "time"

// Machine is what is decided: no clock, goroutine, lock or I/O inside, and not
// safe for concurrent use.
type Machine[E, F any] interface {
	// Step takes one event at the given time and returns what to do now, in
	// order.
	Step(now time.Time, event E) []F
	// Deadline is when to step again with the tick; zero: not needed.
	Deadline() time.Time
}

// Host makes an actor of a machine: event, Step, perform the effects in order,
// set one timer at Deadline. It is the only place where deciding meets doing.
type Host[E, F any] struct {
	// New makes the machine from the stored truth. It is called in every life.
	New func(c *Context[E]) (Machine[E, F], error)
	// Perform executes one effect. A panic in it is a crash of the actor; the
	// effects after it are then lost.
	Perform func(c *Context[E], effect F)
	// Tick is the event that means: the deadline has come.
	Tick E
	// First are stepped right after New, within Start.
	First []E
	// Last gives what is stepped in a clean stop; nil: nothing.
	Last func() []E
}

// Actor makes the actor; give the method itself to WorkerSpec.New.
func (h Host[E, F]) Actor() Actor[E] { return &hosted[E, F]{host: h} }

// hosted is one life of a machine.
type hosted[E, F any] struct {
	host    Host[E, F]
	machine Machine[E, F]
}

// Start makes the machine and steps the first events.
func (h *hosted[E, F]) Start(c *Context[E]) error {
	m, err := h.host.New(c)
	if err != nil {
		return err
	}
	h.machine = m
	for _, e := range h.host.First {
		h.step(c, e)
	}
	c.WakeAt(m.Deadline(), h.host.Tick)
	return nil
}

// Receive steps the machine with one event.
func (h *hosted[E, F]) Receive(c *Context[E], event E) {
	h.step(c, event)
	c.WakeAt(h.machine.Deadline(), h.host.Tick)
}

// Stop steps the last events.
func (h *hosted[E, F]) Stop(c *Context[E]) {
	if h.host.Last == nil {
		return
	}
	for _, e := range h.host.Last() {
		h.step(c, e)
	}
}

// step decides and does. An actor that was abandoned on the way does no more.
func (h *hosted[E, F]) step(c *Context[E], event E) {
	cell, life := c.worker.cell, &c.life
	phase := cell.phase
	for _, effect := range h.machine.Step(c.Now(), event) {
		if !c.Live() {
			return
		}
		cell.point(life, BeforeEffect, effect)
		h.host.Perform(c, effect)
		cell.point(life, AfterEffect, effect)
	}
	cell.phase = phase
}
