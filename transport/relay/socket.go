package relay

import (
	"net"
	"net/netip"
)

const (
	// maxRead is the greatest number of bytes that one message of a read
	// brings: a UDP payload, or what the kernel put together.
	maxRead = 1 << 16
	// writeBatch is how many bursts are taken from the queues at once.
	writeBatch = 16
	// socketBuffer is the size asked for of the kernel's buffers, in bytes.
	socketBuffer = 4 << 20
)

// received is what one message of a read brought: datagrams of one sender, each
// of segment bytes but the last. It is valid until the next read.
type received struct {
	data    []byte
	segment int
	from    netip.AddrPort
}

// socket reads and writes datagrams. One goroutine may read while another
// writes.
type socket interface {
	// read waits for at least one message.
	read() ([]received, error)
	// write sends the bursts. What the network does not take is lost, as
	// datagrams are.
	write([]burst)
}

// newSocket takes a UDP socket of the system, in batches where it has them, or
// any other packet connection whose addresses are *net.UDPAddr.
func newSocket(conn net.PacketConn) (socket, error) {
	if udp, ok := conn.(*net.UDPConn); ok {
		// As much as the system allows: a burst that waits is not lost.
		udp.SetReadBuffer(socketBuffer)
		udp.SetWriteBuffer(socketBuffer)
		return newSystemSocket(udp)
	}
	return newPlainSocket(conn), nil
}

// plainSocket reads and writes one datagram at a time.
type plainSocket struct {
	conn   net.PacketConn
	buffer []byte
}

func newPlainSocket(conn net.PacketConn) *plainSocket {
	return &plainSocket{conn: conn, buffer: make([]byte, maxRead)}
}

func (s *plainSocket) read() ([]received, error) {
	n, addr, err := s.conn.ReadFrom(s.buffer)
	from, ok := addr.(*net.UDPAddr)
	if err != nil || n == 0 || !ok {
		return nil, err
	}
	return []received{{data: s.buffer[:n], segment: n, from: unmap(from.AddrPort())}}, nil
}

func (s *plainSocket) write(bursts []burst) {
	for _, b := range bursts {
		writeSingly(s.conn, b.data(), b.segment, b.to.udp)
	}
}

// writeSingly sends data in datagrams of segment bytes, the last perhaps
// shorter.
func writeSingly(conn net.PacketConn, data []byte, segment int, to net.Addr) {
	for len(data) > 0 {
		n := min(segment, len(data))
		conn.WriteTo(data[:n], to)
		data = data[n:]
	}
}
