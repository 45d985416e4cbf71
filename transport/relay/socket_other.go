//go:build !linux

package relay

import (
	"net"
	"net/netip"
)

const (
	// maxRead is the greatest UDP payload.
	maxRead = 1 << 16
	// writeBatch is how many bursts are taken from the queues at once.
	writeBatch = 16
)

// received is what one read brought: here always one datagram, of segment
// bytes. It is valid until the next read.
type received struct {
	data    []byte
	segment int
	from    netip.AddrPort
}

// socket reads and writes one datagram at a time.
type socket struct {
	conn   *net.UDPConn
	buffer []byte
}

func newSocket(conn *net.UDPConn) (*socket, error) {
	return &socket{conn: conn, buffer: make([]byte, maxRead)}, nil
}

// read waits for a datagram.
func (s *socket) read() ([]received, error) {
	n, from, err := s.conn.ReadFromUDPAddrPort(s.buffer)
	if err != nil || n == 0 {
		return nil, err
	}
	return []received{{data: s.buffer[:n], segment: n, from: unmap(from)}}, nil
}

// write sends the bursts. What the network does not take is lost, as datagrams
// are.
func (s *socket) write(bursts []burst) {
	for _, b := range bursts {
		for data := b.data(); len(data) > 0; {
			n := min(b.segment, len(data))
			s.conn.WriteToUDPAddrPort(data[:n], b.to.addr)
			data = data[n:]
		}
	}
}
