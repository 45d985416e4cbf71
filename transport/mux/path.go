package mux

import (
	"fmt"
	"net/netip"

	"github.com/waymeet/waymeet/messages"
)

// Session names the two ends of a hop at a relay; the relay chose it for this
// side, and it is valid from the address it was given to.
type Session [4]byte

// Path is one way to the peer. Paths are comparable; the zero Path leads
// nowhere.
//
// Invariant: Session is zero unless Kind is messages.PathRelay, and Addr is
// never an IPv4 address in IPv6 form.
type Path struct {
	Kind messages.PathKind
	// Addr is the peer's address, or the relay's.
	Addr    netip.AddrPort
	Session Session
}

// Direct is the path to an address.
func Direct(to netip.AddrPort) Path {
	return Path{Kind: messages.PathDirect, Addr: unmap(to)}
}

// Relayed is the path through a session at a relay.
func Relayed(relay netip.AddrPort, session Session) Path {
	return Path{Kind: messages.PathRelay, Addr: unmap(relay), Session: session}
}

// IsZero reports whether the path leads nowhere.
func (p Path) IsZero() bool { return p == Path{} }

// String is "direct 192.0.2.1:5" or "relay 192.0.2.1:5". The session stays out
// of logs: who knows it can be told apart by the relay.
func (p Path) String() string {
	if p.IsZero() {
		return "no path"
	}
	return fmt.Sprintf("%v %v", p.Kind, p.Addr)
}

// hop is how many bytes stand before the datagram on this path.
func (p Path) hop() int {
	if p.Kind == messages.PathRelay {
		return hopSize
	}
	return 0
}

// putHop writes them.
func (p Path) putHop(b []byte) {
	if p.Kind == messages.PathRelay {
		b[0] = kindHop
		copy(b[1:], p.Session[:])
	}
}

// unmap brings an address into the one form that paths compare by.
func unmap(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}
