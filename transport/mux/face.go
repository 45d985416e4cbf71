package mux

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// plainFace is the socket as quic-go sees it where there are no batched system
// calls: over a packet connection in memory, and on other systems. It reads and
// writes single packets.
type plainFace struct{ socket *Socket }

var _ net.PacketConn = plainFace{}

// ReadFrom waits for the next QUIC packet; its address is the link's virtual
// one.
func (f plainFace) ReadFrom(b []byte) (int, net.Addr, error) {
	p, err := f.socket.reader.next(b)
	if err != nil {
		return 0, nil, err
	}
	return p.size, p.link.addr, nil
}

// WriteTo sends a QUIC packet to a link.
func (f plainFace) WriteTo(b []byte, addr net.Addr) (int, error) {
	return f.socket.writePacket(b, len(b), nil, addr)
}

// Close does nothing: the socket outlives QUIC and is closed by Socket.Close.
func (plainFace) Close() error { return nil }

// LocalAddr is a virtual address, a specific one: quic-go then asks for no
// packet information.
func (f plainFace) LocalAddr() net.Addr { return virtualAddr(0, f.socket.v6) }

func (f plainFace) SetDeadline(t time.Time) error {
	return errors.Join(f.SetReadDeadline(t), f.SetWriteDeadline(t))
}

func (f plainFace) SetReadDeadline(t time.Time) error { return f.socket.reader.setDeadline(t) }

func (f plainFace) SetWriteDeadline(t time.Time) error {
	return f.socket.reader.source.SetWriteDeadline(t)
}

// SetReadBuffer and SetWriteBuffer have nothing to do here; without them
// quic-go would complain on the global logger.
func (plainFace) SetReadBuffer(int) error  { return nil }
func (plainFace) SetWriteBuffer(int) error { return nil }

// plainIO is source and sink over any packet connection.
type plainIO struct {
	net.PacketConn
	buffer [maxDatagram]byte
	one    [1]inbound
}

// maxDatagram is the size of the largest UDP datagram.
const maxDatagram = 65535

// read waits for one datagram.
func (p *plainIO) read() ([]inbound, error) {
	n, addr, err := p.ReadFrom(p.buffer[:])
	if err != nil {
		return nil, err
	}
	from, ok := addr.(*net.UDPAddr)
	if !ok {
		return nil, errors.New("mux: the packet connection has no UDP addresses")
	}
	p.one[0] = inbound{data: p.buffer[:n], from: from.AddrPort()}
	return p.one[:], nil
}

// write sends datagrams one by one.
func (p *plainIO) write(b []byte, size int, to netip.AddrPort, _ []byte) error {
	addr := net.UDPAddrFromAddrPort(to)
	for len(b) > 0 {
		d := b[:min(size, len(b))]
		b = b[len(d):]
		if _, err := p.WriteTo(d, addr); err != nil {
			return err
		}
	}
	return nil
}

// newPlainIO wires a socket to a packet connection.
func newPlainIO(s *Socket, conn net.PacketConn) (sink, source, net.PacketConn) {
	io := &plainIO{PacketConn: conn}
	return io, io, plainFace{s}
}

// isTooLong reports whether the system found a datagram too long for the path.
func isTooLong(err error) bool { return errors.Is(err, syscall.EMSGSIZE) }
