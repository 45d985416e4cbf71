package messages

import (
	"fmt"
	"net/netip"
	"strconv"
)

// LabelSlotRegistration is what a slot key signs under (SPEC 11.2:
// "registering signs the control handshake's hash").
const LabelSlotRegistration Label = "waymeet/1 slot registration"

// RelayRequestID pairs an answer with its request, within one control
// handshake. A request that is repeated keeps its id and gets its answer again.
type RelayRequestID uint32

// RelayControl is one message between a client and a relay, always sealed
// (SPEC 11.1). On the wire:
//
//	kind 1 | canonical CBOR map of the type
type RelayControl interface{ relayControl() relayControlKind }

// relayControlKind tells the messages apart. Values are on the wire and are
// never used again.
type relayControlKind uint8

const (
	kindRelayRegister   relayControlKind = 1
	kindRelayRegistered relayControlKind = 2
	kindRelayDial       relayControlKind = 3
	kindRelaySession    relayControlKind = 4
	kindRelayRefused    relayControlKind = 5
	kindRelayKeepalive  relayControlKind = 6
	kindRelayObserved   relayControlKind = 7
	kindRelayBye        relayControlKind = 8
	kindRelayLameDuck   relayControlKind = 9
)

// RelayRegister asks that datagrams for a slot come to this client. The answer
// is RelayRegistered or RelayRefused.
type RelayRegister struct {
	Request RelayRequestID `cbor:"1,keyasint"`
	// SlotKey is the key whose hash is the slot.
	SlotKey PublicKey `cbor:"2,keyasint"`
	// Signature is SlotKey's, over SlotRegistration of this handshake.
	Signature Signature `cbor:"3,keyasint"`
}

// RelayRegistered says that the slot is the client's.
type RelayRegistered struct {
	Request RelayRequestID `cbor:"1,keyasint"`
	Slot    SlotID         `cbor:"2,keyasint"`
}

// RelayDial asks for a session with the owner of a slot. The answer is
// RelaySession or RelayRefused.
type RelayDial struct {
	Request RelayRequestID `cbor:"1,keyasint"`
	Slot    SlotID         `cbor:"2,keyasint"`
}

// RelaySession is the dialler's side of a session. Nothing flows to the
// dialler before its first hop datagram under it.
type RelaySession struct {
	Request RelayRequestID `cbor:"1,keyasint"`
	Session HopSession     `cbor:"2,keyasint"`
}

// RelayRefused is the answer to a request that the relay does not grant.
type RelayRefused struct {
	Request RelayRequestID `cbor:"1,keyasint"`
	Code    RelayRefusal   `cbor:"2,keyasint"`
}

// RelayKeepalive keeps the client's address mapping and registration alive.
// The answer is RelayObserved.
type RelayKeepalive struct {
	Request RelayRequestID `cbor:"1,keyasint"`
}

// RelayObserved tells the client from which address the relay hears it.
type RelayObserved struct {
	Request RelayRequestID `cbor:"1,keyasint"`
	Address netip.AddrPort `cbor:"2,keyasint"`
}

// RelayBye is the client's farewell: the relay forgets it, without an answer.
type RelayBye struct{}

// RelayLameDuck says that the relay is about to stop: what it carries goes on,
// nothing new is granted (SPEC 11.4).
type RelayLameDuck struct{}

func (RelayRegister) relayControl() relayControlKind   { return kindRelayRegister }
func (RelayRegistered) relayControl() relayControlKind { return kindRelayRegistered }
func (RelayDial) relayControl() relayControlKind       { return kindRelayDial }
func (RelaySession) relayControl() relayControlKind    { return kindRelaySession }
func (RelayRefused) relayControl() relayControlKind    { return kindRelayRefused }
func (RelayKeepalive) relayControl() relayControlKind  { return kindRelayKeepalive }
func (RelayObserved) relayControl() relayControlKind   { return kindRelayObserved }
func (RelayBye) relayControl() relayControlKind        { return kindRelayBye }
func (RelayLameDuck) relayControl() relayControlKind   { return kindRelayLameDuck }

// RelayRefusal is why a relay granted nothing. Values are on the wire and are
// never used again.
type RelayRefusal uint8

const (
	// RelayNoSlot: nobody is registered at that slot.
	RelayNoSlot RelayRefusal = 1
	// RelayFull: a limit of the relay is reached (SPEC 11.4).
	RelayFull RelayRefusal = 2
	// RelayBadSignature: the slot key did not sign this handshake.
	RelayBadSignature RelayRefusal = 3
	// RelayDraining: the relay is about to stop.
	RelayDraining RelayRefusal = 4
)

var relayRefusals = map[RelayRefusal]string{
	RelayNoSlot: "the peer is not registered at the relay", RelayFull: "the relay is full",
	RelayBadSignature: "the relay refused the slot's signature", RelayDraining: "the relay is about to stop",
}

// String says why, for people.
func (r RelayRefusal) String() string {
	if reason, ok := relayRefusals[r]; ok {
		return reason
	}
	return "the relay refused, code " + strconv.Itoa(int(r))
}

// SlotRegistration is what a slot key signs to register under a control
// handshake: the label and the handshake's hash, 32 bytes.
func SlotRegistration(handshake [32]byte) []byte {
	return append([]byte(LabelSlotRegistration), handshake[:]...)
}

// SlotOf is the slot that the key owns (SPEC 11.2).
func SlotOf(key PublicKey) SlotID { return SlotID(Hash(LabelSlot, key[:])) }

// AppendRelayControl writes the canonical bytes of c after b.
func AppendRelayControl(b []byte, c RelayControl) []byte {
	return append(append(b, byte(c.relayControl())), Encode(c)...)
}

// ParseRelayControl reads one control message and nothing else.
func ParseRelayControl(b []byte) (RelayControl, error) {
	if len(b) == 0 {
		return nil, fmt.Errorf("%w: empty relay control", ErrEncoding)
	}
	switch kind, body := relayControlKind(b[0]), b[1:]; kind {
	case kindRelayRegister:
		return decodeControl[RelayRegister](body)
	case kindRelayRegistered:
		return decodeControl[RelayRegistered](body)
	case kindRelayDial:
		return decodeControl[RelayDial](body)
	case kindRelaySession:
		return decodeControl[RelaySession](body)
	case kindRelayRefused:
		return decodeControl[RelayRefused](body)
	case kindRelayKeepalive:
		return decodeControl[RelayKeepalive](body)
	case kindRelayObserved:
		return decodeObserved(body)
	case kindRelayBye:
		return decodeControl[RelayBye](body)
	case kindRelayLameDuck:
		return decodeControl[RelayLameDuck](body)
	default:
		return nil, fmt.Errorf("%w: relay control of unknown kind %d", ErrEncoding, kind)
	}
}

// decodeControl keeps the nil interface of an error really nil.
func decodeControl[T RelayControl](body []byte) (RelayControl, error) {
	c, err := Decode[T](body)
	if err != nil {
		return nil, err
	}
	return c, nil
}

func decodeObserved(body []byte) (RelayControl, error) {
	c, err := Decode[RelayObserved](body)
	if err != nil {
		return nil, err
	}
	if a := c.Address.Addr(); !a.IsValid() || a.Is4In6() || a.Zone() != "" || c.Address.Port() == 0 {
		return nil, fmt.Errorf("%w: %v is not an address a relay can observe", ErrEncoding, c.Address)
	}
	return c, nil
}
