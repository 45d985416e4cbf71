package rendezvoustest

import (
	"fmt"
	"net/netip"
)

// dependence says on what of the other end something depends (RFC 4787, 4.1
// and 5).
type dependence uint8

const (
	onNothing dependence = iota
	onAddress
	onAddressAndPort
)

// natKind is how a NAT maps and filters.
type natKind struct {
	name               string
	mapping, filtering dependence
}

// natKinds are the NATs that there are.
var natKinds = []natKind{
	{"eif", onNothing, onNothing},
	{"adf", onNothing, onAddress},
	{"apdf", onNothing, onAddressAndPort},
	{"adm", onAddress, onAddressAndPort},
	{"sym", onAddressAndPort, onAddressAndPort},
}

// natPort is the first port that a NAT gives out.
const natPort = 20000

// nat is a gate between the private addresses of nodes and one public address.
// Nodes behind one gate reach each other by their private addresses; there is
// no hairpin.
type nat struct {
	kind   natKind
	name   string
	public netip.Addr
	// ports are given to a private address for a destination, as far as the
	// mapping depends on it.
	ports map[mapping]uint16
	inner map[uint16]netip.AddrPort
	// holes are what was written to through a port, as far as the filtering
	// depends on it.
	holes map[hole]bool
	next  uint16
}

type mapping struct{ from, to netip.AddrPort }

type hole struct {
	port uint16
	from netip.AddrPort
}

// addNAT puts a gate at a public address.
func (w *World) addNAT(name string, kind natKind) *nat {
	g := &nat{kind: kind, name: name, public: netip.AddrFrom4([4]byte{192, 0, 2, byte(len(w.nats) + 1)}), next: natPort}
	g.forget()
	w.nats = append(w.nats, g)
	return g
}

// forget drops all mappings and holes, as a router that is started again does.
func (g *nat) forget() {
	g.ports, g.inner, g.holes = map[mapping]uint16{}, map[uint16]netip.AddrPort{}, map[hole]bool{}
}

// only is what of an address a dependence sees.
func (d dependence) only(addr netip.AddrPort) netip.AddrPort {
	switch d {
	case onNothing:
		return netip.AddrPort{}
	case onAddress:
		return netip.AddrPortFrom(addr.Addr(), 0)
	}
	return addr
}

// outgoing is the public address of a private one toward a destination, and
// opens the way back.
func (g *nat) outgoing(from, to netip.AddrPort) netip.AddrPort {
	key := mapping{from, g.kind.mapping.only(to)}
	port, ok := g.ports[key]
	if !ok {
		port = g.next
		g.next++ // of 45 000 ports no world uses all
		g.ports[key], g.inner[port] = port, from
	}
	g.holes[hole{port, g.kind.filtering.only(to)}] = true
	return netip.AddrPortFrom(g.public, port)
}

// incoming is who gets what comes to a port from an address; invalid: nobody.
func (g *nat) incoming(port uint16, from netip.AddrPort) netip.AddrPort {
	if !g.holes[hole{port, g.kind.filtering.only(from)}] {
		return netip.AddrPort{}
	}
	return g.inner[port]
}

// gate finds the NAT with a public address.
func (w *World) gate(public netip.Addr) *nat {
	for _, g := range w.nats {
		if g.public == public {
			return g
		}
	}
	return nil
}

func (w *World) nat(name string) *nat {
	for _, g := range w.nats {
		if g.name == name {
			return g
		}
	}
	return nil
}

// kindOfNAT finds a kind by its name.
func kindOfNAT(name string) (natKind, error) {
	for _, kind := range natKinds {
		if kind.name == name {
			return kind, nil
		}
	}
	return natKind{}, fmt.Errorf("there is no NAT of kind %s", name)
}

// privateAddress is the address of a node behind a gate: its gate's network,
// its own number, another one after every move.
func (n *node) privateAddress() netip.Addr {
	return netip.AddrFrom4([4]byte{10, n.gate.public.As4()[3], byte(n.moved), byte(n.number)})
}
