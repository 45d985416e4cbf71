package journal

import (
	"fmt"

	"github.com/waymeet/waymeet/messages"
)

// Sizes of a sync session (SPEC 13.2), in facts and bytes.
const (
	// MaxBatchFacts and MaxBatchBytes bound one frame of facts. A frame with a
	// single fact may be larger than MaxBatchBytes by nothing: a fact is at
	// most 64 KiB.
	MaxBatchFacts = 128
	MaxBatchBytes = 256 << 10
	// MaxFrame is the greatest frame on the stream, in bytes.
	MaxFrame = MaxBatchBytes + 8*MaxBatchFacts + 16
)

// Kinds of frames. A frame is kind 1 ‖ canonical CBOR.
//
// What a later version adds is a frame of its own. One whose kind is at or
// above kindOptional may be passed over by who does not know it; below, an
// unknown kind ends the session. So a field is added to a frame by sending an
// optional frame beside it.
const (
	kindHello      byte = 1
	kindProof      byte = 2
	kindState      byte = 3
	kindFacts      byte = 4
	kindAck        byte = 5
	kindDone       byte = 6
	kindComparison byte = 7
	kindOptional   byte = 0x80
)

// frame is one message of a sync session.
type frame interface{ kind() byte }

// helloFrame opens a session, once from each side (SPEC 13.1): "context tag
// (HMAC under the sync tag key and a session nonce), epoch, count, set
// fingerprint (admitted facts only), per-author frontier". It has ≤ 100 bytes
// and 16 an author (SPEC 13.4: 18).
type helloFrame struct {
	_ struct{} `cbor:",toarray"`

	Nonce [16]byte
	// Epoch is the one whose sync tag key made the tag.
	Epoch       messages.Epoch
	Tag         [16]byte
	Count       uint64
	Fingerprint [32]byte
	Frontier    []byte
}

// proofFrame shows the tag again under an older epoch, for a peer that does
// not hold the epoch of the hello.
type proofFrame struct {
	_ struct{} `cbor:",toarray"`

	Epoch messages.Epoch
	Tag   [16]byte
}

// stateFrame begins the second and every later round: what is held now.
type stateFrame struct {
	_ struct{} `cbor:",toarray"`

	Count       uint64
	Fingerprint [32]byte
	Frontier    []byte
}

// factsFrame carries facts, in HLC order.
type factsFrame struct{ Facts [][]byte }

// ackFrame says that one factsFrame is on disk.
type ackFrame struct{}

// doneFrame says that everything of this round was sent.
type doneFrame struct{}

// comparisonFrame is one side's turn in a reconciliation.
type comparisonFrame struct{ messages.Comparison }

// optionalFrame is of a kind that only later versions know.
type optionalFrame struct {
	Kind byte
	Body []byte
}

func (helloFrame) kind() byte      { return kindHello }
func (proofFrame) kind() byte      { return kindProof }
func (stateFrame) kind() byte      { return kindState }
func (factsFrame) kind() byte      { return kindFacts }
func (ackFrame) kind() byte        { return kindAck }
func (doneFrame) kind() byte       { return kindDone }
func (comparisonFrame) kind() byte { return kindComparison }
func (f optionalFrame) kind() byte { return f.Kind }

// appendFrame writes the frame after b.
func appendFrame(b []byte, f frame) []byte {
	b = append(b, f.kind())
	switch f := f.(type) {
	case factsFrame:
		return append(b, messages.Encode(f.Facts)...)
	case comparisonFrame:
		return append(b, messages.Encode(f.Comparison)...)
	case optionalFrame:
		return append(b, f.Body...)
	case ackFrame, doneFrame:
		return b
	default:
		return append(b, messages.Encode(f)...)
	}
}

// parseFrame reads a frame and refuses what appendFrame does not write.
func parseFrame(b []byte) (frame, error) {
	if len(b) == 0 || len(b) > MaxFrame {
		return nil, fmt.Errorf("%w: frame of %d bytes", messages.ErrEncoding, len(b))
	}
	kind, body := b[0], b[1:]
	switch {
	case kind == kindHello:
		hello, err := messages.Decode[helloFrame](body)
		return checked(hello, err, checkFrontier(hello.Frontier))
	case kind == kindProof:
		proof, err := messages.Decode[proofFrame](body)
		return checked(proof, err, nil)
	case kind == kindState:
		state, err := messages.Decode[stateFrame](body)
		return checked(state, err, checkFrontier(state.Frontier))
	case kind == kindFacts:
		facts, err := messages.Decode[[][]byte](body)
		return checked(factsFrame{Facts: facts}, err, checkBatch(facts))
	case kind == kindComparison:
		comparison, err := messages.Decode[messages.Comparison](body)
		return checked(comparisonFrame{comparison}, err, checkComparison(comparison))
	case kind == kindAck && len(body) == 0:
		return ackFrame{}, nil
	case kind == kindDone && len(body) == 0:
		return doneFrame{}, nil
	case kind >= kindOptional:
		return optionalFrame{Kind: kind, Body: body}, nil
	}
	return nil, fmt.Errorf("%w: frame of kind %d with %d bytes", messages.ErrEncoding, kind, len(body))
}

// checked is the frame, unless it could not be decoded or its content is wrong.
func checked(f frame, err, contentErr error) (frame, error) {
	if err == nil {
		err = contentErr
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

// checkBatch holds facts to the bounds of a batch.
func checkBatch(facts [][]byte) error {
	if len(facts) == 0 || len(facts) > MaxBatchFacts {
		return fmt.Errorf("%w: %d facts in a frame", messages.ErrEncoding, len(facts))
	}
	size := 0
	for _, fact := range facts {
		size += len(fact)
	}
	if size > MaxBatchBytes {
		return fmt.Errorf("%w: facts of %d bytes in a frame", messages.ErrEncoding, size)
	}
	return nil
}
