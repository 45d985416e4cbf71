package messages

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// FactType says what a fact's body holds. Tags are on disk and on the wire and
// are never used again (SPEC 3.6).
type FactType uint16

// The fact types. Those at or above FactApplication belong to the host.
const (
	FactContextFounded     FactType = 1
	FactDescriptor         FactType = 2
	FactChannelEstablished FactType = 3
	FactDescriptorRevoked  FactType = 4
	FactMemberAdded        FactType = 5
	FactMemberRemoved      FactType = 6
	FactEpochAdvanced      FactType = 7
	FactEquivocation       FactType = 8
	FactApplication        FactType = 0x4000
)

// factRow is one row of the fact table.
type factRow struct {
	name string
	// schema is the newest version of the body that this module reads; 0: none,
	// the tag is taken and its body is not settled.
	schema uint16
	decode func(plaintext []byte) (RendezvousFact, error)
}

// factTable is the one place that knows every type of fact (SPEC 3.6: "Adding
// a fact type touches one table"). The types of agreement and bootstrap (SPEC
// 9, 14.6) have a tag and no body yet: they are stored and synced like any type
// that this version does not know, and reduced to nothing.
var factTable = map[FactType]factRow{
	FactContextFounded:     {"context-founded", 1, decodeBody[ContextFounded]},
	FactDescriptor:         {"descriptor", 1, decodeBody[RendezvousDescriptor]},
	FactChannelEstablished: {"channel-established", 1, decodeBody[ChannelEstablished]},
	FactDescriptorRevoked:  {"descriptor-revoked", 1, decodeBody[DescriptorRevoked]},
	FactMemberAdded:        {"member-added", 1, decodeBody[MemberAdded]},
	FactMemberRemoved:      {"member-removed", 1, decodeBody[MemberRemoved]},
	FactEpochAdvanced:      {"epoch-advanced", 1, decodeBody[EpochAdvanced]},
	FactEquivocation:       {"equivocation", 1, decodeBody[Equivocation]},
	9:                      {name: "commit"},
	10:                     {name: "convergence-cert"},
	11:                     {name: "reversion"},
	12:                     {name: "bootstrap-contact-hint"},
	13:                     {name: "neighborhood-reentry-hint"},
	14:                     {name: "bootstrap-introduction"},
}

// KnownFacts tells versions of this module apart by the facts that they can
// read: the hash of all types with their newest schemas.
func KnownFacts() [32]byte {
	var b []byte
	for _, t := range slices.Sorted(maps.Keys(factTable)) {
		b = binary.BigEndian.AppendUint16(b, uint16(t))
		b = binary.BigEndian.AppendUint16(b, factTable[t].schema)
	}
	return Hash(labelKnownFacts, b)
}

const labelKnownFacts Label = "waymeet/1 known facts"

// ErrUnknownFact reports a type or a schema newer than this module. Such facts
// are stored and synced, not reduced (SPEC 3.4); nobody is to blame.
var ErrUnknownFact = errors.New("fact of a type or schema that this version does not know")

// IsApplication reports whether the type belongs to the host.
func (t FactType) IsApplication() bool { return t >= FactApplication }

// String is the name of the type, for example "member-added".
func (t FactType) String() string {
	if kind, known := factTable[t]; known {
		return kind.name
	}
	if t.IsApplication() {
		return "application " + strconv.Itoa(int(t))
	}
	return "fact type " + strconv.Itoa(int(t))
}

// Schema is the schema version that this module writes for the type.
func (t FactType) Schema() uint16 { return max(factTable[t].schema, 1) }

// DecodeFact reads the plaintext of a fact's body.
func DecodeFact(t FactType, schema uint16, plaintext []byte) (RendezvousFact, error) {
	if t.IsApplication() {
		return ApplicationFact{Type: t, Body: plaintext}, nil
	}
	kind, known := factTable[t]
	if !known || schema == 0 || schema > kind.schema {
		return nil, fmt.Errorf("%w: %s, schema %d", ErrUnknownFact, t, schema)
	}
	return kind.decode(plaintext)
}

// EncodeFact is the plaintext of a fact's body.
func EncodeFact(fact RendezvousFact) []byte {
	if application, ok := fact.(ApplicationFact); ok {
		return application.Body
	}
	return Encode(fact)
}

// decodeBody reads a body of one type. What its encoding alone does not show,
// the type's check does.
func decodeBody[T RendezvousFact](plaintext []byte) (RendezvousFact, error) {
	body, err := Decode[T](plaintext)
	if err != nil {
		return nil, err
	}
	if checked, ok := RendezvousFact(body).(interface{ check() error }); ok {
		if err := checked.check(); err != nil {
			return nil, fmt.Errorf("%w %s: %w", ErrEncoding, body.FactType(), err)
		}
	}
	return body, nil
}

// RendezvousFact is the body of a fact that Waymeet itself understands
// (SPEC 3.6).
type RendezvousFact interface{ FactType() FactType }

// HistoryRule says whether later members may read what was said before them
// (SPEC 2.3).
type HistoryRule uint8

// HistoryFull lets every member read the whole history.
const HistoryFull HistoryRule = 1

// FinalityRule says what makes an epoch op final (SPEC 2.2).
type FinalityRule uint8

// FinalityFounder: an epoch op is final by the founder's signature alone.
const FinalityFounder FinalityRule = 1

// Role is what a member does in a context (SPEC 2.1).
type Role uint8

const (
	// RoleParticipant offers and uses services, votes, and forwards facts.
	RoleParticipant Role = 1
	// RoleWitness votes and forwards facts, but offers no services.
	RoleWitness Role = 2
)

// ContextFounded founds a context and opens its epoch 0. Its canonical bytes
// are what the ContextID hashes (SPEC 1.3, 2.2).
type ContextFounded struct {
	Founder    PublicKey    `cbor:"1,keyasint"`
	Random     [32]byte     `cbor:"2,keyasint"`
	History    HistoryRule  `cbor:"3,keyasint"`
	Finality   FinalityRule `cbor:"4,keyasint"`
	SecretHash [32]byte     `cbor:"5,keyasint"`
}

// Context is the id of the context that the op founds.
func (f ContextFounded) Context() ContextID { return ContextID(Hash(LabelContext, Encode(f))) }

// ChannelEstablished says that two authorities hold a channel (SPEC 3.6, 9.6).
type ChannelEstablished struct {
	Initiator  AuthorityID `cbor:"1,keyasint"`
	Responder  AuthorityID `cbor:"2,keyasint"`
	Channel    ChannelID   `cbor:"3,keyasint"`
	Epoch      Epoch       `cbor:"4,keyasint"`
	Transcript [32]byte    `cbor:"5,keyasint"`
}

// DescriptorRevoked takes back the descriptor with that nonce, for ever
// (SPEC 4.2).
type DescriptorRevoked struct {
	Authority AuthorityID `cbor:"1,keyasint"`
	Nonce     Nonce       `cbor:"2,keyasint"`
}

// ApplicationFact is an opaque body of a type that the host chose.
type ApplicationFact struct {
	Type FactType
	Body []byte
}

// FactType implements RendezvousFact.
func (ContextFounded) FactType() FactType { return FactContextFounded }

// FactType implements RendezvousFact.
func (RendezvousDescriptor) FactType() FactType { return FactDescriptor }

// FactType implements RendezvousFact.
func (ChannelEstablished) FactType() FactType { return FactChannelEstablished }

// FactType implements RendezvousFact.
func (DescriptorRevoked) FactType() FactType { return FactDescriptorRevoked }

// FactType is the type that the host chose.
func (a ApplicationFact) FactType() FactType { return a.Type }
