package memory

import (
	"container/heap"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

// queueLimit bounds what waits at one socket, in datagrams; like a kernel's
// buffer it drops what comes when it is full.
const queueLimit = 8192

// packet is a datagram under way.
type packet struct {
	due   time.Time
	order uint64
	from  netip.AddrPort
	gate  *NAT
	to    netip.AddrPort
	data  []byte
}

// queue orders packets by when they are due, and equal ones by when they were
// sent: each link is first in, first out.
type queue []packet

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	if !q[i].due.Equal(q[j].due) {
		return q[i].due.Before(q[j].due)
	}
	return q[i].order < q[j].order
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(packet)) }
func (q *queue) Pop() any {
	last := len(*q) - 1
	p := (*q)[last]
	(*q)[last] = packet{}
	*q = (*q)[:last]
	return p
}

// Conn is a socket on the network. It is a net.PacketConn whose addresses are
// *net.UDPAddr.
type Conn struct {
	network *Network
	addr    netip.AddrPort
	nat     *NAT

	mu       sync.Mutex
	arriving queue
	deadline time.Time
	closed   bool
	// changed holds one token when a reader should look again.
	changed chan struct{}
}

var _ net.PacketConn = (*Conn)(nil)

func newConn(n *Network, addr netip.AddrPort, nat *NAT) *Conn {
	return &Conn{network: n, addr: addr, nat: nat, changed: make(chan struct{}, 1)}
}

// push puts a packet into the queue; false: closed or full.
func (c *Conn) push(p packet) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || len(c.arriving) >= queueLimit {
		return false
	}
	heap.Push(&c.arriving, p)
	c.wake()
	return true
}

func (c *Conn) wake() {
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

// ReadFrom returns the next datagram that is due. What is longer than b is cut,
// as UDP does. It returns os.ErrDeadlineExceeded at the deadline and
// net.ErrClosed after Close.
func (c *Conn) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		p, wait, err := c.next()
		switch {
		case err != nil:
			return 0, nil, &net.OpError{Op: "read", Net: "memory", Source: c.LocalAddr(), Err: err}
		case wait == 0:
			if c.network.admit(p) {
				return copy(b, p.data), net.UDPAddrFromAddrPort(p.from), nil
			}
		case wait < 0:
			<-c.changed
		default:
			timer := time.NewTimer(wait)
			select {
			case <-c.changed:
			case <-timer.C:
			}
			timer.Stop()
		}
	}
}

// next takes the first packet if it is due (wait 0), or says how long to wait;
// a negative wait is for ever.
func (c *Conn) next() (p packet, wait time.Duration, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if c.closed {
		c.wake() // for the next reader
		return packet{}, 0, net.ErrClosed
	}
	if !c.deadline.IsZero() && !now.Before(c.deadline) {
		return packet{}, 0, os.ErrDeadlineExceeded
	}
	wait = -1
	if len(c.arriving) > 0 {
		if wait = c.arriving[0].due.Sub(now); wait <= 0 {
			return heap.Pop(&c.arriving).(packet), 0, nil
		}
	}
	if !c.deadline.IsZero() {
		if left := c.deadline.Sub(now); wait < 0 || left < wait {
			wait = left
		}
	}
	return packet{}, wait, nil
}

// WriteTo sends a datagram. It never blocks, and like UDP it says nothing about
// arrival.
func (c *Conn) WriteTo(b []byte, addr net.Addr) (int, error) {
	c.mu.Lock()
	closed := c.closed
	c.mu.Unlock()
	if closed {
		return 0, &net.OpError{Op: "write", Net: "memory", Source: c.LocalAddr(), Err: net.ErrClosed}
	}
	to, ok := addr.(*net.UDPAddr)
	if !ok {
		return 0, &net.OpError{Op: "write", Net: "memory", Source: c.LocalAddr(), Addr: addr, Err: &net.AddrError{Err: "not a UDP address", Addr: addr.String()}}
	}
	ap := to.AddrPort()
	c.network.send(c, b, netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()))
	return len(b), nil
}

// Close frees the address; a reader returns net.ErrClosed.
func (c *Conn) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return net.ErrClosed
	}
	c.closed = true
	c.arriving = nil
	c.wake()
	c.mu.Unlock()
	c.network.forget(c)
	return nil
}

// LocalAddr is the socket's own address, private behind a NAT.
func (c *Conn) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(c.addr) }

// SetDeadline is SetReadDeadline: writes never wait.
func (c *Conn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

// SetReadDeadline bounds the present read and those to come; zero: no bound.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline = t
	c.wake()
	return nil
}

// SetWriteDeadline has no effect: writes never wait.
func (c *Conn) SetWriteDeadline(time.Time) error { return nil }
