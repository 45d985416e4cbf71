package memory

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"
)

// ErrInUse is returned for an address that another socket holds.
var ErrInUse = errors.New("memory: address in use")

// firstPort is where ports are taken from when the caller asks for port 0.
const firstPort = 20000

// Link is what lies between two hosts, in each direction.
type Link struct {
	// Delay is how long a datagram travels. Zero: it arrives at once.
	Delay time.Duration
	// Loss is the share of datagrams that get lost, 0 to 1.
	Loss float64
}

// Network carries datagrams between the sockets that were opened on it. It is
// safe for concurrent use. Losses are drawn from the seed, in the order of
// sending.
type Network struct {
	mu      sync.Mutex
	random  *rand.Rand
	usual   Link
	links   map[pair]Link
	cut     map[pair]bool
	conns   map[netip.AddrPort]*Conn
	gates   map[netip.Addr]*NAT
	order   uint64
	dropped uint64
}

// pair names two hosts, smaller address first.
type pair struct{ a, b netip.Addr }

func pairOf(a, b netip.Addr) pair {
	if b.Less(a) {
		a, b = b, a
	}
	return pair{a, b}
}

// New returns an empty network on which every two hosts are joined by the
// usual link.
func New(seed uint64, usual Link) *Network {
	return &Network{
		random: rand.New(rand.NewPCG(seed, seed^0x9e3779b97f4a7c15)),
		usual:  usual,
		links:  make(map[pair]Link),
		cut:    make(map[pair]bool),
		conns:  make(map[netip.AddrPort]*Conn),
		gates:  make(map[netip.Addr]*NAT),
	}
}

// SetLink changes what lies between two public addresses, or behind one NAT
// between two private ones.
func (n *Network) SetLink(a, b netip.Addr, link Link) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.links[pairOf(a, b)] = link
}

// Cut parts two addresses, or joins them again. What is under way arrives.
func (n *Network) Cut(a, b netip.Addr, on bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut[pairOf(a, b)] = on
}

// Dropped counts the datagrams that were lost, cut off, filtered or sent to
// nobody.
func (n *Network) Dropped() uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.dropped
}

// Listen opens a socket on a public address; port 0 takes a free one.
func (n *Network) Listen(addr netip.AddrPort) (*Conn, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.gates[addr.Addr()] != nil {
		return nil, fmt.Errorf("%w: %v is a NAT", ErrInUse, addr.Addr())
	}
	return n.open(n.conns, addr, nil)
}

// open makes a socket in the given table.
func (n *Network) open(table map[netip.AddrPort]*Conn, addr netip.AddrPort, nat *NAT) (*Conn, error) {
	if addr.Port() == 0 {
		for port := firstPort; ; port++ {
			if port > 65535 {
				return nil, fmt.Errorf("%w: no port left on %v", ErrInUse, addr.Addr())
			}
			addr = netip.AddrPortFrom(addr.Addr(), uint16(port))
			if table[addr] == nil {
				break
			}
		}
	}
	if table[addr] != nil {
		return nil, fmt.Errorf("%w: %v", ErrInUse, addr)
	}
	c := newConn(n, addr, nat)
	table[addr] = c
	return c, nil
}

// send carries one datagram from a socket to an address.
func (n *Network) send(c *Conn, data []byte, to netip.AddrPort) {
	n.mu.Lock()
	defer n.mu.Unlock()
	from, receiver, gate := n.route(c, to)
	link, ok := n.links[pairOf(from.Addr(), to.Addr())]
	if !ok {
		link = n.usual
	}
	lost := link.Loss > 0 && n.random.Float64() < link.Loss
	if receiver == nil || lost || n.cut[pairOf(from.Addr(), to.Addr())] {
		n.dropped++
		return
	}
	n.order++
	p := packet{due: time.Now().Add(link.Delay), order: n.order, from: from, gate: gate, to: to, data: append([]byte(nil), data...)}
	if !receiver.push(p) {
		n.dropped++
	}
}

// route translates the source on the way out and finds the receiver on the way
// in. A gate must let the datagram through when it arrives, not when it leaves.
func (n *Network) route(c *Conn, to netip.AddrPort) (from netip.AddrPort, receiver *Conn, gate *NAT) {
	from = c.addr
	if c.nat != nil {
		if inside := c.nat.conns[to]; inside != nil {
			return from, inside, nil
		}
		if from = c.nat.outgoing(c, to); !from.IsValid() {
			return from, nil, nil
		}
	}
	if gate = n.gates[to.Addr()]; gate != nil {
		return from, gate.owner(to.Port()), gate
	}
	return from, n.conns[to], nil
}

// admit asks the gate that a datagram came through whether it may enter.
func (n *Network) admit(p packet) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if p.gate == nil || p.gate.admits(p.to.Port(), p.from) {
		return true
	}
	n.dropped++
	return false
}

// forget frees the address of a closed socket.
func (n *Network) forget(c *Conn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	table := n.conns
	if c.nat != nil {
		table = c.nat.conns
		c.nat.forget(c)
	}
	if table[c.addr] == c {
		delete(table, c.addr)
	}
}
