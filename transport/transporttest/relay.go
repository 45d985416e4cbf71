package transporttest

import (
	"encoding/binary"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/waymeet/waymeet/transport/mux"
)

// Relay forwards hop datagrams between the two sides of each session, and does
// nothing else of what a relay does.
type Relay struct {
	conn      net.PacketConn
	at        netip.AddrPort
	forwarded atomic.Int64

	mu    sync.Mutex
	next  uint32
	sides map[side]side
}

// side is one end of a session: an address and the session's number there.
type side struct {
	addr    netip.AddrPort
	session mux.Session
}

// NewRelay runs a relay on a connection until the test ends.
func NewRelay(t testing.TB, conn net.PacketConn) *Relay {
	local := conn.LocalAddr().(*net.UDPAddr)
	r := &Relay{conn: conn, at: local.AddrPort(), sides: make(map[side]side)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.run()
	}()
	t.Cleanup(func() {
		conn.Close()
		<-ended
	})
	return r
}

// Join makes a session between two addresses and returns the path that each
// of them sends on.
func (r *Relay) Join(a, b netip.AddrPort) (pathOfA, pathOfB mux.Path) {
	r.mu.Lock()
	defer r.mu.Unlock()
	left, right := side{addr: a}, side{addr: b}
	r.next++
	binary.BigEndian.PutUint32(left.session[:], r.next<<8|1)
	binary.BigEndian.PutUint32(right.session[:], r.next<<8|2)
	r.sides[left], r.sides[right] = right, left
	return mux.Relayed(r.at, left.session), mux.Relayed(r.at, right.session)
}

// Restart forgets every session.
func (r *Relay) Restart() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.sides)
}

// Forwarded counts datagrams.
func (r *Relay) Forwarded() int64 { return r.forwarded.Load() }

func (r *Relay) run() {
	const hop = 5
	b := make([]byte, 2048)
	for {
		n, from, err := r.conn.ReadFrom(b)
		if err != nil {
			return
		}
		if n <= hop || b[0] != 0x08 {
			continue
		}
		r.mu.Lock()
		other, ok := r.sides[side{from.(*net.UDPAddr).AddrPort(), mux.Session(b[1:hop])}]
		r.mu.Unlock()
		if !ok {
			continue
		}
		copy(b[1:], other.session[:])
		r.conn.WriteTo(b[:n], net.UDPAddrFromAddrPort(other.addr))
		r.forwarded.Add(1)
	}
}
