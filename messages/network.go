package messages

import (
	"net/netip"
	"time"
)

// NetworkMessage is the inbox of the NetworkActor: there is one a node, it
// counts the changes of the node's own network (SPEC 10.9) and says which
// direct endpoints to publish. It knows of no context.
type NetworkMessage interface{ networkMessage() }

// Binding is an address of a local interface that is up.
type Binding struct {
	Interface string
	// Prefix is the address itself, with the length of its network:
	// 192.168.1.7/24.
	Prefix netip.Prefix
	// Default says that a default route goes through the interface.
	Default bool
}

// Interfaces is a snapshot of all interfaces that are up.
type Interfaces struct {
	Bindings []Binding
	// DefaultRoutes names the interfaces that default routes go through, and
	// their gateways: equal text, equal routes.
	DefaultRoutes string
}

// SocketBound says what the node's UDP socket is bound to.
type SocketBound struct{ Addr netip.AddrPort }

// ClockJumped says that the wall clock left the monotonic one behind: the node
// has slept.
type ClockJumped struct{ By time.Duration }

// Observer names who tells us our own address as it sees it: a relay's or a
// STUN server's address.
type Observer string

// Reflexive is an observation of our own address by somebody outside.
type Reflexive struct {
	// Network is the generation under which the question was sent.
	Network  NetworkGeneration
	Observer Observer
	// Local is the interface address that the question left from; invalid if
	// that is not known.
	Local  netip.Addr
	Mapped netip.AddrPort
}

// NetworkChanged forces a new generation; the reason is shown.
type NetworkChanged struct{ Reason string }

func (Tick) networkMessage()           {}
func (Interfaces) networkMessage()     {}
func (SocketBound) networkMessage()    {}
func (ClockJumped) networkMessage()    {}
func (Reflexive) networkMessage()      {}
func (NetworkChanged) networkMessage() {}
