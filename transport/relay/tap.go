package relay

import (
	"encoding/binary"
	"io"
	"sync"
)

// tap writes every datagram to a file. A nil tap writes nothing; the first
// error ends it.
type tap struct {
	mu     sync.Mutex
	w      io.Writer
	failed bool
}

const (
	tapIn  byte = 0
	tapOut byte = 1
)

func (t *tap) in(r received) { t.write(tapIn, r.data, r.segment) }
func (t *tap) out(b burst)   { t.write(tapOut, b.data(), b.segment) }

func (t *tap) write(direction byte, data []byte, segment int) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(data) > 0 && !t.failed {
		n := min(segment, len(data))
		record := binary.BigEndian.AppendUint32([]byte{direction}, uint32(n))
		_, err := t.w.Write(append(record, data[:n]...))
		t.failed = err != nil
		data = data[n:]
	}
}
