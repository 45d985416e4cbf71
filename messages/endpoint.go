package messages

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// LinkProtocol says how a link endpoint is spoken to (SPEC 4.4).
type LinkProtocol uint8

// The link protocols. Values are on the wire and are never used again.
const (
	// LinkQUIC is an address of a local interface of the peer.
	LinkQUIC LinkProtocol = 1
	// LinkQUICReflexive is an address that somebody else observed.
	LinkQUICReflexive LinkProtocol = 2
	// LinkRelayUDP is a slot at a relay, reached by UDP datagrams.
	LinkRelayUDP LinkProtocol = 3
	// LinkRelayWS is a slot at a relay, reached by WebSocket over TLS.
	LinkRelayWS LinkProtocol = 4
)

var linkProtocolNames = map[LinkProtocol]string{
	LinkQUIC: "quic", LinkQUICReflexive: "quic-reflexive", LinkRelayUDP: "relay-udp", LinkRelayWS: "relay-ws",
}

// String is the name that the specification uses.
func (p LinkProtocol) String() string {
	if name, ok := linkProtocolNames[p]; ok {
		return name
	}
	return "protocol " + strconv.Itoa(int(p))
}

// IsRelay reports whether the endpoint is a slot at a relay.
func (p LinkProtocol) IsRelay() bool { return p == LinkRelayUDP || p == LinkRelayWS }

// LinkEndpoint says how a peer may be reached; it says nothing of what the
// peer offers, and it fixes no route (SPEC 4.4).
//
// Invariants, checked by Validate at the door and assumed inside:
//  1. a direct endpoint has an IP address and a port, and nothing of a relay;
//  2. a relay endpoint has HOST:PORT, the relay's key and a slot.
type LinkEndpoint struct {
	Protocol LinkProtocol `cbor:"1,keyasint"`
	// Address is IP:PORT of a direct endpoint, HOST:PORT of a relay.
	Address string `cbor:"2,keyasint,omitempty"`
	// RelayKey is the relay's Ed25519 key; the relay's authority follows from it.
	RelayKey PublicKey `cbor:"3,keyasint,omitzero"`
	// Slot is where the peer is registered at that relay.
	Slot SlotID `cbor:"4,keyasint,omitzero"`
	// BoundLocal is the local address behind a reflexive one, if told.
	BoundLocal string `cbor:"5,keyasint,omitempty"`
	// ObservedBy is the relay that observed a reflexive address, if told.
	ObservedBy PublicKey `cbor:"6,keyasint,omitzero"`
}

// AddrPort is the IP address and port of a direct endpoint, or of a relay that
// is named by one; ok is false where the address is a host name.
func (e LinkEndpoint) AddrPort() (addr netip.AddrPort, ok bool) {
	addr, err := netip.ParseAddrPort(e.Address)
	return addr, err == nil
}

// Validate checks the invariants of the type.
func (e LinkEndpoint) Validate() error {
	addr, isIP := e.AddrPort()
	switch e.Protocol {
	case LinkQUIC, LinkQUICReflexive:
		if !isIP || addr.Port() == 0 || addr.Addr().IsUnspecified() || addr.Addr().IsMulticast() {
			return fmt.Errorf("%s endpoint: %q is not an address a peer can be reached at", e.Protocol, e.Address)
		}
		if !e.RelayKey.IsZero() || !e.Slot.IsZero() {
			return fmt.Errorf("%s endpoint: a direct endpoint has no relay", e.Protocol)
		}
	case LinkRelayUDP, LinkRelayWS:
		if !validHostPort(e.Address) {
			return fmt.Errorf("%s endpoint: %q is not HOST:PORT", e.Protocol, e.Address)
		}
		if e.RelayKey.IsZero() || e.Slot.IsZero() {
			return fmt.Errorf("%s endpoint: the relay's key or the slot is missing", e.Protocol)
		}
	default:
		return fmt.Errorf("%s endpoint: unknown protocol", e.Protocol)
	}
	return nil
}

func validHostPort(s string) bool {
	i := strings.LastIndexByte(s, ':')
	if i <= 0 || i > 255 {
		return false
	}
	port, err := strconv.ParseUint(s[i+1:], 10, 16)
	return err == nil && port > 0
}
