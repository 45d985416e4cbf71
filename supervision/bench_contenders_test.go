//go:build unix

package supervision

import (
	"context"
	"log/slog"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// word is the inbox of the actors that are measured.
type word int

const (
	quiet word = iota // nothing to do
	loud              // answer
	boom              // panic
)

// tally waits for so many of something.
type tally struct {
	left atomic.Int64
	all  chan struct{}
}

func newTally() *tally { return &tally{all: make(chan struct{}, 1)} }

func (t *tally) expect(n int) { t.left.Store(int64(n)) }
func (t *tally) wait()        { <-t.all }
func (t *tally) hit() {
	if t.left.Add(-1) == 0 {
		t.all <- struct{}{}
	}
}

// hooks are what actors report to.
type hooks struct{ starts, answers *tally }

func newHooks() *hooks { return &hooks{newTally(), newTally()} }

// contender runs actors under one supervisor that restarts them always and at
// once.
type contender interface {
	// spawn starts n actors that report to h, returns when all have handled
	// their start, and says how to tell them something.
	spawn(n int, h *hooks) []func(word)
	// stop ends all actors and returns when none is left.
	stop()
}

// supervised are actors of this package, under a Dynamic supervisor.
type supervised struct {
	b    *testing.B
	tree *Tree
	made int // so many were spawned, and are named 1, 2, 3 …
	gone int // of which so many were stopped again
}

// wordActor is one of them.
type wordActor struct{ hooks *hooks }

func (a *wordActor) Start(*Context[word]) error { a.hooks.starts.hit(); return nil }

func (a *wordActor) Receive(_ *Context[word], w word) {
	switch w {
	case loud:
		a.hooks.answers.hit()
	case boom:
		panic("boom")
	}
}

func (a *wordActor) Stop(*Context[word]) {}

// often is an intensity that no benchmark exceeds, and under which every life
// is healthy.
var often = Intensity{Restarts: 1 << 20, Within: time.Millisecond}

func newSupervised(b *testing.B) *supervised {
	b.Helper()
	pool := SupervisorSpec{Name: "pool", Strategy: Dynamic, Intensity: often}
	tree, err := Start(Config{}, SupervisorSpec{Children: []Child{pool.Child()}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := tree.Stop(context.Background()); err != nil {
			b.Error(err)
		}
	})
	return &supervised{b: b, tree: tree}
}

func (s *supervised) spawn(n int, h *hooks) []func(word) {
	tells := make([]func(word), n)
	h.starts.expect(n)
	newActor := func() Actor[word] { return &wordActor{h} }
	for i := range tells {
		s.made++
		name := strconv.Itoa(s.made)
		spec := WorkerSpec[word]{Name: name, New: newActor}
		if err := s.tree.Spawn("/pool", spec.Child()); err != nil {
			s.b.Fatal(err)
		}
		ref := Lookup[word](s.tree, "/pool/"+name)
		tells[i] = func(w word) {
			if err := ref.Tell(w); err != nil {
				s.b.Error(err)
			}
		}
	}
	h.starts.wait()
	return tells
}

func (s *supervised) stop() {
	for s.gone < s.made {
		s.gone++
		if err := s.tree.StopChild("/pool/" + strconv.Itoa(s.gone)); err != nil {
			s.b.Error(err)
		}
	}
	for len(s.tree.Inspect()) > 2 { // the root and the pool
		time.Sleep(time.Millisecond)
	}
}

// bare are actors of protoactor, under an actor with its strategy that always
// restarts.
type bare struct {
	b      *testing.B
	system *actor.ActorSystem
	parent *actor.PID
	pids   []*actor.PID
	made   chan []*actor.PID
}

// bareActor is one of them.
type bareActor struct{ hooks *hooks }

func (a *bareActor) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case *actor.Started:
		a.hooks.starts.hit()
	case word:
		switch m {
		case loud:
			a.hooks.answers.hit()
		case boom:
			panic("boom")
		}
	}
}

// spawnMany tells their parent to spawn.
type spawnMany struct {
	n int
	h *hooks
}

func newBare(b *testing.B) *bare {
	b.Helper()
	silent := func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }
	p := &bare{b: b, system: actor.NewActorSystem(actor.WithLoggerFactory(silent)), made: make(chan []*actor.PID)}
	p.parent = p.system.Root.Spawn(actor.PropsFromFunc(func(c actor.Context) {
		if m, ok := c.Message().(spawnMany); ok {
			props := actor.PropsFromProducer(func() actor.Actor { return &bareActor{m.h} })
			pids := make([]*actor.PID, m.n)
			for i := range pids {
				pids[i] = c.Spawn(props)
			}
			p.made <- pids
		}
	}, actor.WithSupervisor(actor.NewRestartingStrategy())))
	b.Cleanup(func() { p.wait(p.system.Root.StopFuture(p.parent)) })
	return p
}

func (p *bare) spawn(n int, h *hooks) []func(word) {
	h.starts.expect(n)
	p.system.Root.Send(p.parent, spawnMany{n, h})
	pids := <-p.made
	h.starts.wait()
	p.pids = append(p.pids, pids...)
	tells := make([]func(word), n)
	for i, pid := range pids {
		tells[i] = func(w word) { p.system.Root.Send(pid, w) }
	}
	return tells
}

func (p *bare) stop() {
	for _, pid := range p.pids {
		p.wait(p.system.Root.StopFuture(pid))
	}
	p.pids = nil
}

func (p *bare) wait(f *actor.Future) {
	if err := f.Wait(); err != nil {
		p.b.Error(err)
	}
}
