package messages

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// First bytes of what a relay's port receives and sends besides STUN
// (docs/wire.md: "First byte of a datagram").
const (
	// FirstByteHop begins sealed channel traffic under a hop header.
	FirstByteHop byte = 0x08
	// FirstByteRelayControl begins sealed control.
	FirstByteRelayControl byte = 0x0a
)

// RelayPort is the UDP port that a relay listens on unless told otherwise
// (docs/wire.md: "Ports").
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
func (u RelayURL) String() string { return relayScheme + u.KeyText() + "@" + u.Address }

// KeyText is the relay's key as the text form carries it.
func (u RelayURL) KeyText() string { return relayKeyPrefix + idText.EncodeToString(u.Key[:]) }

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

// ParseRelayURL reads the text form and nothing else. Its error is a Problem.
func ParseRelayURL(text string) (RelayURL, error) {
	rest, ok := strings.CutPrefix(text, relayScheme)
	if !ok {
		return RelayURL{}, badRelayURL(text, "it does not begin with "+relayScheme)
	}
	keyText, address, ok := strings.Cut(rest, "@")
	if !ok {
		return RelayURL{}, badRelayURL(text, "the @ between key and address is missing")
	}
	keyText, ok = strings.CutPrefix(keyText, relayKeyPrefix)
	if !ok {
		return RelayURL{}, badRelayURL(text, "the key does not begin with "+relayKeyPrefix)
	}
	raw, err := idText.DecodeString(keyText)
	if err != nil || len(raw) != len(PublicKey{}) || idText.EncodeToString(raw) != keyText {
		return RelayURL{}, badRelayURL(text, "the key is not 52 characters of a-z and 2-7")
	}
	if !isRelayAddress(address) {
		return RelayURL{}, badRelayURL(text, "what follows the @ is not HOST:PORT")
	}
	return RelayURL{Key: PublicKey(raw), Address: address}, nil
}

// badRelayURL blames whoever wrote or copied the URL. There is no secret in
// one, so that it can be shown.
func badRelayURL(text, reason string) Problem {
	return Problem{
		Code:  ExitUsage,
		What:  fmt.Sprintf("relay URL %q cannot be used", text[:min(len(text), maxURLShown)]),
		Whose: reason + ", so it was written or copied wrong",
		Hint:  "copy the whole line that the relay printed: " + relayScheme + relayKeyPrefix + "…@HOST:PORT",
	}
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
