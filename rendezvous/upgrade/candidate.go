package upgrade

import (
	"net/netip"
	"slices"

	"github.com/waymeet/waymeet/messages"
)

// candidate is an address at which the peer may be reached directly, and the
// local binding from which we would reach it.
//
// Invariant: made by candidateFor, so the address may be probed and the
// binding existed then.
type candidate struct {
	addr    netip.AddrPort
	binding messages.Binding
}

// sharedSpace is the address space of carriers' own NATs (RFC 6598): as local
// as the private ranges.
var sharedSpace = netip.MustParsePrefix("100.64.0.0/10")

// candidateFor says whether an address may be probed, and from which binding.
//
// SPEC 10.6: "never to multicast, unspecified addresses or the relay itself;
// loopback only when the node's own sockets are bound to it; private ranges
// only when a local interface has that prefix."
func candidateFor(addr netip.AddrPort, local messages.LocalNetwork, relays []netip.AddrPort) (candidate, bool) {
	addr = netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
	ip := addr.Addr()
	switch {
	case !ip.IsValid() || addr.Port() == 0 || ip.Zone() != "":
		return candidate{}, false
	case !ip.IsLoopback() && !ip.IsGlobalUnicast():
		return candidate{}, false
	case ip.IsLoopback() && !local.Socket.Addr().Unmap().IsLoopback():
		return candidate{}, false
	case slices.Contains(relays, addr) || isOwn(addr, local):
		return candidate{}, false
	}
	binding, ok := bindingFor(ip, local.Bindings)
	return candidate{addr: addr, binding: binding}, ok
}

// bindingFor picks the local binding that datagrams to ip leave from: one
// whose network holds ip, else, toward a public address, one that can route.
func bindingFor(ip netip.Addr, bindings []messages.Binding) (messages.Binding, bool) {
	var routed []messages.Binding
	for _, b := range bindings {
		own := b.Prefix.Addr()
		if own.Is4() != ip.Is4() {
			continue
		}
		if b.Prefix.Masked().Contains(ip) {
			return b, ip != broadcastOf(b.Prefix)
		}
		if own.IsGlobalUnicast() {
			routed = append(routed, b)
		}
	}
	if len(routed) == 0 || ip.IsLoopback() || ip.IsPrivate() || sharedSpace.Contains(ip) {
		return messages.Binding{}, false
	}
	if at := slices.IndexFunc(routed, func(b messages.Binding) bool { return b.Default }); at >= 0 {
		return routed[at], true
	}
	return routed[0], true
}

// isOwn reports whether an address is that of our own socket.
func isOwn(addr netip.AddrPort, local messages.LocalNetwork) bool {
	if addr.Port() != local.Socket.Port() {
		return false
	}
	return slices.ContainsFunc(local.Bindings, func(b messages.Binding) bool { return b.Prefix.Addr() == addr.Addr() })
}

// broadcastOf is the broadcast address of an IPv4 network that has one.
func broadcastOf(p netip.Prefix) netip.Addr {
	if !p.Addr().Is4() || p.Bits() >= 31 || p.Addr().IsLoopback() {
		return netip.Addr{}
	}
	last := p.Masked().Addr().As4()
	for bit := p.Bits(); bit < 32; bit++ {
		last[bit/8] |= 0x80 >> (bit % 8)
	}
	return netip.AddrFrom4(last)
}

// recoverable reports whether a path that leaves from the binding can still do
// so.
//
// SPEC 10.5: "Recoverable = the candidate's local binding belongs to an
// interface that exists now. A reflexive address is never evidence of that."
func recoverable(binding messages.Binding, local messages.LocalNetwork) bool {
	return slices.ContainsFunc(local.Bindings, func(b messages.Binding) bool {
		return b.Interface == binding.Interface && b.Prefix == binding.Prefix
	})
}
