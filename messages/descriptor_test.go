package messages

import (
	"bytes"
	"reflect"
	"testing"
)

// fullDescriptor has something in every field.
func fullDescriptor() RendezvousDescriptor {
	return RendezvousDescriptor{
		Authority: AuthorityID{1}, Context: ContextID{2},
		Endpoints: []LinkEndpoint{
			{Protocol: LinkQUICReflexive, Address: "203.0.113.9:51820", BoundLocal: "192.168.1.7:4000", ObservedBy: PublicKey{3}},
			{Protocol: LinkRelayUDP, Address: "relay.example:7342", RelayKey: PublicKey{4}, Slot: SlotID{5}},
		},
		Services: []ServiceDescriptor{{Kind: ServiceHold, Header: ServiceHeader{
			Provider: AuthorityID{1}, Scope: ContextID{2}, Valid: Window{From: 6, Until: 7}, Epoch: 8,
			Limits: ServiceLimits{MaxBytes: 9, MaxRequests: 10},
		}}},
		PSKCommitment: [32]byte{11}, PublicKey: PublicKey{12}, Valid: Window{From: 13, Until: 14}, Nonce: Nonce{15},
		Sequence: 16, Candidates: 17, Version: CurrentVersion, NicknameSuggestion: "anna",
	}
}

func TestDescriptorRoundTrip(t *testing.T) {
	d := fullDescriptor()
	got, err := Decode[RendezvousDescriptor](Encode(d))
	if err != nil || !reflect.DeepEqual(got, d) {
		t.Errorf("%+v, %v", got, err)
	}
}

func FuzzDescriptor(f *testing.F) {
	f.Add(Encode(fullDescriptor()))
	f.Add(Encode(RendezvousDescriptor{}))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := Decode[RendezvousDescriptor](b)
		if err == nil && !bytes.Equal(Encode(d), b) {
			t.Errorf("%x was decoded and is written %x", b, Encode(d))
		}
	})
}
