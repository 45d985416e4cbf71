package messages

import (
	"bytes"
	"testing"
)

func TestCoordinationRoundTrip(t *testing.T) {
	c := Coordination{Kind: CoordinateOffer, Attempt: 7, Sender: 3, Receiver: 1 << 40, HardNAT: true}
	got, err := ParseCoordination(c.Append(nil))
	if err != nil || got != c {
		t.Errorf("%+v, %v", got, err)
	}
	for _, kind := range []CoordinationKind{0, 5} {
		c.Kind = kind
		if _, err := ParseCoordination(c.Append(nil)); err == nil {
			t.Errorf("a frame of kind %d was parsed", kind)
		}
	}
}

func FuzzParseCoordination(f *testing.F) {
	f.Add(Coordination{Kind: CoordinateAsk}.Append(nil))
	f.Add(Coordination{Kind: CoordinateFire, Attempt: 1, Sender: 2, Receiver: 3, HardNAT: true}.Append(nil))
	f.Add([]byte{0x85, 1, 0x18, 1, 0, 0, 0xf4})
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseCoordination(b)
		if err == nil && !bytes.Equal(c.Append(nil), b) {
			t.Errorf("%x was parsed and is written %x", b, c.Append(nil))
		}
	})
}
