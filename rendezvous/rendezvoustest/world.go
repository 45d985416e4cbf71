package rendezvoustest

import (
	"encoding/binary"
	"io"
	"math/rand/v2"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// World is nodes and relays, the wire between them, and the one clock of all.
// It is not safe for concurrent use.
type World struct {
	stage Stage
	seed  uint64
	// entropy is what machines get as cryptographic randomness; sources counts
	// the sources of jitter that were given out.
	entropy io.Reader
	sources uint64
	wire    wire
	nodes   []*node
	relays  []*relayServer
	nats    []*nat
	tickets []messages.Ticket
	names   names
	log     log
	// busy: hosts begin something new; rested: they have rested once, and change
	// the membership no more. faults are what never may happen.
	busy   bool
	rested bool
	faults []string
	defect Defect
}

// Beginning is when the clock of every World starts.
var Beginning = time.Date(2026, time.March, 2, 9, 0, 0, 0, time.UTC)

// New is an empty World without supervision, for scripts. All randomness that
// its machines get comes from the seed.
func New(seed uint64) *World { return NewOn(&bareStage{now: Beginning}, seed) }

// NewOn is an empty World on a stage.
func NewOn(stage Stage, seed uint64) *World {
	var key [32]byte
	binary.BigEndian.PutUint64(key[:], seed)
	w := &World{stage: stage, seed: seed, entropy: rand.NewChaCha8(key), names: newNames()}
	w.wire.world, w.wire.toRelay = w, toRelay
	w.log.world, w.log.began = w, w.now()
	return w
}

// KillAt ends the life of whichever machine takes that step, counted from 1:
// before a message, so that it is lost, or after one of its effects, so that
// the others are. Zero kills nobody. Only of a World without supervision.
func (w *World) KillAt(step int) { w.stage.(*bareStage).chaos.at = step }

// Takers names the machine that took every step, the first one first: "bob
// manager". Only of a World without supervision.
func (w *World) Takers() []string { return w.stage.(*bareStage).chaos.takers }

func (w *World) now() time.Time { return w.stage.Now() }

// after does something later; what is overdue comes now.
func (w *World) after(wait time.Duration, do func()) { w.stage.After(wait, do) }

// pass lets the time pass, or less if it is enough before. It reports whether
// it was.
func (w *World) pass(wait time.Duration, enough func() bool) bool { return w.stage.Pass(wait, enough) }

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
