package stun

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	pion "github.com/pion/stun/v2"
)

var (
	noon = time.Unix(1_700_000_000, 0)
	v4   = netip.MustParseAddrPort("192.0.2.1:32853")
	v6   = netip.MustParseAddrPort("[2001:db8:1234:5678:11:2233:4455:6677]:32853")
)

func TestResponderTellsTheAddress(t *testing.T) {
	for _, from := range []netip.AddrPort{v4, v6} {
		id, request := NewRequest()
		answer := NewResponder().Respond(noon, from, request)
		if len(answer) == 0 || len(answer) > MaxAnswer {
			t.Fatalf("%v: answer of %d bytes", from, len(answer))
		}
		gotID, got, ok := ParseResponse(answer, func(TransactionID) bool { return true })
		if !ok || got != from || gotID != id {
			t.Errorf("asked from %v, was told %v, %v", from, got, ok)
		}
	}
}

// A socket that takes IPv4 and IPv6 shows IPv4 sources as ::ffff:a.b.c.d.
func TestResponderUnmapsIPv4(t *testing.T) {
	_, request := NewRequest()
	from := netip.AddrPortFrom(netip.AddrFrom16(v4.Addr().As16()), v4.Port())
	_, got, ok := ParseResponse(NewResponder().Respond(noon, from, request), func(TransactionID) bool { return true })
	if !ok || got != v4 {
		t.Errorf("told %v, want %v", got, v4)
	}
}

func TestResponderAnswersARequestWithoutFingerprint(t *testing.T) {
	m := pion.MustBuild(pion.TransactionID, pion.BindingRequest)
	if NewResponder().Respond(noon, v4, m.Raw) == nil {
		t.Error("no answer")
	}
}

func TestResponderIsSilentToWhatIsNoRequest(t *testing.T) {
	_, request := NewRequest()
	corrupt := append([]byte(nil), request...)
	corrupt[len(corrupt)-1] ^= 1
	wrongCookie := append([]byte(nil), request...)
	binary.BigEndian.PutUint32(wrongCookie[4:], 0x2112a443)
	response := NewResponder().Respond(noon, v4, request)
	for name, datagram := range map[string][]byte{
		"empty":             nil,
		"wrong fingerprint": corrupt,
		"wrong cookie":      wrongCookie,
		"cut":               request[:len(request)-1],
		"trailing bytes":    append(append([]byte(nil), request...), 0, 0, 0, 0),
		"a response":        response,
		"an indication":     pion.MustBuild(pion.TransactionID, pion.NewType(pion.MethodBinding, pion.ClassIndication)).Raw,
		"another method":    pion.MustBuild(pion.TransactionID, pion.NewType(pion.MethodAllocate, pion.ClassRequest)).Raw,
	} {
		if answer := NewResponder().Respond(noon, v4, datagram); answer != nil {
			t.Errorf("%s: answered with %d bytes", name, len(answer))
		}
	}
}

// RFC 8489 section 6.3.1: unknown comprehension-required attributes get 420.
func TestResponderRefusesUnknownRequiredAttributes(t *testing.T) {
	changeRequest := pion.RawAttribute{Type: pion.AttrChangeRequest, Value: []byte{0, 0, 0, 6}, Length: 4}
	m := pion.MustBuild(pion.TransactionID, pion.BindingRequest, changeRequest)
	answer := NewResponder().Respond(noon, v4, m.Raw)
	decoded, ok := decode(answer)
	if !ok || decoded.Type != pion.BindingError {
		t.Fatalf("not an error answer: %x", answer)
	}
	var code pion.ErrorCodeAttribute
	if code.GetFrom(decoded) != nil || code.Code != pion.CodeUnknownAttribute {
		t.Errorf("code %v", code)
	}
	unknown, err := decoded.Get(pion.AttrUnknownAttributes)
	if err != nil || !bytes.Equal(unknown, []byte{0, 3}) {
		t.Errorf("unknown attributes %x, want CHANGE-REQUEST, 0003 (RFC 8489 section 14.13)", unknown)
	}
	for range 20 {
		m.Add(0x7f00, nil)
	}
	if answer := NewResponder().Respond(noon, v4, m.Raw); answer == nil || len(answer) > MaxAnswer {
		t.Errorf("with many unknown attributes: %d bytes", len(answer))
	}
}

// SPEC 11.4: "STUN answers excepted: ≤ 56 B, rate-limited".
func TestResponderIsRateLimitedPerAddress(t *testing.T) {
	r := NewResponder()
	_, request := NewRequest()
	answered := 0
	for range 1000 {
		if r.Respond(noon, v4, request) != nil {
			answered++
		}
	}
	if answered != answerBurst {
		t.Errorf("%d answers at once, want %d", answered, answerBurst)
	}
	if r.Respond(noon, v6, request) == nil {
		t.Error("another address paid for it")
	}
	if r.Respond(noon.Add(time.Second), v4, request) == nil {
		t.Error("the address stayed refused")
	}
}

func TestLimiterForgetsInBoundedMemory(t *testing.T) {
	l := NewLimiter(1, 1)
	for i := range 3 * maxLimited {
		var ip [4]byte
		binary.BigEndian.PutUint32(ip[:], uint32(i))
		l.Allow(noon, netip.AddrPortFrom(netip.AddrFrom4(ip), 1))
		if !l.Allow(noon, v6) && i == 0 {
			t.Fatal("refused the first")
		}
	}
	if held := len(l.recent) + len(l.older); held > maxLimited {
		t.Errorf("holds %d addresses", held)
	}
	if l.Allow(noon, v6) {
		t.Error("an address that kept sending was forgotten")
	}
}

func TestLimiterCountsAnIPv6HostOnce(t *testing.T) {
	l := NewLimiter(1, 1)
	l.Allow(noon, netip.MustParseAddrPort("[2001:db8::1]:1"))
	if l.Allow(noon, netip.MustParseAddrPort("[2001:db8::2]:2")) {
		t.Error("another address of the same /64 has a bucket of its own")
	}
}

func FuzzRespond(f *testing.F) {
	_, request := NewRequest()
	f.Add(request)
	f.Add([]byte(sampleRequest))
	f.Fuzz(func(t *testing.T, datagram []byte) {
		answer := NewResponder().Respond(noon, v6, datagram)
		if len(answer) > MaxAnswer {
			t.Fatalf("%d bytes", len(answer))
		}
		if answer != nil && !Is(datagram) {
			t.Fatal("answered what is not STUN")
		}
	})
}
