//go:build unix

package supervision

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/waymeet/waymeet/internal/bench"
)

// The rows of `make bench` for actors: our time over that of bare protoactor,
// and our CPU time over its, in one interleaved run; less is better. Both sides
// do the same work, with a bounded number of messages on the way.
const (
	benchRounds = 11
	benchMany   = 10_000 // actors that are spawned, or that crash at once
)

// contest measures ours and theirs in turns, and prints the row.
func contest(b *testing.B, row string, ours, theirs bench.Contender) {
	b.Helper()
	ours.Name, theirs.Name = "supervision", "protoactor"
	bench.Rounds(benchRounds, &ours, &theirs)
	for _, c := range []*bench.Contender{&ours, &theirs} {
		b.Logf("%-11s %8.3f ms a turn, %8.3f ms of CPU", c.Name, 1e3*bench.Median(c.Wall), 1e3*bench.Median(c.CPU))
	}
	bench.Cost(row, &ours, &theirs)
}

// samePair is a contest in which both sides do what turn makes for them.
func samePair(b *testing.B, row string, turn func(c contender) bench.Contender) {
	b.Helper()
	contest(b, row, turn(newSupervised(b)), turn(newBare(b)))
}

// A thousand messages are told, and the answer to the last is waited for.
func BenchmarkTell(b *testing.B) {
	samePair(b, "tell", func(c contender) bench.Contender {
		h := newHooks()
		tell, answers := c.spawn(1, h)[0], h.answers
		return bench.Contender{Turn: func() {
			for range 2000 {
				answers.expect(1)
				for range 999 {
					tell(quiet)
				}
				tell(loud)
				answers.wait()
			}
		}}
	})
}

// One question after the other, typed and by protoactor's future. Neither has a
// deadline.
func BenchmarkAsk(b *testing.B) {
	const turns = 50_000
	ours, theirs := newSupervised(b), newBare(b)
	spec := WorkerSpec[Reply[word]]{Name: "answering", New: func() Actor[Reply[word]] { return answering{} }}
	if err := ours.tree.Spawn("/pool", spec.Child()); err != nil {
		b.Fatal(err)
	}
	ref := Lookup[Reply[word]](ours.tree, "/pool/answering")
	pid := theirs.system.Root.Spawn(actor.PropsFromFunc(func(c actor.Context) {
		if _, ok := c.Message().(word); ok {
			c.Respond(loud)
		}
	}))
	contest(b, "ask",
		bench.Contender{Turn: func() {
			for range turns {
				answer, err := Ask(context.Background(), ref, func(r Reply[word]) Reply[word] { return r })
				if err != nil || answer != loud {
					b.Fatal(answer, err)
				}
			}
		}},
		bench.Contender{Turn: func() {
			for range turns {
				answer, err := theirs.system.Root.RequestFuture(pid, quiet, -1).Result()
				if err != nil || answer != loud {
					b.Fatal(answer, err)
				}
			}
		}})
}

// answering answers every question.
type answering struct{}

func (answering) Start(*Context[Reply[word]]) error               { return nil }
func (answering) Receive(_ *Context[Reply[word]], to Reply[word]) { to.Send(loud) }
func (answering) Stop(*Context[Reply[word]])                      {}

// Actors are spawned under one supervisor until all have handled their start.
func BenchmarkSpawn(b *testing.B) {
	samePair(b, "spawn", func(c contender) bench.Contender {
		return bench.Contender{Turn: func() { c.spawn(benchMany, newHooks()) }, Tidy: c.stop}
	})
}

// One actor panics, and the next message is waited for; again and again.
func BenchmarkRestart(b *testing.B) {
	samePair(b, "restart", func(c contender) bench.Contender {
		h := newHooks()
		tell, answers := c.spawn(1, h)[0], h.answers
		return bench.Contender{Turn: func() {
			for range 10_000 {
				answers.expect(1)
				tell(boom)
				tell(loud)
				answers.wait()
			}
		}}
	})
}

// Many actors panic at once, until all serve again.
func BenchmarkMassRestart(b *testing.B) {
	samePair(b, "mass_restart", func(c contender) bench.Contender {
		h := newHooks()
		tells := c.spawn(benchMany, h)
		return bench.Contender{Turn: func() { crashAll(tells, h.answers) }}
	})
}

