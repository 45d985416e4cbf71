package messages

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
)

// shortLength is how many characters of the base32 text the short form keeps
// (SPEC 1.5).
const shortLength = 8

// ErrBadID reports text that is not an identifier of the kind asked for.
var ErrBadID = errors.New("not an identifier")

// kind names what a 32-byte identifier identifies.
type kind interface{ prefix() string }

// ID is a 32-byte identifier of one kind. IDs of different kinds are different
// Go types and never convert into each other by accident (SPEC 1.3).
//
// The zero ID identifies nothing.
type ID[K kind] [32]byte

type (
	authorityKind struct{}
	contextKind   struct{}
	channelKind   struct{}
	factKind      struct{}
	nonceKind     struct{}
	slotKind      struct{}
	epochKind     struct{}
	operationKind struct{}
)

func (authorityKind) prefix() string { return "au" }
func (contextKind) prefix() string   { return "cx" }
func (channelKind) prefix() string   { return "ch" }
func (factKind) prefix() string      { return "ft" }
func (nonceKind) prefix() string     { return "nc" }
func (slotKind) prefix() string      { return "sl" }
func (epochKind) prefix() string     { return "ep" }
func (operationKind) prefix() string { return "op" }

type (
	// AuthorityID is the hash of an authority's Ed25519 key (SPEC 1.1).
	AuthorityID = ID[authorityKind]
	// ContextID is the hash of the op that founded a context (SPEC 1.3).
	ContextID = ID[contextKind]
	// ChannelID is the hash of a channel's first handshake (SPEC 7.5).
	ChannelID = ID[channelKind]
	// FactID is the hash of a fact's header (SPEC 3.1).
	FactID = ID[factKind]
	// Nonce makes a descriptor unique (SPEC 4.1).
	Nonce = ID[nonceKind]
	// SlotID is the hash of the key that owns a slot at a relay (SPEC 11.2).
	SlotID = ID[slotKind]
	// EpochID is the hash of the op that opened an epoch (SPEC 2.4).
	EpochID = ID[epochKind]
	// OperationID names one guarded operation, so that doing it again after a
	// crash charges nothing twice (SPEC 5.5). It never leaves the node.
	OperationID = ID[operationKind]
)

// EpochKeyID is the public name of an epoch's keys (SPEC 2.4), 16 bytes.
type EpochKeyID [16]byte

// idText is lower-case unpadded base32 (SPEC 1.5).
var idText = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// String is the text form, for example "au-mzxw6…" (SPEC 1.5).
func (i ID[K]) String() string {
	var k K
	return k.prefix() + "-" + idText.EncodeToString(i[:])
}

// Short is the first 8 characters of the text, for people only: it is not
// unique and nothing may be looked up by it (SPEC 1.5).
func (i ID[K]) Short() string {
	var k K
	return k.prefix() + "-" + idText.EncodeToString(i[:])[:shortLength]
}

// IsZero reports whether the ID identifies nothing.
func (i ID[K]) IsZero() bool { return i == ID[K]{} }

// Compare orders IDs by their bytes: -1, 0 or +1.
func (i ID[K]) Compare(j ID[K]) int { return bytes.Compare(i[:], j[:]) }

// MarshalText writes the text form.
func (i ID[K]) MarshalText() ([]byte, error) { return []byte(i.String()), nil }

// UnmarshalText reads the text form and nothing else.
func (i *ID[K]) UnmarshalText(text []byte) error {
	var k K
	body, ok := strings.CutPrefix(string(text), k.prefix()+"-")
	if !ok {
		return fmt.Errorf("%w: it must begin with %s-", ErrBadID, k.prefix())
	}
	raw, err := idText.DecodeString(body)
	if err != nil || len(raw) != len(i) || idText.EncodeToString(raw) != body {
		return fmt.Errorf("%w: it must be %s- and 52 characters of a-z and 2-7", ErrBadID, k.prefix())
	}
	copy(i[:], raw)
	return nil
}

// ParseAuthorityID reads the text form "au-…".
func ParseAuthorityID(s string) (AuthorityID, error) { return parseID[authorityKind](s) }

// ParseContextID reads the text form "cx-…".
func ParseContextID(s string) (ContextID, error) { return parseID[contextKind](s) }

// ParseChannelID reads the text form "ch-…".
func ParseChannelID(s string) (ChannelID, error) { return parseID[channelKind](s) }

// ParseFactID reads the text form "ft-…".
func ParseFactID(s string) (FactID, error) { return parseID[factKind](s) }

func parseID[K kind](s string) (id ID[K], err error) {
	err = id.UnmarshalText([]byte(s))
	return id, err
}

// PublicKey is an authority's Ed25519 identity key, 32 bytes.
type PublicKey [ed25519.PublicKeySize]byte

// IsZero reports whether the key is missing.
func (k PublicKey) IsZero() bool { return k == PublicKey{} }

// Authority is the id that the key proves.
//
// SPEC 1.1: "AuthorityID = SHA-256("waymeet/1 authority" ‖ public key), 32
// bytes: the id proves the key."
func (k PublicKey) Authority() AuthorityID {
	return AuthorityID(Hash(LabelAuthority, k[:]))
}

// Verify reports whether the signature is this key's over the message.
func (k PublicKey) Verify(message, signature []byte) bool {
	return len(signature) == ed25519.SignatureSize && ed25519.Verify(k[:], message, signature)
}

// Signature is an Ed25519 signature, 64 bytes.
type Signature [ed25519.SignatureSize]byte

// A Label separates the domains of hashes, keys and signatures.
type Label string

// Labels that the vocabulary itself hashes under
// (docs/wire.md: "Labels and text forms").
const (
	LabelAuthority     Label = "waymeet/1 authority"
	LabelContext       Label = "waymeet/1 context"
	LabelChannel       Label = "waymeet/1 channel"
	LabelFact          Label = "waymeet/1 fact"
	LabelFactSignature Label = "waymeet/1 fact signature"
	LabelEpoch         Label = "waymeet/1 epoch"
	LabelSlot          Label = "waymeet/1 slot"
	LabelOperation     Label = "waymeet/1 operation"
)

// Hash is SHA-256 over the label and the parts, one after the other. Parts
// must have fixed sizes, or be the last: nothing marks where one ends.
func Hash(label Label, parts ...[]byte) [32]byte {
	h := sha256.New()
	h.Write([]byte(label))
	for _, part := range parts {
		h.Write(part)
	}
	return [32]byte(h.Sum(nil))
}
