package quicx

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
)

// MaxFrame is the size of the largest control frame.
const MaxFrame = 4096

// frameBind is the first byte of the first control frame each way; what
// follows is the exported secret.
const frameBind byte = 1

// Labels of the exporter, by who sends the frame (SPEC 7.4).
const (
	labelBindInitiator = "waymeet/1 bind initiator"
	labelBindResponder = "waymeet/1 bind responder"
	bindSize           = 32
)

// ErrBind is returned when the peer is not bound to the same handshake: someone
// spliced two sessions, or the peer is broken. The connection is closed.
var ErrBind = errors.New("quicx: the connection is not bound to its handshake")

// HandshakeHash is the hash of the first Noise handshake of a channel.
type HandshakeHash [32]byte

// Control is the first stream of a connection: whole frames in both directions,
// each u16 length ‖ 1 to 4096 bytes. Send may be called by many, Receive by one
// at a time.
type Control struct {
	conn   *Conn
	q      *quic.Stream
	sendMu sync.Mutex
}

// Bind ties the connection to the Noise handshake of its link. SPEC 7.4: "the
// first control frame each way is ExportKeyingMaterial(…, context = hash of the
// first handshake, 32), and a mismatch closes the channel."
//
// At the responder it returns when the initiator has proved itself. At the
// initiator it returns at once, so that requests may follow in the same flight;
// what the peer says is not handed out before its proof has come. It is called
// once.
func (c *Conn) Bind(ctx context.Context, hash HandshakeHash) (*Control, error) {
	select {
	case <-c.started:
		return nil, errors.New("quicx: bound twice")
	default:
	}
	own, theirs, err := c.bindSecrets(hash)
	if err != nil {
		return nil, err
	}
	if c.link.Initiator() {
		return c.bindInitiator(ctx, own, theirs)
	}
	return c.bindResponder(ctx, own, theirs)
}

// bindSecrets exports what we must say and what the peer must.
func (c *Conn) bindSecrets(hash HandshakeHash) (own, theirs []byte, err error) {
	tls := c.q.ConnectionState().TLS
	initiator, err := tls.ExportKeyingMaterial(labelBindInitiator, hash[:], bindSize)
	if err != nil {
		return nil, nil, fmt.Errorf("quicx: exporter: %w", err)
	}
	responder, err := tls.ExportKeyingMaterial(labelBindResponder, hash[:], bindSize)
	if err != nil {
		return nil, nil, fmt.Errorf("quicx: exporter: %w", err)
	}
	if c.link.Initiator() {
		return initiator, responder, nil
	}
	return responder, initiator, nil
}

func (c *Conn) bindInitiator(ctx context.Context, own, theirs []byte) (*Control, error) {
	q, err := c.q.OpenStreamSync(ctx)
	if err != nil {
		return nil, translate(err)
	}
	if err := c.start(q, own); err != nil {
		return nil, err
	}
	go func() { // ends with the frame, its deadline or the connection
		if err := c.prove(theirs); err != nil {
			c.Close(CloseBind)
		}
	}()
	return c.control, nil
}

func (c *Conn) bindResponder(ctx context.Context, own, theirs []byte) (*Control, error) {
	q, err := c.q.AcceptStream(ctx)
	if err != nil {
		return nil, translate(err)
	}
	if err := c.start(q, own); err != nil {
		return nil, err
	}
	if err := c.prove(theirs); err != nil {
		c.Close(CloseBind)
		return nil, err
	}
	return c.control, nil
}

// start says our half on the control stream.
func (c *Conn) start(q *quic.Stream, own []byte) error {
	c.control = &Control{conn: c, q: q}
	if err := writeFrame(q, append([]byte{frameBind}, own...)); err != nil {
		return translate(err)
	}
	close(c.started)
	return nil
}

// prove reads the peer's half and compares.
func (c *Conn) prove(theirs []byte) error {
	q := c.control.q
	if err := q.SetReadDeadline(time.Now().Add(headTimeout)); err != nil {
		return err
	}
	frame, err := readFrame(q, MaxFrame)
	if err != nil {
		return err
	}
	if frame[0] != frameBind || subtle.ConstantTimeCompare(frame[1:], theirs) != 1 {
		return ErrBind
	}
	if err := q.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	close(c.bound)
	return nil
}

// Send sends one frame of 1 to MaxFrame bytes.
func (c *Control) Send(frame []byte) error {
	if len(frame) == 0 || len(frame) > MaxFrame {
		return fmt.Errorf("quicx: a control frame has 1 to %d bytes, not %d", MaxFrame, len(frame))
	}
	c.sendMu.Lock()
	defer c.sendMu.Unlock()
	return translate(writeFrame(c.q, frame))
}

// Receive waits for the peer's next frame. It ends with the connection, which a
// frame of a wrong length closes.
func (c *Control) Receive() ([]byte, error) {
	if err := c.conn.waitBound(context.Background()); err != nil {
		return nil, err
	}
	frame, err := readFrame(c.q, MaxFrame)
	var wrong *frameError
	if errors.As(err, &wrong) {
		c.conn.Close(CloseProtocol)
	}
	return frame, err
}
