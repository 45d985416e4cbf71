package quicx

import (
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/transport/memory"
	"github.com/waymeet/waymeet/transport/mux"
	tt "github.com/waymeet/waymeet/transport/transporttest"
)

// TestHandshakeTakesOneRoundTrip runs an attempt as the node will: hello and
// QUIC's first packet in one burst, message 2 back, everything else as data.
// Noise is placed by keys that both know. SPEC 7.4: "first PSK-authenticated
// byte at the responder after ≤ 1.75 RTT".
func TestHandshakeTakesOneRoundTrip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const rtt = 100 * time.Millisecond
		n := memory.New(1, memory.Link{Delay: rtt / 2})
		a := &tt.Attempt{}
		left := newSide(t, tt.Memory(t, n, "192.0.2.1:1"), tt.Options{Hello: func(*tt.End, mux.Hello) {
			a.Agree("flow") // message 2 tells the responder's index
			if err := a.Dialled.Install(a.DialledKeys); err != nil {
				t.Error(err)
			}
		}})
		right := newSide(t, tt.Memory(t, n, "192.0.2.2:2"), tt.Options{})
		left.AcceptHellos()
		right.AcceptHellos()
		began := time.Now()
		a.Dial(t, "flow", messages.SuiteAESGCM, left.End, right.Path())
		left.link = a.Dialled

		first := make(chan time.Duration, 1)
		go func() {
			var hellos []mux.Hello
			for len(hellos) == 0 { // what the actors do when a hello comes
				time.Sleep(time.Millisecond)
				hellos = right.Hellos()
			}
			a.Accept(t, "flow", messages.SuiteAESGCM, right.End, hellos[0].Via)
			a.Agree("flow")
			if err := a.Accepted.Install(a.AcceptedKeys); err != nil {
				t.Error(err)
			}
			right.Socket.Send(tt.Hello(t, "message 2"), hellos[0].Via)
			right.link = a.Accepted
			if err := right.answer(t.Context(), hash); err != nil {
				t.Error(err)
				return
			}
			_, s, err := right.conn.AcceptStream(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			s.Read(make([]byte, 4))
			first <- time.Since(began)
			s.Write([]byte("pong"))
		}()
		if err := left.call(t.Context(), hash); err != nil {
			t.Fatal(err)
		}
		dialled := time.Since(began)
		s, err := left.conn.OpenStream(t.Context(), "test/1")
		if err != nil {
			t.Fatal(err)
		}
		s.Write([]byte("ping"))
		if _, err := io.ReadFull(s, make([]byte, 4)); err != nil {
			t.Fatal(err)
		}
		response := time.Since(began)
		t.Logf("dial %v, first byte %v, response %v of a round trip of %v", dialled, <-first, response, rtt)
		if dialled > rtt*125/100 || response > rtt*225/100 {
			t.Errorf("dial took %v and the response %v of a round trip of %v", dialled, response, rtt)
		}
		confirmed := 0
		for _, e := range right.Events() {
			if _, ok := e.(mux.Confirmed); ok {
				confirmed++
			}
		}
		if confirmed != 1 {
			t.Errorf("%d Confirmed, want 1", confirmed)
		}
		finish(left, right)
	})
}

// finish closes everything and lets quic-go's timers run out: under synctest
// they would count as leaks.
func finish(sides ...*side) {
	for _, s := range sides {
		s.quic.Close()
		s.Socket.Close()
	}
	time.Sleep(time.Minute)
}
