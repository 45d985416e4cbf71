package mux

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// ErrClosed is returned by the methods of a closed socket or link.
var ErrClosed = errors.New("mux: closed")

// Socket is one socket and all links on it. It is safe for concurrent use.
//
// Invariants:
//  1. A link is in links under its virtual number from its making until Close.
//  2. A key index is in indexes from ReserveIndex until its link closes; it has
//     an AEAD only from Install on.
//  3. Only the goroutine that reads PacketConn touches replay windows.
type Socket struct {
	config Config
	sink   sink
	reader reader
	face   net.PacketConn
	count  counters
	start  time.Time
	v6     bool

	hellos atomic.Pointer[helloEntries]
	held   holding
	watch  watcher
	limit  limiter

	mu       sync.RWMutex
	closed   bool
	links    map[uint32]*Link
	attempts map[AttemptID]*Link
	indexes  map[messages.KeyIndex]*receiveKey
	number   uint32

	randomMu sync.Mutex
}

// ListenUDP opens a UDP socket. An IPv4 address, a specific one or 0.0.0.0,
// makes an IPv4 socket; an IPv6 one an IPv6 socket, and [::] takes both.
func ListenUDP(addr netip.AddrPort, config Config) (*Socket, error) {
	network := "udp"
	if addr.Addr().Is4() {
		network = "udp4"
	}
	conn, err := net.ListenUDP(network, net.UDPAddrFromAddrPort(addr))
	if err != nil {
		return nil, fmt.Errorf("mux: listen: %w", err)
	}
	return New(conn, config), nil
}

// New puts a mux over a packet connection whose addresses are *net.UDPAddr. A
// *net.UDPConn is used with batched system calls where the system has them. The
// socket owns conn from now on.
func New(conn net.PacketConn, config Config) *Socket {
	s := &Socket{
		config:   config,
		start:    time.Now(),
		links:    make(map[uint32]*Link),
		attempts: make(map[AttemptID]*Link),
		indexes:  make(map[messages.KeyIndex]*receiveKey),
	}
	if local, ok := conn.LocalAddr().(*net.UDPAddr); ok {
		s.v6 = local.IP.To4() == nil
	}
	s.hellos.Store(&helloEntries{})
	s.reader.socket = s
	s.sink, s.reader.source, s.face = newIO(s, conn)
	s.watch.init()
	go s.runWatcher()
	return s
}

// PacketConn is the face of the socket toward quic-go. Reading it is what makes
// the socket receive; one goroutine may read.
func (s *Socket) PacketConn() net.PacketConn { return s.face }

// LocalAddr is the address that the system gave the socket.
func (s *Socket) LocalAddr() netip.AddrPort {
	local, ok := s.reader.source.LocalAddr().(*net.UDPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	return unmap(local.AddrPort())
}

// SetHelloKeys replaces the table of hello keys.
func (s *Socket) SetHelloKeys(t HelloTable) {
	entries := newHelloEntries(t)
	s.hellos.Store(&entries)
}

// ReserveIndex draws a key index that nobody holds. Data datagrams that come
// for it before Install are held for a moment. It is freed with the link that
// gets it, or by ReleaseIndex.
func (s *Socket) ReserveIndex() (messages.KeyIndex, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, ErrClosed
	}
	for range 1000 {
		n, err := s.drawUint64()
		if err != nil {
			return 0, err
		}
		index := messages.KeyIndex(n)
		if _, taken := s.indexes[index]; !taken && index != 0 {
			s.indexes[index] = &receiveKey{}
			return index, nil
		}
	}
	return 0, errors.New("mux: the random source repeats itself")
}

// ReleaseIndex frees an index that no link got.
func (s *Socket) ReleaseIndex(index messages.KeyIndex) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if key, ok := s.indexes[index]; ok && key.link == nil {
		delete(s.indexes, index)
		s.held.drop(holdKey{kindData, uint32(index)})
	}
}

func (s *Socket) drawUint64() (uint64, error) {
	s.randomMu.Lock()
	defer s.randomMu.Unlock()
	var b [8]byte
	if _, err := io.ReadFull(s.config.random(), b[:]); err != nil {
		return 0, fmt.Errorf("mux: randomness: %w", err)
	}
	return binary.BigEndian.Uint64(b[:]), nil
}

// Send writes one datagram as it is: STUN, relay control, a beacon, or
// message 2 (on the path its hello came by). ErrClosed is its only error; all
// else is loss.
func (s *Socket) Send(b []byte, via Path) error {
	if len(b) == 0 {
		return nil
	}
	d := b
	if hop := hop(via); hop > 0 {
		d = make([]byte, hop+len(b))
		putHop(via, d)
		copy(d[hop:], b)
	}
	if err := s.write(d, len(d), via.Addr, nil); errors.Is(err, net.ErrClosed) {
		return ErrClosed
	}
	return nil
}

// write puts datagrams on the wire, each of the given size, the last perhaps
// shorter. Errors are counted; callers look only at those they care about.
func (s *Socket) write(b []byte, size int, to netip.AddrPort, oob []byte) error {
	if err := s.sink.write(b, size, to, oob); err != nil {
		s.count.sendErrors.Add(1)
		return err
	}
	s.count.bytesOut.Add(uint64(len(b)))
	s.count.datagramsOut.Add(uint64((len(b) + size - 1) / size))
	return nil
}

// Stats returns the counters.
func (s *Socket) Stats() Stats {
	stats := s.count.snapshot()
	s.mu.RLock()
	defer s.mu.RUnlock()
	stats.Links = len(s.links)
	return stats
}

// LinkAt is the link with a virtual address.
func (s *Socket) LinkAt(addr net.Addr) (*Link, bool) {
	udp, ok := addr.(*net.UDPAddr)
	if !ok {
		return nil, false
	}
	number, ok := virtualNumber(udp.IP)
	if !ok {
		return nil, false
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	l, ok := s.links[number]
	return l, ok
}

// Close closes every link and the socket, and waits for its goroutine. It must
// not be called from a callback of Config.
func (s *Socket) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return ErrClosed
	}
	s.closed = true
	links := make([]*Link, 0, len(s.links))
	for _, l := range s.links {
		links = append(links, l)
	}
	s.mu.Unlock()
	for _, l := range links {
		l.Close()
	}
	err := s.reader.source.Close()
	s.watch.stop()
	return err
}

// now is the time since the socket was opened: what all evidence is dated by.
// It is never 0, which means never.
func (s *Socket) now() moment { return moment(time.Since(s.start)) + 1 }

// moment is a time on the socket's own monotonic clock, in nanoseconds.
type moment int64

// since is the duration from an earlier moment.
func (m moment) since(earlier moment) time.Duration { return time.Duration(m - earlier) }

// add is a later moment.
func (m moment) add(d time.Duration) moment { return m + moment(d) }

// tell reports an event to the owner.
func (s *Socket) tell(e Event) {
	if s.config.Event != nil {
		s.config.Event(e)
	}
}
