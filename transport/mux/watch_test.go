package mux_test

import (
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/transport/mux"
	tt "github.com/waymeet/waymeet/transport/transporttest"
)

func (w *world) cut(on bool) {
	w.network.Cut(w.left.Socket.LocalAddr().Addr(), w.right.Socket.LocalAddr().Addr(), on)
}

// SPEC 10.7: "Direct path silent: suspect after max(3 RTT, 150 ms)". Who was
// told may die of something else before it acts: it is told every second.
func TestSilentPathIsToldEverySecondAndHeardAgain(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.connect(t)
		w.cut(true)
		sent := time.Now()
		say(t, w.Dialled, w.left, "anyone?")
		for w.left.Seen() == 0 && time.Since(sent) < time.Second {
			time.Sleep(time.Millisecond)
		}
		took := time.Since(sent)
		if want := 150 * time.Millisecond; took < want || took > want+5*time.Millisecond {
			t.Errorf("told after %v, want %v", took, want)
		}
		for range 12 {
			say(t, w.Dialled, w.left, "anyone?")
			time.Sleep(100 * time.Millisecond)
		}
		got := of[mux.PathSilent](w.left.Events())
		if len(got) != 2 || got[1].For-got[0].For != time.Second {
			t.Fatalf("events %+v, want PathSilent and, a second later, again", got)
		}
		for _, e := range got {
			if e.Path != w.right.Path() || e.Link != w.Dialled || e.For < 150*time.Millisecond {
				t.Errorf("event %+v", e)
			}
		}
		w.cut(false)
		say(t, w.Accepted, w.right, "here")
		w.settle()
		if got := of[mux.PathHeard](w.left.Events()); len(got) != 1 || got[0].Path != w.right.Path() {
			t.Errorf("events %+v, want one PathHeard", got)
		}
		w.cut(true)
		say(t, w.Dialled, w.left, "anyone?")
		time.Sleep(time.Second)
		if got := of[mux.PathSilent](w.left.Events()); len(got) != 1 {
			t.Errorf("%d PathSilent the second time, want 1", len(got))
		}
	})
}

func TestPatienceIsThreeRoundTrips(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		const far = 200 * time.Millisecond
		w.network.SetLink(w.left.Socket.LocalAddr().Addr(), w.right.Socket.LocalAddr().Addr(), memoryLink(far/2))
		w.connect(t)
		time.Sleep(3 * time.Second)
		w.cut(true)
		say(t, w.Dialled, w.left, "anyone?")
		time.Sleep(3*far - time.Millisecond)
		if got := w.left.Events(); len(got) != 0 {
			t.Errorf("%+v before three round trips", got)
		}
		time.Sleep(10 * time.Millisecond)
		if got := of[mux.PathSilent](w.left.Events()); len(got) != 1 {
			t.Errorf("%d PathSilent after three round trips, want 1", len(got))
		}
	})
}

func TestRelayPathGetsASecond(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		relay := w.relayed(t)
		time.Sleep(3 * time.Second)
		relay.Restart()
		w.left.Events()
		say(t, w.Dialled, w.left, "anyone?")
		time.Sleep(990 * time.Millisecond)
		if got := w.left.Events(); len(got) != 0 {
			t.Errorf("%+v within a second", got)
		}
		time.Sleep(20 * time.Millisecond)
		if got := of[mux.PathSilent](w.left.Events()); len(got) != 1 {
			t.Errorf("%d PathSilent after a second, want 1", len(got))
		}
	})
}

// A peer that has nothing to say is not a silent path: pings ask before anyone
// is told.
func TestQuietPeerIsNotSilent(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.connect(t)
		for range 20 { // one-way traffic, like a last acknowledgement
			say(t, w.Dialled, w.left, "x")
			time.Sleep(time.Second)
		}
		if l, r := w.left.Events(), w.right.Events(); len(l)+len(r) != 0 {
			t.Errorf("events %+v and %+v, want none", l, r)
		}
	})
}

// A lost ping is not a silent path either.
func TestLossDoesNotMakeAPathSilent(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.connect(t)
		w.network.SetLink(w.left.Socket.LocalAddr().Addr(), w.right.Socket.LocalAddr().Addr(), lossyLink(0.05))
		for range 500 {
			say(t, w.Dialled, w.left, "x")
			say(t, w.Accepted, w.right, "y")
			time.Sleep(50 * time.Millisecond)
		}
		if got := of[mux.PathSilent](w.left.Events()); len(got) > 1 {
			t.Errorf("%d PathSilent at 5 %% loss", len(got))
		}
	})
}

func TestIdleHourCostsKeepalivesOnly(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.connect(t)
		before := w.Dialled.Stats().DatagramsSent
		time.Sleep(time.Hour)
		sent := w.Dialled.Stats().DatagramsSent - before
		if want := uint64(time.Hour / (15 * time.Second)); sent < want-1 || sent > want+1 {
			t.Errorf("%d datagrams in an idle hour, want %d", sent, want)
		}
		if l, r := w.left.Events(), w.right.Events(); len(l)+len(r) != 0 {
			t.Errorf("events %+v and %+v, want none", l, r)
		}
	})
}

func TestIdlePathWithoutKeepalivesIsSilentAndThenDead(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.connect(t)
		w.cut(true)
		time.Sleep(50 * time.Second)
		if got := of[mux.PathSilent](w.left.Events()); len(got) < 2 || len(got) > 10 {
			t.Errorf("%d PathSilent after 50 s, want one a second from 40 s on", len(got))
		}
		time.Sleep(39 * time.Second)
		if got := of[mux.Dead](w.left.Events()); len(got) != 0 {
			t.Error("dead before 90 s")
		}
		time.Sleep(200 * time.Second)
		if got := of[mux.Dead](w.left.Events()); len(got) != 1 || got[0].Link != w.Dialled {
			t.Errorf("%d Dead, want one", len(got))
		}
	})
}

// Before the first data datagram proves that the initiator holds the keys, the
// responder sends nothing of its own.
func TestUnconfirmedResponderIsQuiet(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a := &tt.Attempt{}
		a.Accept(t, "x", messages.SuiteAESGCM, w.right, w.left.Path())
		a.DialledKeys.ReceiveIndex = 1
		a.Agree("x")
		if err := a.Accepted.Install(a.AcceptedKeys); err != nil {
			t.Fatal(err)
		}
		time.Sleep(80 * time.Second)
		if got := w.right.Socket.Stats().DatagramsOut; got != 0 {
			t.Errorf("%d datagrams sent, want none", got)
		}
	})
}
