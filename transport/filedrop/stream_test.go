package filedrop

import (
	"io"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// half is one direction of a stream: bounded, and what was written before an
// end still arrives.
type half struct {
	mu      sync.Mutex
	changed *sync.Cond
	bytes   []byte
	// ended: the writer is done. refused: the reader is.
	ended, refused bool
}

const window = 64 << 10

func newHalf() *half {
	h := &half{}
	h.changed = sync.NewCond(&h.mu)
	return h
}

func (h *half) read(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for len(h.bytes) == 0 && !h.ended && !h.refused {
		h.changed.Wait()
	}
	switch {
	case h.refused:
		return 0, io.ErrClosedPipe
	case len(h.bytes) == 0:
		return 0, io.EOF
	}
	n := copy(b, h.bytes)
	h.bytes = h.bytes[n:]
	h.changed.Broadcast()
	return n, nil
}

func (h *half) write(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for written := 0; ; {
		if h.ended || h.refused {
			return written, io.ErrClosedPipe
		}
		n := min(len(b)-written, window-len(h.bytes))
		h.bytes = append(h.bytes, b[written:written+n]...)
		written += n
		h.changed.Broadcast()
		if written == len(b) {
			return written, nil
		}
		h.changed.Wait()
	}
}

func (h *half) set(flag *bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	*flag = true
	h.changed.Broadcast()
}

// memoryStream is one end of a stream between two goroutines.
type memoryStream struct{ in, out *half }

func newStreams() (a, b *memoryStream) {
	one, two := newHalf(), newHalf()
	return &memoryStream{in: one, out: two}, &memoryStream{in: two, out: one}
}

func (s *memoryStream) Read(b []byte) (int, error)  { return s.in.read(b) }
func (s *memoryStream) Write(b []byte) (int, error) { return s.out.write(b) }

func (s *memoryStream) CloseWrite() error {
	s.out.set(&s.out.ended)
	return nil
}

func (s *memoryStream) Close() error {
	s.in.set(&s.in.refused)
	return s.CloseWrite()
}
