package upgrade

import (
	"net/netip"
	"slices"

	"github.com/waymeet/waymeet/messages"
)

// Bounds of what a node says of itself.
const (
	// maxObservations bounds what others told us of ourselves.
	maxObservations = 64
	// maxDirectEndpoints leaves room for relay slots in a descriptor.
	maxDirectEndpoints = messages.MaxEndpoints - 4
)

// local is the network as every PeerConnectionActor sees it.
func (n *Network) local() messages.LocalNetwork {
	return messages.LocalNetwork{
		Network: n.saved.Generation, Bindings: n.bindings(), Socket: n.saved.Socket, HardNAT: n.hardNAT(),
	}
}

// bindings are the interface addresses that our socket can send from: all of
// its family if it is bound to none in particular, else the one that it is
// bound to.
func (n *Network) bindings() []messages.Binding {
	socket := n.saved.Socket.Addr().Unmap()
	var usable []messages.Binding
	for _, b := range n.saved.Interfaces.Bindings {
		own := b.Prefix.Addr()
		switch {
		case !socket.IsUnspecified():
			if b.Prefix.Masked().Contains(socket) && len(usable) == 0 {
				b.Prefix = netip.PrefixFrom(socket, b.Prefix.Bits())
				usable = append(usable, b)
			}
		case own.IsGlobalUnicast() && (own.Is4() || socket.Is6()):
			usable = append(usable, b)
		}
	}
	return usable
}

// endpoints are the direct endpoints to publish: our own addresses, then what
// others see of us where that does not depend on who looks.
func (n *Network) endpoints() []messages.LinkEndpoint {
	endpoints := []messages.LinkEndpoint{}
	port := n.saved.Socket.Port()
	var own []netip.AddrPort
	for _, b := range n.bindings() {
		addr := netip.AddrPortFrom(b.Prefix.Addr(), port)
		own = append(own, addr)
		endpoints = append(endpoints, messages.LinkEndpoint{Protocol: messages.LinkQUIC, Address: addr.String()})
	}
	for _, addr := range n.mapped() {
		if !slices.Contains(own, addr) {
			endpoints = append(endpoints, messages.LinkEndpoint{Protocol: messages.LinkQUICReflexive, Address: addr.String()})
		}
	}
	return endpoints[:min(len(endpoints), maxDirectEndpoints)]
}

// mapped are the addresses that all who observed one of our bindings agree
// on, sorted.
func (n *Network) mapped() []netip.AddrPort {
	var addrs []netip.AddrPort
	for _, seen := range n.saved.Seen {
		if !n.disputed(seen) {
			addrs = append(addrs, seen.Mapped)
		}
	}
	slices.SortFunc(addrs, netip.AddrPort.Compare)
	return slices.Compact(addrs)
}

// hardNAT reports whether two observers saw one binding at two addresses: the
// mapping depends on whom we send to, and nobody can be told it beforehand.
func (n *Network) hardNAT() bool { return slices.ContainsFunc(n.saved.Seen, n.disputed) }

// disputed compares observers of the same realm only: a relay in our own
// network sees another address than one outside, and both are right.
func (n *Network) disputed(a Observation) bool {
	return slices.ContainsFunc(n.saved.Seen, func(b Observation) bool {
		return a.Local == b.Local && realmOf(a.Mapped.Addr()) == realmOf(b.Mapped.Addr()) && a.Mapped != b.Mapped
	})
}

// realm is the part of the address space that an address lies in.
type realm struct{ ipv4, loopback, private bool }

func realmOf(ip netip.Addr) realm {
	return realm{ipv4: ip.Is4(), loopback: ip.IsLoopback(), private: ip.IsPrivate() || sharedSpace.Contains(ip)}
}
