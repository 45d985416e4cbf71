package quicx

import (
	"context"
	"net"
	"time"

	"github.com/quic-go/quic-go"
)

// Stream is a bidirectional stream. It is a net.Conn with half-close. One
// goroutine may read and one write; all else is safe for concurrent use.
//
// Its errors are io.EOF after the peer's CloseWrite, *ResetError, *ClosedError,
// and at a deadline one that is os.ErrDeadlineExceeded.
type Stream struct {
	conn *Conn
	q    *quic.Stream
}

var _ net.Conn = (*Stream)(nil)

// Read reads what the peer wrote, but nothing before the peer has proved its
// binding.
func (s *Stream) Read(b []byte) (int, error) {
	if err := s.conn.waitBound(context.Background()); err != nil {
		return 0, err
	}
	n, err := s.q.Read(b)
	return n, translate(err)
}

// Write queues bytes for the peer; it waits for flow control.
func (s *Stream) Write(b []byte) (int, error) {
	n, err := s.q.Write(b)
	return n, translate(err)
}

// CloseWrite tells the peer that no more comes; what was written still arrives.
func (s *Stream) CloseWrite() error { return translate(s.q.Close()) }

// CancelRead tells the peer that we read no more.
func (s *Stream) CancelRead(code ResetCode) { s.q.CancelRead(quic.StreamErrorCode(code)) }

// Reset cuts off both directions: what is under way may be lost.
func (s *Stream) Reset(code ResetCode) {
	s.q.CancelWrite(quic.StreamErrorCode(code))
	s.q.CancelRead(quic.StreamErrorCode(code))
}

// Close ends both directions: what was written still arrives, what was not read
// is thrown away.
func (s *Stream) Close() error {
	err := s.CloseWrite()
	s.q.CancelRead(0)
	return err
}

// SetDeadline bounds reads and writes.
func (s *Stream) SetDeadline(t time.Time) error { return s.q.SetDeadline(t) }

// SetReadDeadline bounds reads. While the peer's binding is not proved, which
// takes a round trip and 5 s at most, a read does not heed it.
func (s *Stream) SetReadDeadline(t time.Time) error { return s.q.SetReadDeadline(t) }

// SetWriteDeadline bounds writes.
func (s *Stream) SetWriteDeadline(t time.Time) error { return s.q.SetWriteDeadline(t) }

// LocalAddr and RemoteAddr are virtual: where the bytes go is the mux's
// business.
func (s *Stream) LocalAddr() net.Addr { return s.conn.q.LocalAddr() }

// RemoteAddr is the virtual address of the link.
func (s *Stream) RemoteAddr() net.Addr { return s.conn.q.RemoteAddr() }
