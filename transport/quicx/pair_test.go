package quicx

import (
	"bytes"
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/transport/memory"
	"github.com/waymeet/waymeet/transport/mux"
	tt "github.com/waymeet/waymeet/transport/transporttest"
)

var (
	hash  = HandshakeHash(tt.NewKey("handshake"))
	other = HandshakeHash(tt.NewKey("another handshake"))
)

// side is one end with QUIC on it.
type side struct {
	*tt.End
	quic *Endpoint
	link *mux.Link
	conn *Conn
	ctl  *Control
}

func newSide(t testing.TB, conn net.PacketConn, o tt.Options) *side {
	t.Helper()
	s := &side{End: tt.NewEnd(t, conn, o)}
	var err error
	if s.quic, err = New(s.Socket); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.quic.Close() })
	return s
}

// pair is a QUIC connection between two ends.
type pair struct{ left, right *side }

func memoryPair(t testing.TB, n *memory.Network) *pair {
	t.Helper()
	p := &pair{
		left:  newSide(t, tt.Memory(t, n, "192.0.2.1:1"), tt.Options{}),
		right: newSide(t, tt.Memory(t, n, "192.0.2.2:2"), tt.Options{}),
	}
	p.join(t, p.right.Path(), p.left.Path(), hash, hash)
	return p
}

func loopbackPair(t testing.TB, suite messages.Suite) *pair {
	t.Helper()
	p := &pair{
		left:  newSide(t, tt.Loopback(t), tt.Options{}),
		right: newSide(t, tt.Loopback(t), tt.Options{}),
	}
	p.joinSuite(t, suite, p.right.Path(), p.left.Path(), hash, hash)
	return p
}

func (p *pair) join(t testing.TB, out, back mux.Path, left, right HandshakeHash) {
	t.Helper()
	p.joinSuite(t, messages.SuiteAESGCM, out, back, left, right)
}

// joinSuite makes the links, with keys installed, and the connection over them.
func (p *pair) joinSuite(t testing.TB, suite messages.Suite, out, back mux.Path, left, right HandshakeHash) {
	t.Helper()
	a := tt.NewAttempt(t, t.Name(), suite, p.left.End, p.right.End, out, back)
	a.Install(t)
	p.left.link, p.right.link = a.Dialled, a.Accepted
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	accepted := make(chan error, 1)
	go func() { accepted <- p.right.answer(ctx, right) }()
	if err := p.left.call(ctx, left); err != nil {
		t.Fatal(err)
	}
	if err := <-accepted; err != nil && left == right {
		t.Fatal(err)
	}
}

func (s *side) call(ctx context.Context, h HandshakeHash) (err error) {
	if s.conn, err = s.quic.Dial(ctx, s.link); err == nil {
		s.ctl, err = s.conn.Bind(ctx, h)
	}
	return err
}

func (s *side) answer(ctx context.Context, h HandshakeHash) (err error) {
	if s.conn, err = s.quic.Accept(ctx, s.link); err == nil {
		s.ctl, err = s.conn.Bind(ctx, h)
	}
	return err
}

// stream opens a stream at the left and accepts it at the right.
func (p *pair) stream(t testing.TB) (left, right *Stream) {
	t.Helper()
	left, err := p.left.conn.OpenStream(t.Context(), "test/1")
	if err != nil {
		t.Fatal(err)
	}
	protocol, right, err := p.right.conn.AcceptStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if protocol != "test/1" {
		t.Errorf("protocol = %q", protocol)
	}
	return left, right
}

// tapped keeps what is sent through a connection.
type tapped struct {
	*memory.Conn
	mu   sync.Mutex
	sent [][]byte
}

func (c *tapped) WriteTo(b []byte, addr net.Addr) (int, error) {
	c.mu.Lock()
	c.sent = append(c.sent, bytes.Clone(b))
	c.mu.Unlock()
	return c.Conn.WriteTo(b, addr)
}

func contains(d []byte, s string) bool { return bytes.Contains(d, []byte(s)) }
