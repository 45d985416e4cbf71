package mux

import (
	"net/netip"

	"github.com/waymeet/waymeet/messages"
)

// Path is one way to the peer. Addr is never an IPv4 address in IPv6 form:
// Direct and Relayed see to it.
type Path = messages.Path

// Session names our side of a pair at a relay.
type Session = messages.HopSession

// Direct is the path to an address.
func Direct(to netip.AddrPort) Path {
	return Path{Kind: messages.PathDirect, Addr: unmap(to)}
}

// Relayed is the path through a session at a relay.
func Relayed(relay netip.AddrPort, session Session) Path {
	return Path{Kind: messages.PathRelay, Addr: unmap(relay), Session: session}
}

// hop is how many bytes stand before the datagram on a path.
func hop(p Path) int {
	if p.Kind == messages.PathRelay {
		return hopSize
	}
	return 0
}

// putHop writes them.
func putHop(p Path, b []byte) {
	if p.Kind == messages.PathRelay {
		b[0] = kindHop
		copy(b[1:], p.Session[:])
	}
}

// unmap brings an address into the one form that paths compare by.
func unmap(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}
