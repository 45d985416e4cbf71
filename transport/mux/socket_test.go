package mux_test

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/transport/mux"
	tt "github.com/waymeet/waymeet/transport/transporttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// eventually waits for what real sockets do in their own time.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for range 30_000 {
		if done() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("%s: not within 30 s", what)
}

// listenAt opens a mux on a real address.
func listenAt(t *testing.T, at string) *tt.End {
	t.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(ap(at)))
	if err != nil {
		t.Skipf("no %s here: %v", at, err)
	}
	e := tt.NewEnd(t, conn, tt.Options{})
	e.Pump(t)
	return e
}

func TestRealSocketsOfBothFamilies(t *testing.T) {
	for _, at := range []string{"127.0.0.1:0", "[::1]:0"} {
		t.Run(at, func(t *testing.T) {
			left, right := listenAt(t, at), listenAt(t, at)
			a := tt.NewAttempt(t, "x", messages.SuiteAESGCM, left, right, right.Path(), left.Path())
			a.Install(t)
			say(t, a.Dialled, left, "over", "there")
			eventually(t, "two packets", func() bool { return right.Socket.Stats().DatagramsIn >= 3 })
			eventually(t, "the ping's answer", func() bool { return a.Dialled.Stats().RTT > 0 })
			got := map[string]bool{}
			eventually(t, "packets", func() bool {
				for _, text := range right.Texts() {
					got[text] = true
				}
				return got[packet("over")] && got[packet("there")]
			})
			if local := left.Socket.PacketConn().LocalAddr().(*net.UDPAddr); local.IP.IsUnspecified() || (local.IP.To4() == nil) != strings.Contains(at, "::") {
				t.Errorf("the face's address is %v: not a specific one of the socket's family", local)
			}
			if _, isConn := left.Socket.PacketConn().(net.Conn); isConn {
				t.Error("the face is a net.Conn: quic-go would go past it")
			}
		})
	}
}

func TestDualStackSocketReachesIPv4(t *testing.T) {
	dual := listenAt(t, "[::]:0")
	plain := listenAt(t, "127.0.0.1:0")
	here := mux.Direct(netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), dual.Socket.LocalAddr().Port()))
	a := tt.NewAttempt(t, "x", messages.SuiteAESGCM, dual, plain, plain.Path(), here)
	a.Install(t)
	say(t, a.Dialled, dual, "out")
	say(t, a.Accepted, plain, "back")
	eventually(t, "out", func() bool { return strings.Contains(heard(plain), "out") })
	eventually(t, "back", func() bool { return strings.Contains(heard(dual), "back") })
	if err := a.Dialled.Probe(1, plain.Path(), 0); err != nil {
		t.Fatal(err)
	}
	eventually(t, "answer", func() bool {
		for _, e := range of[mux.ProbeAnswered](dual.Events()) {
			return e.From == plain.Path() && e.Observed == here.Addr
		}
		return false
	})
}

func TestListenUDP(t *testing.T) {
	s, err := mux.ListenUDP(ap("127.0.0.1:0"), mux.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if local := s.LocalAddr(); !local.Addr().IsLoopback() || local.Port() == 0 {
		t.Errorf("local address %v", local)
	}
	if _, err := mux.ListenUDP(s.LocalAddr(), mux.Config{}); err == nil {
		t.Error("the port was taken twice")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Close(); !errors.Is(err, mux.ErrClosed) {
		t.Errorf("closed twice: %v", err)
	}
	if _, err := s.ReserveIndex(); !errors.Is(err, mux.ErrClosed) {
		t.Errorf("index of a closed socket: %v", err)
	}
	if err := s.Send([]byte{0x0a}, mux.Direct(ap("127.0.0.1:9"))); !errors.Is(err, mux.ErrClosed) {
		t.Errorf("send on a closed socket: %v", err)
	}
}

// Any write error but "too long" would make quic-go close the connection.
func TestSendErrorsAreLoss(t *testing.T) {
	left, right := listenAt(t, "127.0.0.1:0"), listenAt(t, "127.0.0.1:0")
	a := tt.NewAttempt(t, "x", messages.SuiteAESGCM, left, right, mux.Direct(ap("[2001:db8::1]:9")), left.Path())
	a.Install(t) // an IPv4 socket cannot send there
	say(t, a.Dialled, left, "lost")
	if got := left.Socket.Stats().SendErrors; got == 0 {
		t.Error("no send error was counted")
	}
	if err := left.Socket.Send([]byte{0x0a}, mux.Direct(ap("[2001:db8::1]:9"))); err != nil {
		t.Errorf("Send: %v", err)
	}
	if err := left.Socket.Send(nil, right.Path()); err != nil {
		t.Errorf("Send of nothing: %v", err)
	}
}

func TestSendCarriesTheHop(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		wire := newSpy(t, w, "192.0.2.9:9")
		w.left.Socket.Send([]byte{5, 6}, mux.Relayed(wire.path().Addr, mux.Session{1, 2, 3, 4}))
		w.left.Socket.Send([]byte{0, 7}, wire.path())
		if got := fmt.Sprint(wire.datagrams(t)); got != "[[8 1 2 3 4 5 6] [0 7]]" {
			t.Errorf("sent %s", got)
		}
	})
}

func TestIndexesAreRandomAndUnique(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		e := tt.NewEnd(t, tt.Memory(t, w.network, "192.0.2.5:5"), tt.Options{Config: mux.Config{Random: bytes.NewReader([]byte{
			0, 0, 0, 0, 0, 0, 0, 0, // never zero
			0, 0, 0, 0, 0, 0, 0, 1,
			0, 0, 0, 0, 0, 0, 0, 1, // taken
			0, 0, 0, 0, 0, 0, 0, 2,
		})}})
		for _, want := range []messages.KeyIndex{1, 2} {
			if got, err := e.Socket.ReserveIndex(); got != want || err != nil {
				t.Errorf("index %v, %v, want %v", got, err, want)
			}
		}
		if _, err := e.Socket.ReserveIndex(); err == nil {
			t.Error("an index without randomness")
		}
	})
}

func TestLinkAtKnowsEachLink(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		links := map[*mux.Link]bool{}
		for i := range 300 {
			a := &tt.Attempt{}
			a.Dial(t, fmt.Sprint(i), messages.SuiteAESGCM, w.left, w.right.Path())
			links[a.Dialled] = true
			addr := *a.Dialled.Addr().(*net.UDPAddr)
			addr.IP = addr.IP.To16() // it may come back in 16 bytes
			if l, ok := w.left.Socket.LinkAt(&addr); !ok || l != a.Dialled {
				t.Fatalf("the link at %v is another one", addr)
			}
		}
		if len(links) != 300 {
			t.Errorf("%d links, want 300", len(links))
		}
		for _, addr := range []net.Addr{&net.TCPAddr{}, &net.UDPAddr{}, &net.UDPAddr{IP: net.IPv4(192, 0, 2, 1)}, w.left.Socket.PacketConn().LocalAddr()} {
			if _, ok := w.left.Socket.LinkAt(addr); ok {
				t.Errorf("there is a link at %v", addr)
			}
		}
	})
}
