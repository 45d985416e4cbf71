package mux_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/transport/mux"
	tt "github.com/waymeet/waymeet/transport/transporttest"
)

func TestPathsCompareAndPrint(t *testing.T) {
	if mux.Direct(ap("[::ffff:192.0.2.1]:5")) != mux.Direct(ap("192.0.2.1:5")) {
		t.Error("one address in two forms makes two paths")
	}
	relay := mux.Relayed(ap("192.0.2.1:5"), mux.Session{1})
	if relay == mux.Relayed(ap("192.0.2.1:5"), mux.Session{2}) || relay == mux.Direct(ap("192.0.2.1:5")) {
		t.Error("two paths are equal")
	}
	if got := relay.String(); got != "relay 192.0.2.1:5" {
		t.Errorf("relay path prints %q", got)
	}
	if got := (mux.Path{}).String(); got != "no path" {
		t.Errorf("zero path prints %q", got)
	}
}

func TestSetPathSwitchesAtOnce(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		relay := tt.NewRelay(t, tt.Memory(t, w.network, "192.0.2.7:7"))
		out, back := relay.Join(w.left.Socket.LocalAddr(), w.right.Socket.LocalAddr())
		w.Attempt = tt.NewAttempt(t, "x", messages.SuiteAESGCM, w.left, w.right, out, back)
		w.Install(t)
		say(t, w.Dialled, w.left, "relayed")
		w.settle()
		forwarded := relay.Forwarded()
		w.Dialled.SetPath(w.right.Path())
		w.Accepted.SetPath(w.left.Path())
		say(t, w.Dialled, w.left, "direct")
		w.settle()
		expectHeard(t, w.right, "relayed direct")
		if relay.Forwarded() != forwarded {
			t.Error("the relay still forwards")
		}
		w.Dialled.SetPath(mux.Path{})
		if first, second := w.Dialled.Paths(); first != w.right.Path() || !second.IsZero() {
			t.Errorf("paths %v and %v after a zero path", first, second)
		}
	})
}

// SPEC 10.7: "send on both".
func TestSetPathsSendsOnBoth(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.connect(t)
		relay := tt.NewRelay(t, tt.Memory(t, w.network, "192.0.2.7:7"))
		out, _ := relay.Join(w.left.Socket.LocalAddr(), w.right.Socket.LocalAddr())
		w.Dialled.SetPaths(w.right.Path(), out)
		if first, second := w.Dialled.Paths(); first != w.right.Path() || second != out {
			t.Errorf("paths %v and %v", first, second)
		}
		say(t, w.Dialled, w.left, "twice")
		w.settle()
		expectHeard(t, w.right, "twice twice")
		if got := w.right.Socket.Stats().DroppedReplayed; got != 0 {
			t.Errorf("%d replays: the copies are not sealed each for its path", got)
		}
	})
}

func TestRepeatSendsTheLastPacketsNewlySealed(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.connect(t)
		say(t, w.Dialled, w.left, "1", "2")
		if err := w.Dialled.Repeat(); err != nil {
			t.Fatal(err)
		}
		w.settle()
		expectHeard(t, w.right, "1 2 1 2")
		say(t, w.Dialled, w.left, "3", "4", "5")
		if err := w.Dialled.Repeat(); err != nil {
			t.Fatal(err)
		}
		w.settle()
		expectHeard(t, w.right, "3 4 5 2 3 4 5")
		a := &tt.Attempt{}
		a.Dial(t, "y", messages.SuiteAESGCM, w.left, w.right.Path())
		if err := a.Dialled.Repeat(); err != mux.ErrNotReady {
			t.Errorf("before Install: %v", err)
		}
	})
}

// relayed makes a link through a relay.
func (w *world) relayed(t *testing.T) *tt.Relay {
	t.Helper()
	relay := tt.NewRelay(t, tt.Memory(t, w.network, "192.0.2.7:7"))
	out, back := relay.Join(w.left.Socket.LocalAddr(), w.right.Socket.LocalAddr())
	w.Attempt = tt.NewAttempt(t, "x", messages.SuiteAESGCM, w.left, w.right, out, back)
	w.Install(t)
	w.settle()
	return relay
}

func moves(e *tt.End) (n int) {
	for _, event := range e.Events() {
		if _, ok := event.(mux.PathMoved); ok {
			n++
		}
	}
	return n
}

