package messages

import "fmt"

// AttemptNumber counts the upgrade attempts of one (context, peer) at the end
// that coordinates them. It only grows: an answer to an older one is stale.
type AttemptNumber uint64

// CoordinationKind says what a coordination frame is.
type CoordinationKind uint8

// The kinds, in the order in which they go. The initiator of the channel
// coordinates; the other end may only ask it to.
const (
	// CoordinateAsk: my network is new, please begin an attempt.
	CoordinateAsk CoordinationKind = 1
	// CoordinateOffer: an attempt begins.
	CoordinateOffer CoordinationKind = 2
	// CoordinateEcho answers an offer at once, so that the round trip is
	// known.
	CoordinateEcho CoordinationKind = 3
	// CoordinateFire: send your probes now; I do so in half a round trip.
	CoordinateFire CoordinationKind = 4
)

// Coordination is a frame over the channel's control stream (SPEC 10.6). Both
// ends' candidate generations stand in it, as its sender knows them.
//
// It is a CBOR array in the order of the fields.
type Coordination struct {
	_ struct{} `cbor:",toarray"`

	Kind    CoordinationKind
	Attempt AttemptNumber
	// Sender is the sender's own candidate generation, Receiver that of whom
	// it is sent to.
	Sender, Receiver CandidateGeneration
	// HardNAT says that the sender's mapping depends on whom it sends to.
	HardNAT bool
}

// ParseCoordination reads a Coordination and nothing else.
func ParseCoordination(b []byte) (Coordination, error) {
	c, err := Decode[Coordination](b)
	if err != nil {
		return Coordination{}, err
	}
	if c.Kind < CoordinateAsk || c.Kind > CoordinateFire {
		return Coordination{}, fmt.Errorf("%w: coordination of unknown kind %d", ErrEncoding, c.Kind)
	}
	return c, nil
}

// Append writes the canonical bytes of the frame after b.
func (c Coordination) Append(b []byte) []byte { return append(b, Encode(c)...) }
