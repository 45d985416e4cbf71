package stun

import (
	"net/netip"

	pion "github.com/pion/stun/v2"
)

// TransactionID pairs a STUN response with its request (RFC 8489 section 5),
// 96 random bits.
type TransactionID [pion.TransactionIDSize]byte

// NewRequest makes a Binding request with FINGERPRINT. A retransmission is the
// same bytes again.
func NewRequest() (TransactionID, []byte) {
	id := TransactionID(pion.NewTransactionID())
	m := pion.MustBuild(pion.NewTransactionIDSetter(id), pion.BindingRequest, pion.Fingerprint)
	return id, m.Raw
}

// ParseResponse reads the reflexive address out of a Binding success. It is ok
// only with the magic cookie, a right FINGERPRINT, and the id of a request that
// is pending; whether the datagram came from the server that was asked is for
// the caller to check.
func ParseResponse(datagram []byte, pending func(TransactionID) bool) (id TransactionID, reflexive netip.AddrPort, ok bool) {
	m, ok := decode(datagram)
	if !ok || m.Type != pion.BindingSuccess || pion.Fingerprint.Check(m) != nil {
		return TransactionID{}, netip.AddrPort{}, false
	}
	id = TransactionID(m.TransactionID)
	if !pending(id) {
		return TransactionID{}, netip.AddrPort{}, false
	}
	reflexive, ok = xorMapped(m)
	return id, reflexive, ok
}

// xorMapped reads XOR-MAPPED-ADDRESS (RFC 8489 section 14.2). Its size is
// checked first, because pion slices the value without looking.
func xorMapped(m *pion.Message) (netip.AddrPort, bool) {
	value, err := m.Get(pion.AttrXORMappedAddress)
	if err != nil || len(value) != 8 && len(value) != 20 {
		return netip.AddrPort{}, false
	}
	isIPv6 := value[1] == 2
	if isIPv6 != (len(value) == 20) {
		return netip.AddrPort{}, false
	}
	var address pion.XORMappedAddress
	if address.GetFrom(m) != nil || address.Port == 0 {
		return netip.AddrPort{}, false
	}
	ip, ok := netip.AddrFromSlice(address.IP)
	return netip.AddrPortFrom(ip.Unmap(), uint16(address.Port)), ok
}
