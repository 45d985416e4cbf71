package virtual_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/waymeet/waymeet/supervision"
	"github.com/waymeet/waymeet/supervision/virtual"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// ball is what the players of a test throw at each other; it crashes who
// receives it with count zero.
type ball struct{ count int }

// player throws the ball on, half of the time by way of a task, half of the
// time later.
type player struct {
	next  string
	heard func(string)
}

func (p *player) Start(*supervision.Context[ball]) error { return nil }
func (p *player) Stop(*supervision.Context[ball])        {}

func (p *player) Receive(c *supervision.Context[ball], b ball) {
	p.heard(fmt.Sprintf("%s %s %d", c.Now().Sub(start), c.Path(), b.count))
	next := supervision.Lookup[ball](c.Tree(), p.next)
	switch {
	case b.count%7 == 0:
		panic("dropped the ball")
	case b.count%3 == 0:
		c.WakeAt(c.Now().Add(time.Duration(b.count)*time.Second), ball{b.count + 1})
	case b.count%2 == 0:
		c.Task("throw", func(_ context.Context, emit func(ball)) { emit(ball{b.count + 1}) })
	default:
		if err := next.Tell(ball{b.count + 1}); err != nil {
			p.heard(err.Error())
		}
	}
}

// play runs three players that throw balls at each other, and returns what they
// heard.
func play(t *testing.T, seed uint64) string {
	t.Helper()
	var heard []string
	runtime := virtual.New(seed, start)
	names := []string{"a", "b", "c"}
	var children []supervision.Child
	for i, name := range names {
		p := &player{next: "/" + names[(i+1)%3], heard: func(s string) { heard = append(heard, s) }}
		children = append(children, supervision.WorkerSpec[ball]{
			Name: name, New: func() supervision.Actor[ball] { return p },
		}.Child())
	}
	tree, err := supervision.Launch(supervision.Config{Runtime: runtime, Seed: seed}, supervision.SupervisorSpec{
		Intensity: supervision.Intensity{Restarts: 1000, Within: time.Second}, Children: children,
	})
	if err != nil {
		t.Fatal(err)
	}
	runtime.Settle()
	select {
	case <-tree.Up():
	default:
		t.Fatal("the tree did not come up without time passing")
	}
	for i := range 60 {
		if err := supervision.Lookup[ball](tree, "/"+names[i%3]).Tell(ball{i}); err != nil {
			t.Fatal(err)
		}
	}
	runtime.RunFor(time.Hour)
	tree.Shutdown()
	runtime.RunFor(time.Minute)
	select {
	case <-tree.Done():
	default:
		t.Fatal("the tree did not stop")
	}
	return strings.Join(heard, "\n")
}

// The same seed gives the same run, step by step; another seed another one.
func TestSameSeedSameRun(t *testing.T) {
	runs := make(map[string]bool)
	for seed := range uint64(20) {
		first := play(t, seed)
		if again := play(t, seed); again != first {
			t.Fatalf("seed %d ran in two ways:\n%s\n---\n%s", seed, first, again)
		}
		if lines := strings.Count(first, "\n"); lines < 60 {
			t.Fatalf("only %d lines", lines)
		}
		runs[first] = true
	}
	if len(runs) != 20 {
		t.Errorf("20 seeds gave %d different runs", len(runs))
	}
}

// Timers fire in the order of their times, those of one time in any order, and
// one that was stopped or set anew does not fire as it was.
func TestTimers(t *testing.T) {
	runtime := virtual.New(1, start)
	var fired []string
	note := func(name string) func() {
		return func() { fired = append(fired, fmt.Sprint(name, " ", runtime.Now().Sub(start))) }
	}
	runtime.AfterFunc(2*time.Second, note("two"))
	runtime.AfterFunc(time.Second, note("one"))
	stopped := runtime.AfterFunc(time.Second, note("stopped"))
	moved := runtime.AfterFunc(time.Second, note("moved"))
	if !stopped.Stop() || stopped.Stop() {
		t.Error("Stop says whether it had not fired yet")
	}
	if !moved.Reset(3 * time.Second) {
		t.Error("Reset says whether it had not fired yet")
	}
	runtime.RunUntil(start.Add(1500 * time.Millisecond))
	if now := runtime.Now(); !now.Equal(start.Add(1500 * time.Millisecond)) {
		t.Errorf("the clock stands at %v", now)
	}
	for runtime.Step() {
	}
	if got, want := strings.Join(fired, ", "), "one 1s, two 2s, moved 3s"; got != want {
		t.Errorf("fired %s, want %s", got, want)
	}
	if runtime.Steps() != 3 {
		t.Errorf("%d steps", runtime.Steps())
	}
	if moved.Reset(time.Second) {
		t.Error("a timer that has fired was still waiting")
	}
	runtime.AfterFunc(time.Second, func() { moved.Stop() })
	for runtime.Step() {
	}
	for _, line := range fired[3:] {
		if line != "moved 4s" {
			t.Error(line)
		}
	}
}

// What is ready at one time runs in an order that the seed decides.
func TestOrderIsTheSeeds(t *testing.T) {
	orders := make(map[string]bool)
	for seed := range uint64(10) {
		runtime := virtual.New(seed, start)
		order := ""
		for name := range 9 {
			runtime.Schedule(func() { order += fmt.Sprint(name) })
		}
		runtime.Settle()
		if len(order) != 9 {
			t.Fatalf("ran %q", order)
		}
		orders[order] = true
	}
	if len(orders) < 9 {
		t.Errorf("10 seeds gave %d orders", len(orders))
	}
}

// The clock never runs past the time that was asked for, though nothing is left
// of what was ready.
func TestRunUntilStops(t *testing.T) {
	for seed := range uint64(20) {
		runtime := virtual.New(seed, start)
		var a, b supervision.Timer
		a = runtime.AfterFunc(time.Second, func() { b.Stop() })
		b = runtime.AfterFunc(time.Second, func() { a.Stop() })
		runtime.AfterFunc(time.Hour, func() {})
		runtime.RunFor(time.Second)
		if at := runtime.Now().Sub(start); at != time.Second {
			t.Errorf("seed %d: the clock stands at %v after a second", seed, at)
		}
	}
}
