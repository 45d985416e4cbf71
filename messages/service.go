package messages

// ServiceKind is a family of services that an authority offers (SPEC 4.4). It
// never says to whom or why: no social role is in any schema (SPEC 4.5).
type ServiceKind uint8

// The service families. Values are on the wire and are never used again.
const (
	ServiceEstablish ServiceKind = 1
	ServiceMove      ServiceKind = 2
	ServiceHold      ServiceKind = 3
)

// ServiceLimits bounds what a provider does for one requester.
type ServiceLimits struct {
	MaxBytes    uint64 `cbor:"1,keyasint,omitempty"`
	MaxRequests uint32 `cbor:"2,keyasint,omitempty"`
}

// ServiceHeader is what every service descriptor begins with.
type ServiceHeader struct {
	Provider AuthorityID   `cbor:"1,keyasint"`
	Scope    ContextID     `cbor:"2,keyasint"`
	Valid    Window        `cbor:"3,keyasint"`
	Epoch    Epoch         `cbor:"4,keyasint"`
	Limits   ServiceLimits `cbor:"5,keyasint"`
}

// ServiceDescriptor says what an authority offers; how it is reached is the
// separate surface of LinkEndpoint (SPEC 4.4).
type ServiceDescriptor struct {
	Header ServiceHeader `cbor:"1,keyasint"`
	Kind   ServiceKind   `cbor:"2,keyasint"`
}