func crashAll(tells []func(word), answers *tally) {
	answers.expect(len(tells))
	for _, tell := range tells {
		tell(boom)
	}
	for _, tell := range tells {
		tell(loud)
	}
	answers.wait()
}

// How long one sibling takes to answer while many others restart, over how long
// it takes while they are idle: the 99th percentiles of each round, and of those
// the medians. The second number is the same of protoactor.
func BenchmarkSibling(b *testing.B) {
	both := []*siblings{newSiblings("supervision", newSupervised(b)), newSiblings("protoactor", newBare(b))}
	for range benchRounds {
		for _, s := range both {
			s.round()
		}
	}
	for _, s := range both {
		b.Logf("%-11s p99 %6.1f µs idle, %6.1f µs while they restart", s.name, 1e6*bench.Median(s.idle), 1e6*bench.Median(s.busy))
	}
	bench.Row("sibling_p99", both[0].ratio(), both[1].ratio())
}

// siblings are one actor that is asked and many that crash.
type siblings struct {
	name       string
	tell       func(word)
	answers    *tally
	others     []func(word)
	recovered  *tally
	idle, busy []float64 // 99th percentiles, in seconds
}

func newSiblings(name string, c contender) *siblings {
	one, many := newHooks(), newHooks()
	return &siblings{
		name: name, tell: c.spawn(1, one)[0], answers: one.answers,
		others: c.spawn(benchMany, many), recovered: many.answers,
	}
}

func (s *siblings) round() {
	runtime.GC()
	idle := probe(s.tell, s.answers, func() { time.Sleep(50 * time.Millisecond) })
	busy := probe(s.tell, s.answers, func() { crashAll(s.others, s.recovered) })
	s.idle = append(s.idle, bench.Quantile(idle, 0.99))
	s.busy = append(s.busy, bench.Quantile(busy, 0.99))
}

func (s *siblings) ratio() float64 { return bench.Median(s.busy) / bench.Median(s.idle) }

// probe measures the round trips to an actor while something goes on, one every
// 100 µs, so that a long one weighs no more than for who comes by at any time.
// Between them it spins: after a sleep the machine would first have to wake up.
func probe(tell func(word), answers *tally, meanwhile func()) (seconds []float64) {
	over := make(chan struct{})
	go func() { meanwhile(); close(over) }()
	for next := time.Now(); ; next = time.Now().Add(100 * time.Microsecond) {
		for time.Now().Before(next) {
		}
		select {
		case <-over:
			return seconds
		default:
		}
		began := time.Now()
		answers.expect(1)
		tell(loud)
		answers.wait()
		seconds = append(seconds, time.Since(began).Seconds())
	}
}

// What an idle actor costs of heap and stacks, in bytes: ours, then
// protoactor's. Idle is an actor that has started; the second row is of those
// that have also handled a message.
func BenchmarkIdle(b *testing.B) {
	var rows [2][2][]float64 // started or served, ours or theirs
	for range benchRounds / 2 {
		for i, c := range []func() contender{
			func() contender { return newSupervised(b) },
			func() contender { return newBare(b) },
		} {
			started, served := idleBytes(c)
			rows[0][i], rows[1][i] = append(rows[0][i], started), append(rows[1][i], served)
		}
	}
	for i, name := range []string{"idle_bytes", "served_bytes"} {
		fmt.Printf("bench: %s %.0f %.0f\n", name, bench.Median(rows[i][0]), bench.Median(rows[i][1]))
	}
}

// idleBytes takes a new contender each time: protoactor keeps what it can of
// actors that are gone.
func idleBytes(fresh func() contender) (started, served float64) {
	c := fresh()
	before := memory()
	c.spawn(benchMany, newHooks())
	started = memory() - before
	c.stop()

	c, h := fresh(), newHooks()
	before = memory()
	tells := c.spawn(benchMany, h)
	h.answers.expect(benchMany)
	for _, tell := range tells {
		tell(loud)
	}
	h.answers.wait()
	clear(tells) // addresses are not the actors'
	served = memory() - before
	c.stop()
	return started / benchMany, served / benchMany
}

// memory is what lives on the heap and on stacks.
func memory() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc + m.StackInuse)
}
