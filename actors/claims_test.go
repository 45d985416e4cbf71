package actors

import (
	"net"
	"net/netip"
	"testing"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/transport/mux"
	"github.com/waymeet/waymeet/transport/quicx"
	"github.com/waymeet/waymeet/transport/vault"
)

// deaf is a watcher of lines that does nothing.
type deaf struct{}

func (deaf) LineConfirmed(*vault.Line)                     {}
func (deaf) LineUp(*vault.Line)                            {}
func (deaf) LineClosed(*vault.Line, error)                 {}
func (deaf) LineControl(*vault.Line, []byte)               {}
func (deaf) LinePath(*vault.Line, mux.Event)               {}
func (deaf) LineStream(*vault.Line, string, *quicx.Stream) {}

// newLine is a line on which nothing will ever come.
func newLine(t *testing.T) *vault.Line {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	socket := mux.New(conn, mux.Config{})
	t.Cleanup(func() { socket.Close() })
	lines, err := vault.NewLines(socket, deaf{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lines.Close() })
	index, err := socket.ReserveIndex()
	if err != nil {
		t.Fatal(err)
	}
	hello, err := sealHello(messages.SecretKey{}, 1, messages.Hello{Kind: messages.HelloInit, Noise: []byte("noise")})
	if err != nil {
		t.Fatal(err)
	}
	line, err := lines.Dial(messages.AttemptID{N: 1}, mux.LinkConfig{
		Hello: hello, Suite: messages.SuiteAESGCM, ReceiveIndex: index,
		Path: mux.Direct(netip.MustParseAddrPort("127.0.0.1:9")),
	})
	if err != nil {
		t.Fatal(err)
	}
	return line
}

func TestOneClaimStreamAChannel(t *testing.T) {
	var c claims
	line, first := newLine(t), &quicx.Stream{}
	if !c.put(line, first) {
		t.Error("the first stream was refused")
	}
	if c.put(line, &quicx.Stream{}) || c.streams[line.Attempt()] != first {
		t.Error("a second stream took the place of the first")
	}
}

func TestNothingIsKeptOfALineThatIsOver(t *testing.T) {
	var (
		c claims
		s ticketSyncs
	)
	line := newLine(t)
	line.Close(quicx.CloseDone)
	if c.put(line, &quicx.Stream{}) || s.allow(line, ticketSync{}) || len(c.streams)+len(s.allowed) != 0 {
		t.Errorf("%d streams and %d rights stay for ever", len(c.streams), len(s.allowed))
	}
}
