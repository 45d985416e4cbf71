package messages

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// First bytes of what a relay's port receives and sends besides STUN
// (DESIGN: "First byte of a datagram").
const (
	// FirstByteHop begins sealed channel traffic under a hop header.
	FirstByteHop byte = 0x08
	// FirstByteRelayControl begins sealed control.
	FirstByteRelayControl byte = 0x0a
)

// RelayPort is the port, UDP and TCP, that a relay listens on unless told
// otherwise.
const RelayPort = 7342

const (
	relayScheme    = "waymeet-relay://"
	relayKeyPrefix = "rk-"
	maxHost        = 253
	maxURLShown    = 200
)

// RelayURL says where a relay is and proves who it is:
//
//	waymeet-relay://rk-<base32 of the relay's Ed25519 key>@HOST:PORT
//
// There is no secret in it. The relay's authority follows from the key.
type RelayURL struct {
	// Key is the relay's Ed25519 key; Noise IK needs it (SPEC 11.1).
	Key PublicKey
	// Address is HOST:PORT; HOST is a name, an IPv4 address, or an IPv6
	// address in brackets.
	Address string
}

// String is the text form; ParseRelayURL reads it back.
func (u RelayURL) String() string {
	return relayScheme + relayKeyPrefix + idText.EncodeToString(u.Key[:]) + "@" + u.Address
}

// AddrPort is the relay's address where the URL names it by IP address; ok is
// false where it is a host name.
func (u RelayURL) AddrPort() (addr netip.AddrPort, ok bool) {
	addr, err := netip.ParseAddrPort(u.Address)
	return addr, err == nil
}

// Endpoint is the link endpoint of a peer that owns slot at this relay.
func (u RelayURL) Endpoint(slot SlotID) LinkEndpoint {
	return LinkEndpoint{Protocol: LinkRelayUDP, Address: u.Address, RelayKey: u.Key, Slot: slot}
}

// RelayURLError says what is wrong with the text of a relay URL. It is the
// fault of whoever wrote or copied the URL.
type RelayURLError struct {
	// Text is the URL as given, at most its first 200 bytes; there is no
	// secret in one.
	Text string
	// Reason says which part is wrong, and what it should be.
	Reason string
}

// Error says what failed, whose fault it is, and what to do (SPEC 15.2).
func (e *RelayURLError) Error() string {
	return fmt.Sprintf("relay URL %q: %s: it was written or copied wrong. Try: copy the whole line that the relay printed, %s%s…@HOST:PORT",
		e.Text, e.Reason, relayScheme, relayKeyPrefix)
}

// ParseRelayURL reads the text form and nothing else. Its error is a
// *RelayURLError.
func ParseRelayURL(text string) (RelayURL, error) {
	wrong := func(reason string) (RelayURL, error) {
		return RelayURL{}, &RelayURLError{Text: text[:min(len(text), maxURLShown)], Reason: reason}
	}
	rest, ok := strings.CutPrefix(text, relayScheme)
	if !ok {
		return wrong("it does not begin with " + relayScheme)
	}
	keyText, address, ok := strings.Cut(rest, "@")
	if !ok {
		return wrong("the @ between key and address is missing")
	}
	keyText, ok = strings.CutPrefix(keyText, relayKeyPrefix)
	if !ok {
		return wrong("the key does not begin with " + relayKeyPrefix)
	}
	raw, err := idText.DecodeString(keyText)
	if err != nil || len(raw) != len(PublicKey{}) || idText.EncodeToString(raw) != keyText {
		return wrong("the key is not 52 characters of a-z and 2-7")
	}
	if !isRelayAddress(address) {
		return wrong("what follows the @ is not HOST:PORT")
	}
	return RelayURL{Key: PublicKey(raw), Address: address}, nil
}

func isRelayAddress(s string) bool {
	if addr, err := netip.ParseAddrPort(s); err == nil {
		return addr.Port() != 0 && !addr.Addr().IsUnspecified() && !addr.Addr().IsMulticast() && addr.String() == s
	}
	host, port, ok := strings.Cut(s, ":")
	number, err := strconv.ParseUint(port, 10, 16)
	if !ok || err != nil || number == 0 || strconv.FormatUint(number, 10) != port {
		return false
	}
	return isHostName(host)
}

// isHostName takes letters, digits, dots and hyphens; a name that ends in a
// digit would be a mistyped IP address.
func isHostName(s string) bool {
	if s == "" || len(s) > maxHost || s[len(s)-1] >= '0' && s[len(s)-1] <= '9' {
		return false
	}
	for _, c := range []byte(s) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '.':
		default:
			return false
		}
	}
	return true
}

// HopSession names one side of a pair of clients at a relay: 4 random bytes,
// chosen by the relay for each side, valid only from the client that it was
// given to.
type HopSession [4]byte

// HopHeaderSize is how much a relay hop adds to a datagram (SPEC 11.1).
const HopHeaderSize = 5

// AppendHop writes a hop datagram after b:
//
//	0x08 | session 4 | inner datagram
func AppendHop(b []byte, session HopSession, inner []byte) []byte {
	b = append(b, FirstByteHop)
	b = append(b, session[:]...)
	return append(b, inner...)
}

// ParseHop splits a hop datagram. The inner datagram is a slice of b; it is
// sealed, and never empty.
func ParseHop(b []byte) (session HopSession, inner []byte, ok bool) {
	if len(b) <= HopHeaderSize || b[0] != FirstByteHop {
		return HopSession{}, nil, false
	}
	return HopSession(b[1:HopHeaderSize]), b[HopHeaderSize:], true
}
