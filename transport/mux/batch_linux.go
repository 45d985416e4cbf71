package mux

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

// Sizes of batched reading: each message holds what the kernel joined (UDP_GRO),
// up to 64 datagrams.
const (
	batchMessages = 8
	batchOOB      = 128
	// socketBuffer is asked for in both directions; the kernel may give less.
	socketBuffer = 7 << 20
)

// newIO wires a socket to its connection: batched over UDP, plain over all
// else.
func newIO(s *Socket, conn net.PacketConn) (sink, source, net.PacketConn) {
	udp, ok := conn.(*net.UDPConn)
	if !ok {
		return newPlainIO(s, conn)
	}
	growBuffers(udp)
	u := newUDPIO(udp)
	return u, u, udpFace{plainFace{s}, u, &atomic.Uint32{}}
}

// growBuffers asks for large buffers: smaller is slower, not wrong. Beyond the
// system's limit the kernel gives them to the privileged alone.
func growBuffers(udp *net.UDPConn) {
	udp.SetReadBuffer(socketBuffer)
	udp.SetWriteBuffer(socketBuffer)
	raw, err := udp.SyscallConn()
	if err != nil {
		return
	}
	raw.Control(func(fd uintptr) {
		unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, socketBuffer)
		unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, socketBuffer)
	})
}

// udpIO is source and sink over a UDP socket: recvmmsg with UDP_GRO in,
// UDP_SEGMENT (GSO) out.
type udpIO struct {
	*net.UDPConn
	batch    *ipv4.PacketConn
	messages []ipv4.Message
	come     []inbound
	// noGSO is set when the device turned out not to do it.
	noGSO atomic.Bool
}

func newUDPIO(conn *net.UDPConn) *udpIO {
	u := &udpIO{UDPConn: conn, batch: ipv4.NewPacketConn(conn), messages: make([]ipv4.Message, batchMessages)}
	size := PacketSize * 2 // without GRO
	if raw, err := conn.SyscallConn(); err == nil && enableGRO(raw) {
		size = maxDatagram
	}
	for i := range u.messages {
		u.messages[i].Buffers = [][]byte{make([]byte, size)}
		u.messages[i].OOB = make([]byte, batchOOB)
	}
	return u
}

// enableGRO lets the kernel join datagrams of one sender into one message.
func enableGRO(raw syscall.RawConn) bool {
	var failed error
	err := raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_UDP, unix.UDP_GRO, 1)
	})
	return err == nil && failed == nil
}

// read waits for a batch of messages and splits what the kernel joined.
func (u *udpIO) read() ([]inbound, error) {
	n, err := u.batch.ReadBatch(u.messages, 0)
	if err != nil {
		return nil, err
	}
	u.come = u.come[:0]
	for i := range u.messages[:n] {
		m := &u.messages[i]
		from, ok := m.Addr.(*net.UDPAddr)
		if !ok {
			continue
		}
		in := inbound{from: from.AddrPort(), oob: m.OOB[:m.NN]}
		rest := m.Buffers[0][:m.N]
		size := joinedSize(in.oob, len(rest))
		for first := true; first || len(rest) > 0; first = false {
			in.data = rest[:min(size, len(rest))]
			rest = rest[len(in.data):]
			u.come = append(u.come, in)
		}
	}
	return u.come, nil
}

// joinedSize is the size of the datagrams that a message was joined from, all
// but the last; whole if it was not joined.
func joinedSize(oob []byte, whole int) int {
	if body := findControl(oob, unix.UDP_GRO); len(body) >= 4 {
		if size := int(binary.NativeEndian.Uint32(body)); size > 0 {
			return size
		}
	}
	return max(whole, 1)
}

// findControl is the body of a control message of UDP, or nil.
func findControl(oob []byte, kind int32) []byte {
	for len(oob) > 0 {
		head, body, rest, err := unix.ParseOneSocketControlMessage(oob)
		if err != nil {
			return nil
		}
		if head.Level == unix.IPPROTO_UDP && head.Type == kind {
			return body
		}
		oob = rest
	}
	return nil
}

