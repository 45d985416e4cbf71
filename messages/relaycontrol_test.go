package messages_test

import (
	"bytes"
	"net/netip"
	"testing"

	"github.com/waymeet/waymeet/messages"
)

// everyControl has one of each kind.
var everyControl = []messages.RelayControl{
	messages.RelayRegister{Request: 1, SlotKey: relayKey, Signature: messages.Signature{5}},
	messages.RelayRegistered{Request: 1, Slot: messages.SlotID{6}},
	messages.RelayDial{Request: 2, Slot: messages.SlotID{6}},
	messages.RelaySession{Request: 2, Session: messages.HopSession{1, 2, 3, 4}},
	messages.RelayRefused{Request: 3, Code: messages.RelayNoSlot},
	messages.RelayKeepalive{Request: 4},
	messages.RelayObserved{Request: 4, Address: netip.MustParseAddrPort("192.0.2.1:9")},
	messages.RelayObserved{Request: 4, Address: netip.MustParseAddrPort("[2001:db8::1]:9")},
	messages.RelayBye{},
	messages.RelayLameDuck{},
}

func TestRelayControlReadsWhatItWrote(t *testing.T) {
	for _, control := range everyControl {
		b := messages.AppendRelayControl([]byte{0xff}, control)[1:]
		got, err := messages.ParseRelayControl(b)
		if err != nil || got != control {
			t.Errorf("%#v: got %#v, %v", control, got, err)
		}
	}
}

// Kinds are on the wire: this order must never change.
func TestRelayControlKinds(t *testing.T) {
	for i, kind := range []byte{1, 2, 3, 4, 5, 6, 7, 7, 8, 9} {
		if got := messages.AppendRelayControl(nil, everyControl[i])[0]; got != kind {
			t.Errorf("%T has kind %d, want %d", everyControl[i], got, kind)
		}
	}
}

func TestParseRelayControlRefuses(t *testing.T) {
	observed := func(address string) []byte {
		return messages.AppendRelayControl(nil, messages.RelayObserved{Address: netip.MustParseAddrPort(address)})
	}
	keepalive := messages.AppendRelayControl(nil, messages.RelayKeepalive{Request: 1})
	for name, b := range map[string][]byte{
		"nothing":              nil,
		"an unknown kind":      {99, 0xa0},
		"trailing bytes":       append(bytes.Clone(keepalive), 0),
		"a cut message":        keepalive[:len(keepalive)-1],
		"another kind's body":  {byte(1), 0xa1, 0x01, 0x01},
		"a non-minimal number": {6, 0xa1, 0x01, 0x18, 0x01},
		"port 0":               observed("192.0.2.1:0"),
		"a mapped address":     observed("[::ffff:192.0.2.1]:9"),
		"a zone":               observed("[fe80::1%eth0]:9"),
		"no address":           messages.AppendRelayControl(nil, messages.RelayObserved{}),
	} {
		if got, err := messages.ParseRelayControl(b); err == nil || got != nil {
			t.Errorf("%s: read as %#v", name, got)
		}
	}
}

// SPEC 11.2: "Slot = SHA-256 of a random Ed25519 key".
func TestSlotOfIsTheHashOfTheKey(t *testing.T) {
	if got, want := messages.SlotOf(relayKey), messages.SlotID(messages.Hash("waymeet/1 slot", relayKey[:])); got != want {
		t.Errorf("slot %v, want %v", got, want)
	}
}

func FuzzParseRelayControl(f *testing.F) {
	for _, control := range everyControl {
		f.Add(messages.AppendRelayControl(nil, control))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		control, err := messages.ParseRelayControl(b)
		if err != nil {
			return
		}
		if again := messages.AppendRelayControl(nil, control); !bytes.Equal(again, b) {
			t.Fatalf("%x was read as %#v, which is %x", b, control, again)
		}
	})
}
