package rendezvoustest

import "time"

// machine is what all machines are.
type machine[M, F any] interface {
	Step(now time.Time, message M) []F
	Deadline() time.Time
}

// host plays the actor around one machine: a message comes in, Step decides,
// the effects are done in order, one timer is armed. It never steps a machine
// inside the step of another but at its start.
type host[M, F any] struct {
	process *process
	// kind is the machine's name in commands, of whom says whose it is where
	// there are several of a kind.
	kind, of string
	// build makes the machine of a new life from the saved truth, first is
	// what that life begins with.
	build   func() machine[M, F]
	first   func() []M
	perform func(F)
	tick    M
	// down is told when the machine was killed and does not come back by
	// itself; nil: it is built again.
	down func()
	// rest are the hosts that are started again with this one (rest_for_one).
	rest func()

	machine machine[M, F]
	life    int
	armed   time.Time
}

// actor is a host, whatever its machine.
type actor interface {
	label() string
	kill()
	stop()
}

func (h *host[M, F]) label() string {
	if h.of == "" {
		return h.kind
	}
	return h.kind + " " + h.of
}

// start begins a new life.
func (h *host[M, F]) start() {
	h.life++
	life := h.life
	h.machine, h.armed = h.build(), time.Time{}
	for _, message := range h.first() {
		if h.life == life {
			h.step(message)
		}
	}
}

// stop ends the machine for good. Stopping twice is fine.
func (h *host[M, F]) stop() {
	h.life++
	h.machine = nil
}

// kill ends the life of the machine. What waits for it is handled by the next
// life, as a mailbox survives its actor.
func (h *host[M, F]) kill() {
	if h.machine == nil {
		return
	}
	if h.down != nil {
		h.stop()
		h.down()
		return
	}
	h.start()
	if h.rest != nil {
		h.rest()
	}
}

// tell puts a message into the mailbox.
func (h *host[M, F]) tell(message M) {
	h.process.after(0, func() {
		if h.machine != nil {
			h.step(message)
		}
	})
}

// later is the result of a task: only the life that began it hears of it.
func (h *host[M, F]) later(wait time.Duration, message M) {
	life := h.life
	h.process.after(wait, func() {
		if h.life == life {
			h.step(message)
		}
	})
}

func (h *host[M, F]) step(message M) {
	life := h.life
	if h.struck() {
		return
	}
	for _, effect := range h.machine.Step(h.process.world.now, message) {
		h.perform(effect)
		if h.life != life || h.struck() {
			return
		}
	}
	h.arm()
}

// arm sets the one timer to the machine's deadline.
func (h *host[M, F]) arm() {
	due := h.machine.Deadline()
	if due.Equal(h.armed) {
		return
	}
	h.armed = due
	if due.IsZero() {
		return
	}
	life := h.life
	h.process.after(due.Sub(h.process.world.now), func() {
		if h.life == life && h.armed.Equal(due) {
			h.armed = time.Time{}
			h.step(h.tick)
		}
	})
}

// struck is asked at every step of every machine.
func (h *host[M, F]) struck() bool {
	if !h.process.world.chaos.strikes(h.process.name + " " + h.label()) {
		return false
	}
	h.kill()
	return true
}

// chaos notes who takes every step, and says at which one somebody dies.
type chaos struct {
	takers []string
	at     int
}

func (c *chaos) strikes(who string) bool {
	c.takers = append(c.takers, who)
	return len(c.takers) == c.at
}