// write sends datagrams in one system call where it can. The control messages
// are quic-go's; their segment size grows to that of the sealed datagrams.
func (u *udpIO) write(b []byte, size int, to netip.AddrPort, oob []byte) error {
	segment := findControl(oob, unix.UDP_SEGMENT)
	switch {
	case segment == nil:
		return u.writeEach(b, size, to, oob)
	case u.noGSO.Load():
		return u.writeEach(b, size, to, nil)
	}
	binary.NativeEndian.PutUint16(segment, uint16(size))
	err := u.writeOne(b, oob, to)
	if errors.Is(err, unix.EIO) {
		// udp(7): EIO: the device does no checksum offload, which UDP_SEGMENT
		// needs.
		u.noGSO.Store(true)
		return u.writeEach(b, size, to, nil)
	}
	return err
}

func (u *udpIO) writeEach(b []byte, size int, to netip.AddrPort, oob []byte) error {
	for len(b) > 0 {
		d := b[:min(size, len(b))]
		b = b[len(d):]
		if err := u.writeOne(d, oob, to); err != nil {
			return err
		}
	}
	return nil
}

// writeOne is one system call. A first EPERM is tried again: it is sometimes a
// firewall's mistake about a new socket (golang/go#63322).
func (u *udpIO) writeOne(b, oob []byte, to netip.AddrPort) error {
	_, _, err := u.WriteMsgUDPAddrPort(b, oob, to)
	if errors.Is(err, unix.EPERM) {
		_, _, err = u.WriteMsgUDPAddrPort(b, oob, to)
	}
	return err
}

// udpFace is the socket as quic-go sees it over UDP. It has what quic-go looks
// for before it uses GSO, ECN and batches, and is no net.Conn, so that quic-go
// does not go past it to the file descriptor.
type udpFace struct {
	plainFace
	udp *udpIO
	// sized counts how often quic-go asked for larger buffers.
	sized *atomic.Uint32
}

// SyscallConn lets quic-go set socket options.
func (f udpFace) SyscallConn() (syscall.RawConn, error) {
	raw, err := f.udp.SyscallConn()
	if err != nil {
		return nil, err
	}
	return options{raw, f.sized, f.sized.Load()}, nil
}

// SetReadBuffer has nothing to do: the buffers are as large as they get. It ends
// the socket options that were handed out before.
func (f udpFace) SetReadBuffer(int) error { f.sized.Add(1); return nil }

// SetWriteBuffer is like SetReadBuffer.
func (f udpFace) SetWriteBuffer(int) error { f.sized.Add(1); return nil }

// options are the socket's options as quic-go sees them. When it has asked for
// a larger buffer it looks how large the buffer now is, and where the kernel gave
// less it says so on the global logger, which is the host's. Unless the
// connection is closed by then: so these options are, and it gets new ones for
// everything else.
type options struct {
	syscall.RawConn
	sized *atomic.Uint32
	as    uint32
}

// Control implements syscall.RawConn.
func (o options) Control(f func(fd uintptr)) error {
	if o.sized.Load() != o.as {
		return net.ErrClosed
	}
	return o.RawConn.Control(f)
}

// ReadBatch waits for QUIC packets and opens them straight into the messages.
// It never returns 0 packets without an error.
func (f udpFace) ReadBatch(messages []ipv4.Message, _ int) (int, error) {
	if len(messages) == 0 {
		return 0, nil
	}
	reader := &f.socket.reader
	p, err := reader.next(messages[0].Buffers[0])
	if err != nil {
		return 0, err
	}
	p.fill(&messages[0])
	for n := 1; n < len(messages); n++ {
		p, ok := reader.take(messages[n].Buffers[0])
		if !ok {
			return n, nil
		}
		p.fill(&messages[n])
	}
	return len(messages), nil
}

// fill describes an opened packet to quic-go.
func (p packet) fill(m *ipv4.Message) {
	m.Addr, m.N, m.Flags = p.link.addr, p.size, 0
	m.NN = copy(m.OOB, p.oob)
}

// ReadMsgUDP reads one packet.
func (f udpFace) ReadMsgUDP(b, oob []byte) (n, oobn, flags int, addr *net.UDPAddr, err error) {
	p, err := f.socket.reader.next(b)
	if err != nil {
		return 0, 0, 0, nil, err
	}
	return p.size, copy(oob, p.oob), 0, p.link.addr, nil
}

// WriteMsgUDP sends what may be many packets in a row; a control message tells
// their size.
func (f udpFace) WriteMsgUDP(b, oob []byte, addr *net.UDPAddr) (n, oobn int, err error) {
	size := len(b)
	if segment := findControl(oob, unix.UDP_SEGMENT); len(segment) >= 2 {
		size = int(binary.NativeEndian.Uint16(segment))
	}
	n, err = f.socket.writePacket(b, size, oob, addr)
	return n, len(oob), err
}
