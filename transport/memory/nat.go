package memory

import (
	"fmt"
	"net/netip"
)

// NATKind says how a NAT maps and filters (RFC 4787, 4.1 and 5). Both kinds
// admit from outside only who was written to from inside: address- and
// port-dependent filtering.
type NATKind uint8

const (
	// EndpointIndependent gives a socket one public port for all
	// destinations: hole punching works.
	EndpointIndependent NATKind = iota + 1
	// Symmetric gives it another public port for each destination.
	Symmetric
)

// NAT is a gate between private addresses and one public address. Sockets
// behind it reach each other by their private addresses; there is no hairpin.
type NAT struct {
	network *Network
	kind    NATKind
	public  netip.Addr
	conns   map[netip.AddrPort]*Conn
	ports   map[mapping]uint16
	owners  map[uint16]*Conn
	opened  map[hole]bool
	next    uint16
}

// mapping is what a public port is given for: a socket, and under a symmetric
// NAT its destination.
type mapping struct {
	conn *Conn
	to   netip.AddrPort
}

// hole lets one outside address in through a public port.
type hole struct {
	port uint16
	from netip.AddrPort
}

// NAT puts a gate at a public address.
func (n *Network) NAT(kind NATKind, public netip.Addr) (*NAT, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.gates[public] != nil {
		return nil, fmt.Errorf("%w: %v is a NAT", ErrInUse, public)
	}
	g := &NAT{
		network: n,
		kind:    kind,
		public:  public,
		conns:   make(map[netip.AddrPort]*Conn),
		ports:   make(map[mapping]uint16),
		owners:  make(map[uint16]*Conn),
		opened:  make(map[hole]bool),
		next:    firstPort,
	}
	n.gates[public] = g
	return g, nil
}

// Listen opens a socket on a private address behind the gate; port 0 takes a
// free one.
func (g *NAT) Listen(addr netip.AddrPort) (*Conn, error) {
	g.network.mu.Lock()
	defer g.network.mu.Unlock()
	return g.network.open(g.conns, addr, g)
}

// Forget drops every mapping and hole, as a rebooting router does.
func (g *NAT) Forget() {
	g.network.mu.Lock()
	defer g.network.mu.Unlock()
	clear(g.ports)
	clear(g.owners)
	clear(g.opened)
}

// outgoing maps a socket to a public address and opens the hole for answers.
// It returns no address when the ports are used up. The network is locked.
func (g *NAT) outgoing(c *Conn, to netip.AddrPort) netip.AddrPort {
	key := mapping{conn: c}
	if g.kind == Symmetric {
		key.to = to
	}
	port, ok := g.ports[key]
	if !ok {
		if g.next == 65535 {
			return netip.AddrPort{}
		}
		port = g.next
		g.next++
		g.ports[key] = port
		g.owners[port] = c
	}
	g.opened[hole{port, to}] = true
	return netip.AddrPortFrom(g.public, port)
}

// owner is the socket that a public port belongs to, or nil. The network is
// locked.
func (g *NAT) owner(port uint16) *Conn { return g.owners[port] }

// admits reports whether from may enter through a port. The network is locked.
func (g *NAT) admits(port uint16, from netip.AddrPort) bool { return g.opened[hole{port, from}] }

// forget frees the ports of a closed socket. The network is locked.
func (g *NAT) forget(c *Conn) {
	for key, port := range g.ports {
		if key.conn == c {
			delete(g.ports, key)
			delete(g.owners, port)
		}
	}
}
