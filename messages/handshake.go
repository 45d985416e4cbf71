package messages

import "fmt"

// Suite is a Noise cipher suite; it holds for the channel's data too
// (SPEC 7.1).
type Suite uint8

const (
	// SuiteAESGCM is Noise_IKpsk2_25519_AESGCM_SHA256.
	SuiteAESGCM Suite = 1
	// SuiteChaChaPoly is Noise_IKpsk2_25519_ChaChaPoly_SHA256.
	SuiteChaChaPoly Suite = 2
)

// HelloKind tells Noise message 1 from message 2.
type HelloKind uint8

const (
	// HelloInit carries Noise message 1.
	HelloInit HelloKind = 1
	// HelloResponse carries Noise message 2.
	HelloResponse HelloKind = 2
)

// Prologue is what both ends of a handshake under an epoch's keys must agree
// on: both mix it in, and where it differs Noise fails (SPEC 7.1).
//
// It is a CBOR array in the order of the fields.
type Prologue struct {
	_ struct{} `cbor:",toarray"`

	Major uint16
	// Minor is the lower of both ends' (SPEC 7.7).
	Minor                uint16
	Suite                Suite
	Context              ContextID
	Epoch                Epoch
	Initiator, Responder AuthorityID
	// InitiatorFact and ResponderFact are the facts of the two descriptors
	// used.
	InitiatorFact, ResponderFact FactID
}

// Append writes the canonical bytes of the prologue after b.
func (p Prologue) Append(b []byte) []byte { return append(b, Encode(p)...) }

// KeyIndex is chosen by the receiver of datagrams and stands at their head, so
// that it finds the key at once (SPEC 7.2).
type KeyIndex uint32

// Hello is the plaintext of a hello datagram (SPEC 7.2): one Noise message and
// what the receiver must know before it spends a Diffie-Hellman on it.
//
// It is a CBOR array in the order of the fields.
type Hello struct {
	_ struct{} `cbor:",toarray"`

	Kind   HelloKind
	Sender AuthorityID
	Major  uint16
	// HighestMinor is the highest minor version that the sender speaks.
	HighestMinor uint16
	Suite        Suite
	// ReceiverNonce is that of the newest descriptor of the receiver which the
	// sender holds; SenderNonce that of the sender's own, which the receiver
	// is known to hold. Both are zero under a ticket.
	ReceiverNonce Nonce
	SenderNonce   Nonce
	Epoch         Epoch
	// Boot and N count the sender's attempts; message 2 echoes them
	// (SPEC 7.3). Inside Noise they stand again.
	Boot  Boot
	N     uint64
	Noise []byte
}

// ParseHello reads a Hello and refuses what no member of our major could have
// written.
func ParseHello(b []byte) (Hello, error) {
	h, err := Decode[Hello](b)
	if err != nil {
		return Hello{}, err
	}
	if h.Kind != HelloInit && h.Kind != HelloResponse {
		return Hello{}, fmt.Errorf("%w: hello of unknown kind %d", ErrEncoding, h.Kind)
	}
	if h.Suite != SuiteAESGCM && h.Suite != SuiteChaChaPoly {
		return Hello{}, fmt.Errorf("%w: hello of unknown suite %d", ErrEncoding, h.Suite)
	}
	return h, nil
}

// Append writes the canonical bytes of the hello after b.
func (h Hello) Append(b []byte) []byte { return append(b, Encode(h)...) }
