package rendezvoustest

import (
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/channel"
)

// bareTree runs the machines of a process without supervision: who dies is
// started again at once, and who stands behind it with it.
type bareTree struct{ chaos *chaos }

// Start implements Tree.
func (t bareTree) Start(m Machines) {
	m.KeepContexts()
	bear(t, m.Network)
	bear(t, m.Manager)
	bear(t, m.Inviter)
}

// SpawnContext implements Tree. Sync and publisher go with the store
// (rest_for_one).
func (t bareTree) SpawnContext(_ messages.ContextID, store *JournalHost, sync *SyncHost, publisher *PublisherHost) {
	if store.actor != nil {
		return
	}
	s := bear(t, store)
	s.rest = []func(){bear(t, sync).start, bear(t, publisher).start}
}

// SpawnPair implements Tree.
func (t bareTree) SpawnPair(_ channel.Pair, h *PairHost) { bearOnce(t, h) }

// SpawnHandshaker implements Tree.
func (t bareTree) SpawnHandshaker(_ messages.AttemptID, h *ShakerHost) { bear(t, h).temporary = true }

// SpawnRelay implements Tree.
func (t bareTree) SpawnRelay(_ string, h *RelayHost) { bearOnce(t, h) }

// SpawnJoin implements Tree.
func (t bareTree) SpawnJoin(_ string, h *JoinerHost) { bear(t, h).temporary = true }

// Halt implements Tree: whatever runs is Gone.
func (bareTree) Halt() {}

// bare plays the actor around one machine: a message comes in, Step decides,
// the effects are done in order, one timer is armed. It never steps a machine
// inside the step of another but at its start.
type bare[M, F any] struct {
	*Host[M, F]
	chaos *chaos
	// temporary machines are not built again when they die; watchers hear of
	// that.
	temporary bool
	watchers  []func()
	// rest starts those again that go with this one.
	rest []func()

	machine Machine[M, F]
	life    int
	armed   time.Time
}

// bear gives the host an actor and starts it.
func bear[M, F any](t bareTree, h *Host[M, F]) *bare[M, F] {
	b := &bare[M, F]{Host: h, chaos: t.chaos}
	h.Run(b)
	b.start()
	return b
}

func bearOnce[M, F any](t bareTree, h *Host[M, F]) {
	if h.actor == nil {
		bear(t, h)
	}
}

// start begins a new life.
func (b *bare[M, F]) start() {
	b.life++
	life := b.life
	b.machine, b.armed = b.Build(), time.Time{}
	for _, message := range b.First() {
		if b.life == life {
			b.step(message)
		}
	}
}

// End implements Actor. Ending twice is fine.
func (b *bare[M, F]) End() {
	if b.machine == nil {
		return
	}
	if b.Last != nil {
		for _, message := range b.Last() {
			b.step(message)
		}
	}
	b.stop()
}

func (b *bare[M, F]) stop() {
	b.life++
	b.machine = nil
}

// Kill implements Actor. What waits for the machine is handled by the next
// life, as a mailbox survives its actor.
func (b *bare[M, F]) Kill() {
	switch {
	case b.machine == nil:
		return
	case b.temporary:
		b.stop()
	default:
		b.start()
		for _, start := range b.rest {
			start()
		}
	}
	if b.Died != nil {
		b.Died()
	}
	for _, tell := range b.watchers {
		tell()
	}
}

// Tell implements Actor.
func (b *bare[M, F]) Tell(message M) {
	b.process.after(0, func() {
		if b.machine != nil {
			b.step(message)
		}
	})
}

// Task implements Actor.
func (b *bare[M, F]) Task(_ string, takes time.Duration, work func(emit func(M))) {
	life := b.life
	b.process.after(takes, func() {
		work(func(message M) {
			if b.life == life {
				b.step(message)
			}
		})
	})
}

// Watch implements Actor.
func (b *bare[M, F]) Watch(id messages.AttemptID, message M) {
	if a := b.process.attempt(id); a != nil {
		shaker := a.shaker.actor.(interface{ watch(func()) })
		life := b.life
		shaker.watch(func() {
			if b.life == life {
				b.Tell(message)
			}
		})
	}
}

func (b *bare[M, F]) watch(told func()) { b.watchers = append(b.watchers, told) }

func (b *bare[M, F]) step(message M) {
	life := b.life
	if b.struck() {
		return
	}
	for _, effect := range b.machine.Step(b.process.world.now(), message) {
		b.Perform(effect)
		if b.life != life || b.struck() {
			return
		}
	}
	b.arm()
}

// arm sets the one timer to the machine's deadline.
func (b *bare[M, F]) arm() {
	due := b.machine.Deadline()
	if due.Equal(b.armed) {
		return
	}
	b.armed = due
	if due.IsZero() {
		return
	}
	life := b.life
	b.process.after(due.Sub(b.process.world.now()), func() {
		if b.life == life && b.armed.Equal(due) {
			b.armed = time.Time{}
			b.step(b.Host.Tick)
		}
	})
}

// struck is asked at every step of every machine.
func (b *bare[M, F]) struck() bool {
	if !b.chaos.strikes(b.process.name + " " + b.label()) {
		return false
	}
	b.Kill()
	return true
}