func TestRelayPathFollowsTheNewSession(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		relay := w.relayed(t)
		relay.Restart()
		time.Sleep(300 * time.Millisecond)
		out, back := relay.Join(w.left.Socket.LocalAddr(), w.right.Socket.LocalAddr())
		w.Dialled.SetPath(out) // dialled anew; the responder is not told
		say(t, w.Dialled, w.left, "again")
		w.settle()
		if first, _ := w.Accepted.Paths(); first != back {
			t.Errorf("the responder sends on %v, want the new session", first)
		}
		say(t, w.Accepted, w.right, "found you")
		w.settle()
		expectHeard(t, w.left, "found you")
		if got := moves(w.right); got != 1 {
			t.Errorf("PathMoved %d times, want once", got)
		}
	})
}

func TestOldCountersMoveNothing(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		relay := w.relayed(t)
		wire := newSpy(t, w, "192.0.2.9:9")
		w.Dialled.SetPath(mux.Relayed(wire.path().Addr, mux.Session{}))
		say(t, w.Dialled, w.left, "kept back")
		var late []byte
		for _, d := range wire.datagrams(t) {
			if _, _, text := openAs(t, messages.SuiteAESGCM, w.DialledKeys.Send[:], d[5:]); text == packet("kept back") {
				late = d
			}
		}
		out, _ := relay.Join(w.left.Socket.LocalAddr(), w.right.Socket.LocalAddr())
		w.Dialled.SetPath(out)
		say(t, w.Dialled, w.left, "newer")
		w.settle()
		before, _ := w.Accepted.Paths()
		time.Sleep(time.Second)
		wire.send(t, late, w.right.Path()) // valid, but not the newest
		w.settle()
		expectHeard(t, w.right, "newer kept back")
		if after, _ := w.Accepted.Paths(); after != before {
			t.Errorf("the path moved to %v", after)
		}
	})
}

func TestLivingRelayPathIsNotLeft(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		relay := w.relayed(t)
		out, _ := relay.Join(w.left.Socket.LocalAddr(), w.right.Socket.LocalAddr())
		old, _ := w.Dialled.Paths()
		was, _ := w.Accepted.Paths()
		for range 20 { // both sessions live: nothing to follow
			w.Dialled.SetPaths(old, out)
			say(t, w.Dialled, w.left, "x")
			time.Sleep(100 * time.Millisecond)
		}
		if now, _ := w.Accepted.Paths(); now != was || moves(w.right) != 0 {
			t.Errorf("the responder moved to %v", now)
		}
	})
}

// A direct path is only ever changed by SetPath.
func TestDirectPathsNeverMoveByThemselves(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.connect(t)
		relay := tt.NewRelay(t, tt.Memory(t, w.network, "192.0.2.7:7"))
		out, _ := relay.Join(w.left.Socket.LocalAddr(), w.right.Socket.LocalAddr())
		time.Sleep(5 * time.Second)
		w.Dialled.SetPath(out)
		say(t, w.Dialled, w.left, "by relay")
		w.settle()
		expectHeard(t, w.right, "by relay")
		if first, _ := w.Accepted.Paths(); first != w.left.Path() {
			t.Errorf("the direct path moved to %v", first)
		}
		other := mux.Direct(ap("192.0.2.3:3"))
		w.Accepted.SetPaths(w.left.Path(), other)
		time.Sleep(5 * time.Second)
		say(t, w.Dialled, w.left, "by relay")
		w.settle()
		if first, second := w.Accepted.Paths(); first != w.left.Path() || second != other {
			t.Errorf("the direct paths moved to %v and %v", first, second)
		}
		w.Accepted.SetPath(out)
		w.Dialled.SetPath(w.right.Path())
		time.Sleep(5 * time.Second)
		say(t, w.Dialled, w.left, "direct")
		w.settle()
		if first, _ := w.Accepted.Paths(); first != out {
			t.Errorf("the relay path moved to %v, which is direct", first)
		}
	})
}

// Two ends that both dialled a session of their own settle on one, instead of
// swapping them for ever.
func TestBothEndsDialledAnew(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		relay := w.relayed(t)
		relay.Restart()
		mine, _ := relay.Join(w.left.Socket.LocalAddr(), w.right.Socket.LocalAddr())
		_, theirs := relay.Join(w.left.Socket.LocalAddr(), w.right.Socket.LocalAddr())
		w.Dialled.SetPath(mine)
		w.Accepted.SetPath(theirs)
		w.left.Events()
		w.right.Events()
		for range 50 {
			say(t, w.Dialled, w.left, "l")
			say(t, w.Accepted, w.right, "r")
			time.Sleep(100 * time.Millisecond)
		}
		if l, r := moves(w.left), moves(w.right); l+r != 1 {
			t.Errorf("%d and %d moves, want one in all", l, r)
		}
		if l, r := len(w.left.Texts()), len(w.right.Texts()); l < 49 || r < 49 {
			t.Errorf("%d and %d of 50 packets came", l, r)
		}
		synctest.Wait()
	})
}
