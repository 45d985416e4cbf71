package netwatch

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// script is a machine on which one thing happens at every look.
type script struct {
	timed
	looks  []func(*script) error
	at     int
	state  Snapshot
	wall   time.Duration
	begun  time.Time
	rings  bool
	closed int
	ended  func()
}

func (s *script) look() (Snapshot, error) {
	if s.at == len(s.looks) {
		s.ended()
		return s.state, nil
	}
	s.at++
	err := s.looks[s.at-1](s)
	return s.state, err
}

func (s *script) now() reading {
	return reading{wall: time.Now().Add(s.wall), steady: time.Since(s.begun)}
}

func (s *script) wait(ctx context.Context, d time.Duration) bool {
	if s.rings {
		return true
	}
	return s.timed.wait(ctx, d)
}

func (s *script) close() { s.closed++ }

func runScript(t *testing.T, s *script) (changes []Change, took time.Duration) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s.ended, s.begun = cancel, time.Now()
	if err := watch(ctx, Config{}, s, func(c Change) { changes = append(changes, c) }); err != nil {
		t.Fatal(err)
	}
	if s.closed != 1 {
		t.Errorf("closed %d times", s.closed)
	}
	return changes, time.Since(s.begun)
}

func reasons(changes []Change) []string {
	var list []string
	for _, c := range changes {
		list = append(list, c.Reason)
	}
	return list
}

func TestWatchReportsEachChangeOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		same := func(*script) error { return nil }
		s := &script{looks: []func(*script) error{
			func(s *script) error { s.state = aSnapshot(); return nil },
			same,
			func(s *script) error { s.state = aSnapshot(); s.state.Defaults = nil; return nil },
			same,
			func(s *script) error { return errors.New("too many open files") },
			func(s *script) error { s.wall += 3 * time.Hour; return nil },
			same, same,
			func(s *script) error { s.wall -= time.Minute; return nil },
			same,
			func(s *script) error { s.wall += 4 * time.Second; return nil },
			same,
		}}
		changes, took := runScript(t, s)
		want := []string{"first look", "default route changed", "woke up after 3h0m0s", "the clock went back by 1m0s"}
		if got := reasons(changes); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		if len(changes[1].Snapshot.Defaults) != 0 || len(changes[2].Snapshot.Interfaces) != 2 {
			t.Error("a report without its snapshot")
		}
		if want := 2 * time.Second * time.Duration(len(s.looks)); took != want {
			t.Errorf("%d looks took %v, want %v", len(s.looks), took, want)
		}
	})
}

func TestStormOfNotificationsIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{rings: true, looks: slices.Repeat([]func(*script) error{func(*script) error { return nil }}, 100)}
		if _, took := runScript(t, s); took < 99*restBetween {
			t.Errorf("100 looks in %v", took)
		}
	})
}

func TestWatchNeedsAFirstLook(t *testing.T) {
	s := &script{looks: []func(*script) error{func(*script) error { return errors.New("no") }}}
	err := watch(context.Background(), Config{}, s, func(Change) { t.Error("reported nothing") })
	if err == nil || s.closed != 1 {
		t.Errorf("%v, closed %d times", err, s.closed)
	}
}

// The real machine: the first report comes at once, and nothing is left
// running (TestMain).
func TestWatchOfThisMachineEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	var got []string
	err := Watch(ctx, Config{Interval: time.Hour}, func(c Change) {
		got = append(got, c.Reason)
		cancel()
	})
	if err != nil || !slices.Equal(got, []string{"first look"}) {
		t.Errorf("%v, %q", err, got)
	}
}

func TestJumpOfTheWallClock(t *testing.T) {
	before := reading{wall: time.Unix(1000, 0), steady: time.Minute}
	tests := []struct {
		wall, steady time.Duration
		want         string
	}{
		{2 * time.Second, 2 * time.Second, ""},
		{time.Hour, time.Hour, ""},
		{7 * time.Second, 2 * time.Second, ""},
		{8 * time.Second, 2 * time.Second, "woke up after 6s"},
		{-4 * time.Second, 2 * time.Second, "the clock went back by 6s"},
	}
	for _, test := range tests {
		after := reading{wall: before.wall.Add(test.wall), steady: before.steady + test.steady}
		if got := before.jump(after); got != test.want {
			t.Errorf("wall %v, steady %v: %q, want %q", test.wall, test.steady, got, test.want)
		}
	}
}
