package rendezvoustest

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// maxJobs bounds what a World does in one command: machines that wake each
// other for ever are a mistake, and end the test.
const maxJobs = 1_000_000

// World is nodes and relays, the wire between them, and the one clock of all.
// It is not safe for concurrent use.
type World struct {
	now    time.Time
	agenda agenda
	seed   uint64
	// entropy is what machines get as cryptographic randomness; sources counts
	// the sources of jitter that were given out.
	entropy io.Reader
	sources uint64
	wire    wire
	nodes   []*node
	relays  []*relayServer
	tickets []messages.Ticket
	names   names
	log     log
	chaos   chaos
}

// New is an empty World. All randomness that its machines get comes from the
// seed.
func New(seed uint64) *World {
	var key [32]byte
	binary.BigEndian.PutUint64(key[:], seed)
	w := &World{
		now:  time.Date(2026, time.March, 2, 9, 0, 0, 0, time.UTC),
		seed: seed, entropy: rand.NewChaCha8(key), names: newNames(),
	}
	w.wire.world, w.wire.toRelay = w, toRelay
	w.log.world = w
	return w
}

// KillAt ends the life of whichever machine takes that step, counted from 1:
// before a message, so that it is lost, or after one of its effects, so that
// the others are. Zero kills nobody.
func (w *World) KillAt(step int) { w.chaos.at = step }

// Takers names the machine that took every step, the first one first: "bob
// manager".
func (w *World) Takers() []string { return w.chaos.takers }

// after does something later; what is overdue comes now.
func (w *World) after(wait time.Duration, do func()) { w.agenda.add(w.now.Add(max(wait, 0)), do) }

// pass lets the time pass, or less if it is enough before. It reports whether
// it was.
func (w *World) pass(wait time.Duration, enough func() bool) bool {
	until := w.now.Add(wait)
	for range maxJobs {
		if enough() {
			return true
		}
		next, ok := w.agenda.next(until)
		if !ok {
			w.now = until
			return false
		}
		w.now = next.at
		next.do()
	}
	panic(fmt.Sprintf("rendezvoustest: %d jobs in one command: machines wake each other for ever", maxJobs))
}

// jitter is a fresh seeded source.
func (w *World) jitter() *rand.Rand {
	w.sources++
	return rand.New(rand.NewPCG(w.seed, w.sources))
}

// draw fills b with random bytes.
func (w *World) draw(b []byte) {
	if _, err := io.ReadFull(w.entropy, b); err != nil {
		panic("rendezvoustest: " + err.Error()) // a seeded source does not run dry
	}
}

func (w *World) node(name string) *node {
	for _, n := range w.nodes {
		if n.name == name {
			return n
		}
	}
	return nil
}

func (w *World) relay(name string) *relayServer {
	for _, r := range w.relays {
		if r.name == name {
			return r
		}
	}
	return nil
}
