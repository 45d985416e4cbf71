package quicx

import (
	"crypto/sha256"
	"io"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/transport/memory"
	"github.com/waymeet/waymeet/transport/mux"
	tt "github.com/waymeet/waymeet/transport/transporttest"
)

// transfer carries random bytes over a stream and compares their hashes. It
// counts in moved what has come.
func transfer(t *testing.T, from, to *Stream, bytes int64, moved *atomic.Int64) {
	t.Helper()
	sent := make(chan [32]byte, 1)
	go func() {
		hash := sha256.New()
		source := io.LimitReader(rand.NewChaCha8([32]byte{1}), bytes)
		if _, err := io.Copy(io.MultiWriter(struct{ io.Writer }{from}, hash), source); err != nil {
			t.Errorf("write: %v", err)
		}
		from.CloseWrite()
		sent <- [32]byte(hash.Sum(nil))
	}()
	hash := sha256.New()
	n, err := io.Copy(io.MultiWriter(hash, counter{moved}), struct{ io.Reader }{to})
	if err != nil || n != bytes {
		t.Errorf("%d bytes came, %v, want %d", n, err, bytes)
	}
	if [32]byte(hash.Sum(nil)) != <-sent {
		t.Error("what came is not what was sent")
	}
}

type counter struct{ n *atomic.Int64 }

func (c counter) Write(b []byte) (int, error) {
	c.n.Add(int64(len(b)))
	return len(b), nil
}

// SPEC 10.1: "The channel's streams never notice any of it." Over real sockets,
// with bursts, and a relay that forwards packet by packet.
func TestStreamCrossesManySwitches(t *testing.T) {
	for suite, size := range map[messages.Suite]int64{messages.SuiteAESGCM: switchBytes, messages.SuiteChaChaPoly: switchBytes / 4} {
		p := loopbackPair(t, suite)
		relay := tt.NewRelay(t, tt.Loopback(t))
		out, back := relay.Join(p.left.Socket.LocalAddr(), p.right.Socket.LocalAddr())
		paths := [][2]mux.Path{{out, back}, {p.right.Path(), p.left.Path()}}
		from, to := p.stream(t)
		var moved atomic.Int64
		done := make(chan int)
		stop := make(chan struct{})
		go func() {
			switches := 0
			defer func() { done <- switches }()
			for ; ; switches++ {
				for moved.Load() < int64(switches+1)*size/20 { // by progress, however fast it is
					select {
					case <-stop:
						return
					case <-time.After(time.Millisecond):
					}
				}
				next := paths[switches%2]
				p.left.link.SetPath(next[0])
				p.right.link.SetPath(next[1])
			}
		}()
		transfer(t, from, to, size, &moved)
		close(stop)
		switches := <-done
		t.Logf("suite %d: %d switches, %d datagrams by relay, of %d bytes", suite, switches, relay.Forwarded(), size)
		if switches < 5 || relay.Forwarded() == 0 {
			t.Errorf("%d switches and %d datagrams by relay: the test tests nothing", switches, relay.Forwarded())
		}
		if s := p.right.Socket.Stats(); s.DroppedUnopened+s.DroppedReplayed+s.DroppedIndex != 0 {
			t.Errorf("dropped in the mux: %+v", s)
		}
	}
}

// A path dies under traffic in both directions at once; both owners fail over
// as SPEC 10.7 says when the mux tells them: send on both, then on the relay.
func TestFailoverUnderTrafficLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memory.New(1, memory.Link{Delay: 10 * time.Millisecond})
		p := memoryPair(t, n)
		relay := tt.NewRelay(t, tt.Memory(t, n, "192.0.2.7:7"))
		out, back := relay.Join(p.left.Socket.LocalAddr(), p.right.Socket.LocalAddr())
		from, to := p.stream(t)
		var moved atomic.Int64
		var stopped, resumed time.Time
		go func() {
			for moved.Load() < 4<<20 {
				time.Sleep(time.Millisecond)
			}
			n.Cut(p.left.Socket.LocalAddr().Addr(), p.right.Socket.LocalAddr().Addr(), true)
			stopped = time.Now()
			failOver(p.left, out)
			failOver(p.right, back)
			for was := moved.Load(); moved.Load() == was; {
				time.Sleep(time.Millisecond)
			}
			resumed = time.Now()
		}()
		transfer(t, from, to, 16<<20, &moved)
		if resumed.IsZero() || resumed.Sub(stopped) > time.Second {
			t.Errorf("resumed %v after the path died", resumed.Sub(stopped))
		}
		t.Logf("resumed after %v", resumed.Sub(stopped))
		if relay.Forwarded() == 0 {
			t.Error("nothing went by the relay")
		}
		finish(p.left, p.right)
	})
}

