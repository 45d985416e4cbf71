package messages

// Limits of a descriptor (SPEC 4.1).
const (
	// MaxEndpoints is how many link endpoints a descriptor may carry.
	MaxEndpoints = 16
	// MaxDescriptorSize is the greatest canonical encoding, in bytes.
	MaxDescriptorSize = 4000
	// MaxNickname is the greatest nickname suggestion, in bytes.
	MaxNickname = 64
)

// Version is a protocol version. Majors must match, the lower minor rules
// (SPEC 7.7).
type Version struct {
	Major uint16 `cbor:"1,keyasint"`
	Minor uint16 `cbor:"2,keyasint"`
}

// CurrentVersion is the version that this module speaks.
var CurrentVersion = Version{Major: 1, Minor: 0}

// RendezvousDescriptor is what an authority publishes in a context: how it may
// be reached, what it offers, and the salted commitment to the epoch's PSK
// root (SPEC 4.1, 4.3). It is a fact; publication never fixes a route.
//
// Invariants, checked at admission (rendezvous.ValidateDescriptor) and assumed
// inside: ≤ 16 valid endpoints, ≤ 4000 bytes, Valid.Until ≤ Valid.From + 24 h,
// no zero key, nonce or commitment, and the key belongs to the authority.
type RendezvousDescriptor struct {
	Authority          AuthorityID         `cbor:"1,keyasint"`
	Context            ContextID           `cbor:"2,keyasint"`
	Endpoints          []LinkEndpoint      `cbor:"3,keyasint"`
	Services           []ServiceDescriptor `cbor:"4,keyasint"`
	PSKCommitment      [32]byte            `cbor:"5,keyasint"`
	PublicKey          PublicKey           `cbor:"6,keyasint"`
	Valid              Window              `cbor:"7,keyasint"`
	Nonce              Nonce               `cbor:"8,keyasint"`
	Sequence           uint64              `cbor:"9,keyasint"`
	Candidates         CandidateGeneration `cbor:"10,keyasint"`
	Version            Version             `cbor:"11,keyasint"`
	NicknameSuggestion string              `cbor:"12,keyasint,omitempty"`
}
