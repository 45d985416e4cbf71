package netwatch

import (
	"cmp"
	"context"
	"time"
)

// Config says how to watch. The zero Config is ready to use.
type Config struct {
	// Interval is how often to look without being woken; 2 s if zero.
	Interval time.Duration
}

func (c Config) interval() time.Duration { return cmp.Or(c.Interval, 2*time.Second) }

// restBetween is how long to rest after a look that the kernel asked for: a
// storm of notifications costs 20 looks a second, not a processor.
const restBetween = 50 * time.Millisecond

// Change is what the watcher reports.
type Change struct {
	Snapshot Snapshot
	// Reason says why, for people: "addresses of eth0 changed", "woke up after
	// 3h0m0s". It is "first look" in the first report.
	Reason string
}

// Watch reports the network as it is, then every change of it, until ctx ends;
// it then returns nil. It calls deliver from its own goroutine, which is the
// caller's: Watch blocks, and leaves nothing running. While deliver runs,
// nothing is watched, and nothing is missed for longer than that.
//
// The error is that of the first look: without it there is nothing to compare
// with. A later look that fails is tried again at the next interval.
func Watch(ctx context.Context, config Config, deliver func(Change)) error {
	return watch(ctx, config, system{newBell(), time.Now()}, deliver)
}

// source is what a watcher looks at: the machine, or a test.
type source interface {
	// look takes a snapshot.
	look() (Snapshot, error)
	// now is the wall time and, for durations, its monotonic part.
	now() reading
	bell
}

// bell wakes a watcher.
type bell interface {
	// wait returns after d, sooner if something may have changed (true), or
	// when ctx ends.
	wait(ctx context.Context, d time.Duration) bool
	close()
}

// system is the machine itself.
type system struct {
	bell
	// start is any instant with a monotonic part.
	start time.Time
}

func (system) look() (Snapshot, error) { return Read() }

func (s system) now() reading {
	now := time.Now()
	return reading{wall: now.Round(0), steady: now.Sub(s.start)}
}

func watch(ctx context.Context, config Config, s source, deliver func(Change)) error {
	defer s.close()
	last, err := s.look()
	if err != nil {
		return err
	}
	clock := s.now()
	deliver(Change{last, "first look"})
	for ctx.Err() == nil {
		woken := s.wait(ctx, config.interval())
		before := clock
		clock = s.now()
		next, err := s.look()
		if err != nil {
			next = last
		}
		reason := last.Difference(next)
		if jump := before.jump(clock); reason == "" {
			reason = jump
		}
		last = next
		if reason != "" && ctx.Err() == nil {
			deliver(Change{last, reason})
		}
		if woken {
			timed{}.wait(ctx, restBetween)
		}
	}
	return nil
}

// reading is one reading of both clocks.
type reading struct {
	wall time.Time
	// steady never jumps; it stands still while the machine sleeps.
	steady time.Duration
}

// jumpLimit is how far the wall clock may get away from the steady one before
// it counts as a jump: more than a correction of a clock that was nearly right.
const jumpLimit = 5 * time.Second

// jump says how the wall clock jumped until the later reading, or nothing. A
// machine that slept woke up in a network that may be another one, even if it
// looks the same (SPEC 10.9).
func (r reading) jump(later reading) string {
	switch gap := (later.wall.Sub(r.wall) - (later.steady - r.steady)).Round(time.Second); {
	case gap > jumpLimit:
		return "woke up after " + gap.String()
	case gap < -jumpLimit:
		return "the clock went back by " + (-gap).String()
	}
	return ""
}

// timed waits for a time alone; it is the bell of systems that have none.
type timed struct{}

func (timed) wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
	return false
}

func (timed) close() {}
