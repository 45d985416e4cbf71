package main

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// bareResult is how soon protoactor brings its own actors back, without
// supervision above it: the yardstick of a storm.
type bareResult struct {
	Kills     int     `json:"kills"`
	P50Millis float64 `json:"p50_ms"`
	P99Millis float64 `json:"p99_ms"`
}

// bareKill makes a bareActor panic.
type bareKill struct{ at time.Time }

// bareActor knows when its last life was told to die.
type bareActor struct {
	mu        sync.Mutex
	killed    time.Time
	recovered []time.Duration
}

// Receive implements actor.Actor.
func (a *bareActor) Receive(c actor.Context) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch m := c.Message().(type) {
	case *actor.Started:
		if !a.killed.IsZero() {
			a.recovered = append(a.recovered, time.Since(a.killed))
		}
	case bareKill:
		a.killed = m.at
		panic("killed")
	}
}

// times are those that its restarts took; one may still be under way.
func (a *bareActor) times() []time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.recovered)
}

// bareStorm kills so many actors of protoactor in turn, at that rate, for so
// long, under one supervisor that always restarts them at once.
func bareStorm(ctx context.Context, actors int, rate float64, length time.Duration) bareResult {
	system := actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger {
		return slog.New(slog.DiscardHandler)
	}))
	always := actor.NewOneForOneStrategy(1<<30, time.Nanosecond, func(any) actor.Directive { return actor.RestartDirective })
	all := make([]*bareActor, actors)
	pids := make([]*actor.PID, actors)
	for i := range all {
		all[i] = &bareActor{}
		pids[i] = system.Root.Spawn(actor.PropsFromProducer(func() actor.Actor { return all[i] }, actor.WithGuardian(always)))
	}
	strike := time.NewTicker(time.Duration(float64(time.Second) / rate))
	defer strike.Stop()
	end := time.NewTimer(length)
	defer end.Stop()
	var result bareResult
	for over := false; !over; {
		select {
		case <-strike.C:
			system.Root.Send(pids[result.Kills%actors], bareKill{time.Now()})
			result.Kills++
		case <-end.C:
			over = true
		case <-ctx.Done():
			over = true
		}
	}
	var recovered []time.Duration
	for i, pid := range pids {
		_ = system.Root.StopFuture(pid).Wait() // it times out at worst
		recovered = append(recovered, all[i].times()...)
	}
	slices.Sort(recovered)
	percentile := func(p int) float64 {
		if len(recovered) == 0 {
			return 0
		}
		return float64(recovered[min(len(recovered)*p/100, len(recovered)-1)].Microseconds()) / 1000
	}
	result.P50Millis, result.P99Millis = percentile(50), percentile(99)
	return result
}
