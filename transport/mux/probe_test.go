package mux_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/transport/mux"
	tt "github.com/waymeet/waymeet/transport/transporttest"
)

// of keeps the events of one type.
func of[E mux.Event](events []mux.Event) (some []E) {
	for _, e := range events {
		if e, ok := e.(E); ok {
			some = append(some, e)
		}
	}
	return some
}

func TestProbeIsAnsweredWithItsSize(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.connect(t)
		for _, size := range []int{0, 27, 600, mux.PacketSize} {
			in, out := w.right.Socket.Stats().BytesIn, w.right.Socket.Stats().BytesOut
			if err := w.Dialled.Probe(mux.ProbeID(size), w.right.Path(), size); err != nil {
				t.Fatal(err)
			}
			w.settle()
			want := mux.ProbeAnswered{Link: w.Dialled, ID: mux.ProbeID(size), To: w.right.Path(), From: w.right.Path(), Observed: ap("192.0.2.1:1"), Size: max(size, 27), RTT: rtt}
			if got := of[mux.ProbeAnswered](w.left.Events()); len(got) != 1 || got[0] != want {
				t.Errorf("answered %+v, want %+v", got, want)
			}
			if asked := of[mux.ProbeReceived](w.right.Events()); len(asked) != 1 || asked[0].Size != max(size, 27) || asked[0].From != w.left.Path() {
				t.Errorf("received %+v", asked)
			}
			stats := w.right.Socket.Stats()
			if stats.BytesOut-out > stats.BytesIn-in {
				t.Errorf("%d bytes answered to %d", stats.BytesOut-out, stats.BytesIn-in)
			}
		}
		if len(w.right.Texts()) != 0 || len(w.left.Texts()) != 0 {
			t.Error("QUIC saw a frame of the mux")
		}
	})
}

func TestProbeThroughARelaySeesNoAddress(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.relayed(t)
		w.left.Events()
		path, _ := w.Dialled.Paths()
		if err := w.Dialled.Probe(1, path, mux.PacketSize); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		got := of[mux.ProbeAnswered](w.left.Events())
		if len(got) != 1 || got[0].Observed.IsValid() || got[0].From != path || got[0].RTT != 2*rtt {
			t.Errorf("answered %+v", got)
		}
	})
}

func TestProbesThatMakeNoSense(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a := &tt.Attempt{}
		a.Dial(t, "y", messages.SuiteAESGCM, w.left, w.right.Path())
		if err := a.Dialled.Probe(1, w.right.Path(), 100); !errors.Is(err, mux.ErrNotReady) {
			t.Errorf("before Install: %v", err)
		}
		w.connect(t)
		if err := w.Dialled.Probe(1, w.right.Path(), mux.PacketSize+1); !errors.Is(err, mux.ErrTooLong) {
			t.Errorf("too long: %v", err)
		}
		if err := w.Dialled.Probe(1<<63, w.right.Path(), 100); err == nil {
			t.Error("an id of the mux was taken")
		}
		w.Dialled.Close()
		if err := w.Dialled.Probe(1, w.right.Path(), 100); !errors.Is(err, mux.ErrClosed) {
			t.Errorf("closed: %v", err)
		}
	})
}

// A hostile member can seal what it likes.
func TestFramesThatMakeNoSenseAreDropped(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.connect(t)
		before := w.right.Socket.Stats()
		for _, frame := range []string{
			"\x01short", "\x02short", "\x03unknown", "\x3f",
			"\x02" + string(make([]byte, 26)), // an answer to nothing
		} {
			if _, err := w.left.Socket.PacketConn().WriteTo([]byte(frame), w.Dialled.Addr()); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(delay + time.Millisecond) // before a ping asks
		synctest.Wait()
		if got := quiet(t, w.right, before).DroppedFrame - before.DroppedFrame; got != 5 {
			t.Errorf("%d frames dropped, want 5", got)
		}
		if got := w.right.Texts(); len(got) != 0 {
			t.Errorf("QUIC saw %q", got)
		}
	})
}

// SPEC 10.6: "≤ 32 per /24 (/56) and minute".
func TestAnswersToProbesAreBounded(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.connect(t)
		// The left end's relay paths stand for addresses it probes from: each
		// session is another path, all of one address.
		relay := tt.NewRelay(t, tt.Memory(t, w.network, "198.51.100.7:7"))
		for i := range 40 {
			out, _ := relay.Join(w.left.Socket.LocalAddr(), w.right.Socket.LocalAddr())
			if err := w.Dialled.Probe(mux.ProbeID(i), out, 100); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		if got := len(of[mux.ProbeAnswered](w.left.Events())); got != 32 {
			t.Errorf("%d answered, want 32", got)
		}
		if got := w.right.Socket.Stats().ProbesUnanswered; got != 8 {
			t.Errorf("%d counted, want 8", got)
		}
		// The path in use needs no limit, and a minute later there is room.
		for i := range 40 {
			if err := w.Dialled.Probe(mux.ProbeID(i), w.right.Path(), 100); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		if got := len(of[mux.ProbeAnswered](w.left.Events())); got != 40 {
			t.Errorf("%d answered on the path in use, want 40", got)
		}
		time.Sleep(time.Minute)
		out, _ := relay.Join(w.left.Socket.LocalAddr(), w.right.Socket.LocalAddr())
		if err := w.Dialled.Probe(1, out, 100); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if got := len(of[mux.ProbeAnswered](w.left.Events())); got != 1 {
			t.Errorf("%d answered a minute later, want 1", got)
		}
	})
}

func TestManyUnansweredProbesAreBounded(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.connect(t)
		for i := range 200 {
			if err := w.Dialled.Probe(mux.ProbeID(i), mux.Direct(ap(fmt.Sprintf("192.0.2.100:%d", i+1))), 0); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Millisecond)
		}
		if err := w.Dialled.Probe(1000, w.right.Path(), 0); err != nil {
			t.Fatal(err)
		}
		w.settle()
		if got := of[mux.ProbeAnswered](w.left.Events()); len(got) != 1 || got[0].ID != 1000 {
			t.Errorf("answered %+v, want the newest", got)
		}
	})
}
