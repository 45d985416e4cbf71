package mux_test

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/transport/memory"
	"github.com/waymeet/waymeet/transport/mux"
	tt "github.com/waymeet/waymeet/transport/transporttest"
)

// delay is how long a datagram travels in these tests, and rtt there and back.
const (
	delay = 20 * time.Millisecond
	rtt   = 2 * delay
)

// world is two ends on a network in memory with a link between them.
type world struct {
	network     *memory.Network
	left, right *tt.End
	*tt.Attempt
}

// inWorld runs a test in virtual time with two ends and no link yet.
func inWorld(t *testing.T, test func(t *testing.T, w *world)) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{network: memory.New(1, memory.Link{Delay: delay}), Attempt: &tt.Attempt{}}
		w.left = w.end(t, "192.0.2.1:1")
		w.right = w.end(t, "192.0.2.2:2")
		test(t, w)
	})
}

func (w *world) end(t *testing.T, at string) *tt.End {
	e := tt.NewEnd(t, tt.Memory(t, w.network, at), tt.Options{})
	e.Pump(t)
	return e
}

// connect makes an installed link over the direct path and lets it settle: the
// first pings have measured the round trip, the responder is confirmed.
func (w *world) connect(t *testing.T) {
	t.Helper()
	w.Attempt = tt.NewAttempt(t, "connect", messages.SuiteAESGCM, w.left, w.right, w.right.Path(), w.left.Path())
	w.Install(t)
	w.settle()
	w.left.Events()
	w.right.Events()
}

// settle lets everything under way arrive.
func (w *world) settle() {
	time.Sleep(3 * rtt)
	synctest.Wait()
}

// packet is what looks like a QUIC packet to the mux.
func packet(text string) string { return "\x40" + text }

// say sends packets as quic-go does.
func say(t *testing.T, l *mux.Link, e *tt.End, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if n, err := e.Socket.PacketConn().WriteTo([]byte(packet(text)), l.Addr()); err != nil || n != len(text)+1 {
			t.Fatalf("WriteTo = %d, %v", n, err)
		}
	}
}

// heard are the packets that came, space separated.
func heard(e *tt.End) string {
	return strings.ReplaceAll(strings.Join(e.Texts(), " "), "\x40", "")
}

func expectHeard(t *testing.T, e *tt.End, want string) {
	t.Helper()
	if got := heard(e); got != want {
		t.Errorf("heard %q, want %q", got, want)
	}
}

// spy is a socket that sees raw datagrams.
type spy struct{ *memory.Conn }

func newSpy(t *testing.T, w *world, at string) spy { return spy{tt.Memory(t, w.network, at)} }

func (s spy) path() mux.Path { return mux.Direct(s.LocalAddr().(*net.UDPAddr).AddrPort()) }

// datagrams are those that come within a second.
func (s spy) datagrams(t *testing.T) [][]byte {
	t.Helper()
	var all [][]byte
	s.SetReadDeadline(time.Now().Add(time.Second))
	for {
		b := make([]byte, 2048)
		n, _, err := s.ReadFrom(b)
		if err != nil {
			return all
		}
		all = append(all, b[:n])
	}
}

func (s spy) send(t *testing.T, d []byte, to mux.Path) {
	t.Helper()
	if _, err := s.WriteTo(d, net.UDPAddrFromAddrPort(to.Addr)); err != nil {
		t.Fatal(err)
	}
}

func ap(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

func memoryLink(d time.Duration) memory.Link { return memory.Link{Delay: d} }

func lossyLink(loss float64) memory.Link { return memory.Link{Delay: delay, Loss: loss} }
