package relay

import (
	"encoding/binary"
	"errors"
	"net"
	"unsafe"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

const (
	// readBatch is how many messages one system call reads.
	readBatch = 16
	// maxSegments is the kernel's limit for one GSO write (UDP_MAX_SEGMENTS),
	// and maxSegmented the greatest payload of one.
	maxSegments  = 64
	maxSegmented = 65000
)

// batchSocket reads and writes in batches: recvmmsg with UDP_GRO, sendmmsg with
// UDP_SEGMENT.
type batchSocket struct {
	conn  *net.UDPConn
	batch *ipv4.PacketConn
	in    []ipv4.Message
	got   []received
	out   []ipv4.Message
	// segmenting: the kernel takes GSO writes. It belongs to the writer.
	segmenting bool
}

func newSystemSocket(conn *net.UDPConn) (socket, error) {
	s := &batchSocket{conn: conn, batch: ipv4.NewPacketConn(conn)}
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	err = raw.Control(func(fd uintptr) {
		// Each may be missing on an old kernel; the relay is slower then.
		unix.SetsockoptInt(int(fd), unix.SOL_UDP, unix.UDP_GRO, 1)
		s.segmenting = unix.SetsockoptInt(int(fd), unix.SOL_UDP, unix.UDP_SEGMENT, 0) == nil
		// A datagram goes on whole or not at all: its size proves the path
		// (SPEC 10.1). The option of the other family fails, as it should.
		unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_PROBE)
		unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_PROBE)
	})
	if err != nil {
		return nil, err
	}
	for range readBatch {
		s.in = append(s.in, ipv4.Message{
			Buffers: [][]byte{make([]byte, maxRead)},
			OOB:     make([]byte, unix.CmsgSpace(4)),
		})
	}
	for range writeBatch {
		s.out = append(s.out, ipv4.Message{Buffers: make([][]byte, 1)})
	}
	return s, nil
}

func (s *batchSocket) read() ([]received, error) {
	for i := range s.in {
		s.in[i].OOB = s.in[i].OOB[:unix.CmsgSpace(4)]
	}
	n, err := s.batch.ReadBatch(s.in, 0)
	if err != nil {
		return nil, err
	}
	s.got = s.got[:0]
	for i := range s.in[:n] {
		m := &s.in[i]
		from, ok := m.Addr.(*net.UDPAddr)
		if !ok || m.N == 0 {
			continue
		}
		s.got = append(s.got, received{
			data:    m.Buffers[0][:m.N],
			segment: segmentOf(m.OOB[:m.NN], m.N),
			from:    unmap(from.AddrPort()),
		})
	}
	return s.got, nil
}

// segmentOf is the size of the datagrams that GRO put together, or all there is.
func segmentOf(oob []byte, n int) int {
	for len(oob) >= unix.SizeofCmsghdr {
		header, data, rest, err := unix.ParseOneSocketControlMessage(oob)
		if err != nil {
			return n
		}
		if header.Level == unix.SOL_UDP && header.Type == unix.UDP_GRO && len(data) >= 4 {
			if size := int(int32(binary.NativeEndian.Uint32(data))); size > 0 {
				return size
			}
		}
		oob = rest
	}
	return n
}

func (s *batchSocket) write(bursts []burst) {
	n := 0
	for _, b := range bursts {
		if b.length <= b.segment {
			s.out[n] = message(b, nil)
			n++
			continue
		}
		if !s.segmenting || b.length > maxSegmented || b.length > maxSegments*b.segment {
			writeSingly(s.conn, b.data(), b.segment, b.to.udp)
			continue
		}
		s.out[n] = message(b, segmentControl(b.segment))
		n++
	}
	for sent := 0; sent < n; {
		done, err := s.batch.WriteBatch(s.out[sent:n], 0)
		if sent += max(done, 0); err != nil && sent < n {
			s.writeRefused(s.out[sent], err)
			sent++
		}
	}
}

func message(b burst, control []byte) ipv4.Message {
	return ipv4.Message{Buffers: [][]byte{b.data()}, OOB: control, Addr: b.to.udp}
}

// writeRefused sends the datagrams of a refused GSO write one by one. EIO means
// that the device under it cannot segment: then it is not tried again.
func (s *batchSocket) writeRefused(m ipv4.Message, reason error) {
	if m.OOB == nil {
		return
	}
	if errors.Is(reason, unix.EIO) {
		s.segmenting = false
	}
	segment := int(binary.NativeEndian.Uint16(m.OOB[unix.CmsgLen(0):]))
	writeSingly(s.conn, m.Buffers[0], segment, m.Addr)
}

// segmentControl is the control message that makes the kernel cut a write into
// datagrams of segment bytes.
func segmentControl(segment int) []byte {
	control := make([]byte, unix.CmsgSpace(2))
	header := (*unix.Cmsghdr)(unsafe.Pointer(&control[0]))
	header.Level, header.Type = unix.SOL_UDP, unix.UDP_SEGMENT
	header.SetLen(unix.CmsgLen(2))
	binary.NativeEndian.PutUint16(control[unix.CmsgLen(0):], uint16(segment))
	return control
}
