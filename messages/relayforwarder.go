package messages

import "net/netip"

// RelayClientIndex names a client of a relay: the key index that the relay
// chose for that client's control handshake.
type RelayClientIndex KeyIndex

// RelayRate is a token bucket: what may pass in a second. Zero: no limit.
type RelayRate struct {
	BytesPerSecond     uint64
	DatagramsPerSecond uint64
}

// RelayRouteEnd is one side of a session at a relay.
type RelayRouteEnd struct {
	Client  RelayClientIndex
	Session HopSession
}

// RelayRoute lets hop datagrams pass between two clients of a relay: what
// comes from the one under its session goes to the other under the other's.
// The owner's side opens with the dialler's first datagram.
type RelayRoute struct {
	Dialler RelayRouteEnd
	Owner   RelayRouteEnd
	// Slot is the slot that was dialled; it pays for the traffic.
	Slot SlotID
	// Rate bounds all traffic of the slot, in both directions together.
	Rate RelayRate
}

// RelayForwarderMessage is the inbox of a relay's own side
// (rendezvous/relay.Forwarder).
type RelayForwarderMessage interface{ relayForwarderMessage() }

// RelayRequest is a control message of a client whose address is proved.
type RelayRequest struct {
	Client RelayClientIndex
	// From is where the client is heard now.
	From netip.AddrPort
	// Handshake is the hash of the client's control handshake.
	Handshake [32]byte
	Control   RelayControl
}

// RelaySessionsUsed names the sessions under which clients sent since the last
// report.
type RelaySessionsUsed struct{ Sessions []HopSession }

// RelayDrain: the relay is about to stop (SPEC 11.4: "SIGTERM drains (lame
// duck) before exit").
type RelayDrain struct{}

func (RelayRequest) relayForwarderMessage()      {}
func (RelaySessionsUsed) relayForwarderMessage() {}
func (RelayDrain) relayForwarderMessage()        {}
func (Tick) relayForwarderMessage()              {}
