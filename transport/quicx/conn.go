package quicx

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/waymeet/waymeet/transport/mux"
)

// ErrNotBound is returned for a stream before Bind.
var ErrNotBound = errors.New("quicx: not bound yet")

// maxProtocol is the longest name of a protocol.
const maxProtocol = 255

// Conn is one QUIC connection over one link. It is safe for concurrent use.
//
// Invariant: nothing that the peer said is handed out before the peer has
// proved that it is bound to the same handshake.
type Conn struct {
	endpoint *Endpoint
	q        *quic.Conn
	link     *mux.Link
	control  *Control
	unfollow func() bool
	// started is closed when Bind has opened the control stream, and bound
	// when the peer's first frame on it has proved right.
	started, bound chan struct{}
}

func newConn(e *Endpoint, q *quic.Conn, link *mux.Link) *Conn {
	return &Conn{endpoint: e, q: q, link: link, started: make(chan struct{}), bound: make(chan struct{})}
}

// Link is the link under the connection.
func (c *Conn) Link() *mux.Link { return c.link }

// Done is closed when the connection is.
func (c *Conn) Done() <-chan struct{} { return c.q.Context().Done() }

// Err is why the connection is closed, a *ClosedError if one end closed it; nil
// while it is open.
func (c *Conn) Err() error {
	if c.q.Context().Err() == nil {
		return nil
	}
	return translate(context.Cause(c.q.Context()))
}

// Close closes the connection and tells the peer why, once. The link stays
// open; closing that a second later lets QUIC repeat a close that was lost.
func (c *Conn) Close(reason CloseReason) {
	c.unfollow()
	c.end(reason)
}

// end is Close, for who follows the link: that may be closed before unfollow is
// there.
func (c *Conn) end(reason CloseReason) {
	c.endpoint.forget(c)
	c.q.CloseWithError(quic.ApplicationErrorCode(reason), "")
}

// OpenStream opens a stream and says in which protocol: u16 length ‖ name. It
// waits if the peer has as many streams as it allows. ErrNotBound before Bind.
func (c *Conn) OpenStream(ctx context.Context, protocol string) (*Stream, error) {
	select {
	case <-c.started:
	default:
		return nil, ErrNotBound
	}
	if len(protocol) == 0 || len(protocol) > maxProtocol {
		return nil, fmt.Errorf("quicx: a protocol name has 1 to %d bytes, not %d", maxProtocol, len(protocol))
	}
	q, err := c.q.OpenStreamSync(ctx)
	if err != nil {
		return nil, translate(err)
	}
	if err := writeFrame(q, []byte(protocol)); err != nil {
		q.CancelWrite(0)
		q.CancelRead(0)
		return nil, translate(err)
	}
	return &Stream{conn: c, q: q}, nil
}

// AcceptStream waits for the next stream of the peer and tells its protocol. A
// stream that does not tell it within 5 s is reset and passed over.
func (c *Conn) AcceptStream(ctx context.Context) (protocol string, s *Stream, err error) {
	select {
	case <-c.started:
	default:
		return "", nil, ErrNotBound
	}
	if err := c.waitBound(ctx); err != nil {
		return "", nil, err
	}
	for {
		q, err := c.q.AcceptStream(ctx)
		if err != nil {
			return "", nil, translate(err)
		}
		name, err := readHead(q)
		if err == nil {
			return name, &Stream{conn: c, q: q}, nil
		}
		q.CancelRead(quic.StreamErrorCode(CloseProtocol))
		q.CancelWrite(quic.StreamErrorCode(CloseProtocol))
	}
}

// readHead reads the protocol name of a new stream.
func readHead(q *quic.Stream) (string, error) {
	if err := q.SetReadDeadline(time.Now().Add(headTimeout)); err != nil {
		return "", err
	}
	name, err := readFrame(q, maxProtocol)
	if err != nil {
		return "", err
	}
	return string(name), q.SetReadDeadline(time.Time{})
}

// SendDatagram sends a small unreliable message, at most about 1150 bytes.
func (c *Conn) SendDatagram(b []byte) error { return translate(c.q.SendDatagram(b)) }

// ReceiveDatagram waits for the next unreliable message of the peer.
func (c *Conn) ReceiveDatagram(ctx context.Context) ([]byte, error) {
	if err := c.waitBound(ctx); err != nil {
		return nil, err
	}
	b, err := c.q.ReceiveDatagram(ctx)
	return b, translate(err)
}

// waitBound waits until the peer has proved its binding; the connection closes
// if it does not.
func (c *Conn) waitBound(ctx context.Context) error {
	select {
	case <-c.bound:
		return nil
	default:
	}
	select {
	case <-c.bound:
		return nil
	case <-c.Done():
		return c.Err()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// readFrame reads u16 length ‖ bytes, at least one and at most so many.
func readFrame(r io.Reader, most int) ([]byte, error) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, translate(err)
	}
	size := int(head[0])<<8 | int(head[1])
	if size == 0 || size > most {
		return nil, &frameError{size: size, most: most}
	}
	frame := make([]byte, size)
	_, err := io.ReadFull(r, frame)
	return frame, translate(err)
}

// writeFrame writes u16 length ‖ bytes in one go.
func writeFrame(w io.Writer, frame []byte) error {
	b := append([]byte{byte(len(frame) >> 8), byte(len(frame))}, frame...)
	_, err := w.Write(b)
	return err
}

// frameError is a length that the peer must not send.
type frameError struct{ size, most int }

func (e *frameError) Error() string {
	return fmt.Sprintf("quicx: the peer announces a frame of %d bytes; 1 to %d are allowed", e.size, e.most)
}