// failOver waits for PathSilent and goes to the relay.
func failOver(s *side, relay mux.Path) {
	for range 10000 {
		for _, e := range s.Events() {
			if silent, ok := e.(mux.PathSilent); ok {
				silent.Link.SetPath(relay)
				silent.Link.Repeat()
				return
			}
		}
		time.Sleep(time.Millisecond)
	}
}

// SPEC 11.3: "Death of a relay under traffic: resumed … within 1 s, no stream
// byte lost." The initiator dials a new session; the responder follows it.
func TestStreamSurvivesARelayThatForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memory.New(1, memory.Link{Delay: 10 * time.Millisecond, Loss: 0.005})
		p := &pair{left: newSide(t, tt.Memory(t, n, "192.0.2.1:1"), tt.Options{}), right: newSide(t, tt.Memory(t, n, "192.0.2.2:2"), tt.Options{})}
		relay := tt.NewRelay(t, tt.Memory(t, n, "192.0.2.7:7"))
		out, back := relay.Join(p.left.Socket.LocalAddr(), p.right.Socket.LocalAddr())
		p.join(t, out, back, hash, hash)
		from, to := p.stream(t)
		var moved atomic.Int64
		go func() {
			for i := range 3 {
				for moved.Load() < int64(i+1)<<20 {
					time.Sleep(time.Millisecond)
				}
				relay.Restart()
				time.Sleep(300 * time.Millisecond)
				again, _ := relay.Join(p.left.Socket.LocalAddr(), p.right.Socket.LocalAddr())
				p.left.link.SetPath(again)
				p.left.link.Repeat()
			}
		}()
		transfer(t, from, to, 8<<20, &moved)
		followed := 0
		for _, e := range p.right.Events() {
			if _, ok := e.(mux.PathMoved); ok {
				followed++
			}
		}
		if followed != 3 {
			t.Errorf("the responder followed %d times, want 3", followed)
		}
		finish(p.left, p.right)
	})
}

// Nothing of QUIC is on the wire (SPEC 8.2): no long header, no certificate, no
// plaintext of a stream, in any datagram of a whole connection.
func TestWireShowsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memory.New(1, memory.Link{Delay: time.Millisecond})
		tap := &tapped{Conn: tt.Memory(t, n, "192.0.2.1:1")}
		p := &pair{left: newSide(t, tap, tt.Options{}), right: newSide(t, tt.Memory(t, n, "192.0.2.2:2"), tt.Options{})}
		p.join(t, p.right.Path(), p.left.Path(), hash, hash)
		left, right := p.stream(t)
		left.Write([]byte("the plaintext of a stream"))
		right.Read(make([]byte, 100))
		finish(p.left, p.right)
		tap.mu.Lock()
		defer tap.mu.Unlock()
		if len(tap.sent) < 5 {
			t.Fatalf("%d datagrams", len(tap.sent))
		}
		for _, d := range tap.sent {
			if d[0] != 0x07 {
				t.Errorf("a datagram begins with %#x", d[0])
			}
			if len(d) > 1225 {
				t.Errorf("a datagram of %d bytes", len(d))
			}
			for _, secret := range []string{"plaintext", "waymeet", "test/1", string(p.left.quic.tls.Certificates[0].Certificate[0][:16])} {
				if contains(d, secret) {
					t.Errorf("a datagram shows %q", secret)
				}
			}
		}
	})
}
