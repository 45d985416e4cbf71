package stun

import (
	"encoding/binary"
	"net"
	"net/netip"
	"time"

	pion "github.com/pion/stun/v2"
)

const (
	headerSize = 20
	// MaxAnswer is the greatest answer, in bytes (SPEC 11.4: "STUN answers
	// excepted: ≤ 56 B, rate-limited").
	MaxAnswer = 56
	// maxRequest is the greatest request that is looked at.
	maxRequest = 576
	// maxUnknown is how many unknown attributes an error answer lists, so that
	// it stays within MaxAnswer.
	maxUnknown = 6
)

// answersPerSecond and answerBurst bound the answers to one address.
const (
	answersPerSecond = 20
	answerBurst      = 40
)

// Responder answers STUN Binding requests with the address they came from.
// Safe for concurrent use.
type Responder struct{ limiter *Limiter }

// NewResponder makes a responder that gives each address 20 answers a second.
func NewResponder() *Responder {
	return &Responder{limiter: NewLimiter(answersPerSecond, answerBurst)}
}

// Is reports whether the datagram is shaped like STUN (RFC 7983: the first
// byte is 0–3; RFC 8489 section 5: the magic cookie).
func Is(datagram []byte) bool {
	return pion.IsMessage(datagram) && datagram[0] <= 3
}

// Respond is the answer to a datagram, ≤ 56 bytes, or nil: what is no valid
// Binding request, or beyond the rate, gets none.
//
// A request without FINGERPRINT is answered too (common clients send none); a
// wrong FINGERPRINT is not.
func (r *Responder) Respond(now time.Time, from netip.AddrPort, datagram []byte) []byte {
	request, ok := decode(datagram)
	if !ok || request.Type != pion.BindingRequest {
		return nil
	}
	if request.Contains(pion.AttrFingerprint) && pion.Fingerprint.Check(request) != nil {
		return nil
	}
	if !r.limiter.Allow(now, from) {
		return nil
	}
	id := pion.NewTransactionIDSetter(request.TransactionID)
	if unknown := unknownRequired(request); len(unknown.Value) > 0 {
		return build(id, pion.BindingError, pion.ErrorCodeAttribute{Code: pion.CodeUnknownAttribute}, unknown, pion.Fingerprint)
	}
	return build(id, pion.BindingSuccess, mapped(from), pion.Fingerprint)
}

func mapped(from netip.AddrPort) pion.XORMappedAddress {
	return pion.XORMappedAddress{IP: net.IP(from.Addr().Unmap().AsSlice()), Port: int(from.Port())}
}

func build(parts ...pion.Setter) []byte {
	m, err := pion.Build(parts...)
	if err != nil || len(m.Raw) > MaxAnswer {
		return nil
	}
	return m.Raw
}

// known lists the comprehension-required attributes of RFC 8489 that may stand
// in a request: those of authentication, which this responder has no use for.
var known = map[pion.AttrType]bool{
	pion.AttrUsername: true, pion.AttrMessageIntegrity: true, pion.AttrRealm: true, pion.AttrNonce: true,
	0x001C /* MESSAGE-INTEGRITY-SHA256 */ : true, 0x001D /* PASSWORD-ALGORITHM */ : true, 0x001E /* USERHASH */ : true,
}

// unknownRequired lists attributes that forbid a success.
//
// RFC 8489 section 6.3.1: "If the request contains one or more unknown
// comprehension-required attributes, the server replies with an error response
// with an error code of 420 (Unknown Attribute) and includes an
// UNKNOWN-ATTRIBUTES attribute in the response."
//
// The value is written here, 2 bytes an attribute (RFC 8489 section 14.13);
// pion's own type writes 4.
func unknownRequired(m *pion.Message) pion.RawAttribute {
	unknown := pion.RawAttribute{Type: pion.AttrUnknownAttributes}
	for _, a := range m.Attributes {
		if a.Type.Required() && !known[a.Type] && len(unknown.Value) < 2*maxUnknown {
			unknown.Value = binary.BigEndian.AppendUint16(unknown.Value, a.Type.Value())
		}
	}
	return unknown
}

// decode reads one whole message that fills the datagram.
func decode(datagram []byte) (*pion.Message, bool) {
	if !Is(datagram) || len(datagram) > maxRequest {
		return nil, false
	}
	m := &pion.Message{Raw: append([]byte(nil), datagram...)}
	if m.Decode() != nil || int(m.Length)+headerSize != len(datagram) {
		return nil, false
	}
	return m, true
}
