package stun

import (
	"net/netip"
	"strings"
	"testing"

	pion "github.com/pion/stun/v2"
)

// Test vectors of RFC 5769: sections 2.1 (request), 2.2 (IPv4 response), 2.3
// (IPv6 response).
const (
	sampleRequest = "\x00\x01\x00\x58\x21\x12\xa4\x42\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae" +
		"\x80\x22\x00\x10STUN test client" +
		"\x00\x24\x00\x04\x6e\x00\x01\xff" +
		"\x80\x29\x00\x08\x93\x2f\xf9\xb1\x51\x26\x3b\x36" +
		"\x00\x06\x00\x09\x65\x76\x74\x6a\x3a\x68\x36\x76\x59\x20\x20\x20" +
		"\x00\x08\x00\x14\x9a\xea\xa7\x0c\xbf\xd8\xcb\x56\x78\x1e\xf2\xb5\xb2\xd3\xf2\x49\xc1\xb5\x71\xa2" +
		"\x80\x28\x00\x04\xe5\x7a\x3b\xcf"
	sampleIPv4 = "\x01\x01\x00\x3c\x21\x12\xa4\x42\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae" +
		"\x80\x22\x00\x0btest vector\x20" +
		"\x00\x20\x00\x08\x00\x01\xa1\x47\xe1\x12\xa6\x43" +
		"\x00\x08\x00\x14\x2b\x91\xf5\x99\xfd\x9e\x90\xc3\x8c\x74\x89\xf9\x2a\xf9\xba\x53\xf0\x6b\xe7\xd7" +
		"\x80\x28\x00\x04\xc0\x7d\x4c\x96"
	sampleIPv6 = "\x01\x01\x00\x48\x21\x12\xa4\x42\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae" +
		"\x80\x22\x00\x0btest vector\x20" +
		"\x00\x20\x00\x14\x00\x02\xa1\x47\x01\x13\xa9\xfa\xa5\xd3\xf1\x79\xbc\x25\xf4\xb5\xbe\xd2\xb9\xd9" +
		"\x00\x08\x00\x14\xa3\x82\x95\x4e\x4b\xe6\x7b\xf1\x17\x84\xc9\x7c\x82\x92\xc2\x75\xbf\xe3\xed\x41" +
		"\x80\x28\x00\x04\xc8\xfb\x0b\x4c"
)

var sampleID = TransactionID([]byte("\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae"))

func TestParseResponseReadsRFC5769(t *testing.T) {
	for datagram, want := range map[string]netip.AddrPort{sampleIPv4: v4, sampleIPv6: v6} {
		id, got, ok := ParseResponse([]byte(datagram), func(id TransactionID) bool { return id == sampleID })
		if !ok || got != want || id != sampleID {
			t.Errorf("got %v %v, want %v", got, ok, want)
		}
	}
}

// The request of RFC 5769 asks for ICE: PRIORITY is unknown to a plain server.
func TestResponderReadsRFC5769(t *testing.T) {
	answer, ok := decode(NewResponder().Respond(noon, v4, []byte(sampleRequest)))
	if !ok || answer.Type != pion.BindingError || answer.TransactionID != sampleID {
		t.Errorf("answer %v", answer)
	}
}

func TestParseResponseRefuses(t *testing.T) {
	always := func(TransactionID) bool { return true }
	never := func(TransactionID) bool { return false }
	id, request := NewRequest()
	setID := pion.NewTransactionIDSetter(id)
	short := func(value string) []byte {
		a := pion.RawAttribute{Type: pion.AttrXORMappedAddress, Value: []byte(value)}
		return pion.MustBuild(setID, pion.BindingSuccess, a, pion.Fingerprint).Raw
	}
	for _, c := range []struct {
		name     string
		datagram []byte
		pending  func(TransactionID) bool
	}{
		{"an id nobody waits for", []byte(sampleIPv4), never},
		{"a wrong fingerprint", []byte(strings.Replace(sampleIPv4, "test vector", "Test vector", 1)), always},
		{"no fingerprint", pion.MustBuild(setID, pion.BindingSuccess, mapped(v4)).Raw, always},
		{"a wrong cookie", []byte(strings.Replace(sampleIPv4, "\x21\x12\xa4\x42", "\x21\x12\xa4\x43", 1)), always},
		{"a request", request, always},
		{"an error", pion.MustBuild(setID, pion.BindingError, mapped(v4), pion.Fingerprint).Raw, always},
		{"no address", pion.MustBuild(setID, pion.BindingSuccess, pion.Fingerprint).Raw, always},
		{"an empty address", short(""), always},
		{"half an address", short("\x00\x01\xa1"), always},
		{"an IPv6 address cut to IPv4 size", short("\x00\x02\xa1\x47\xe1\x12\xa6\x43"), always},
		{"an unknown family", short("\x00\x03\xa1\x47\xe1\x12\xa6\x43"), always},
		{"port 0", short("\x00\x01\x21\x12\xe1\x12\xa6\x43"), always},
		{"trailing bytes", []byte(sampleIPv4 + "\x00\x00\x00\x00"), always},
		{"nothing", nil, always},
	} {
		if _, got, ok := ParseResponse(c.datagram, c.pending); ok {
			t.Errorf("%s: taken as %v", c.name, got)
		}
	}
}

func FuzzParseResponse(f *testing.F) {
	f.Add([]byte(sampleIPv4))
	f.Add([]byte(sampleIPv6))
	f.Fuzz(func(t *testing.T, datagram []byte) {
		id, address, ok := ParseResponse(datagram, func(TransactionID) bool { return true })
		if ok && (!address.IsValid() || address.Port() == 0 || id == TransactionID{} && !Is(datagram)) {
			t.Fatalf("took %v", address)
		}
	})
}
