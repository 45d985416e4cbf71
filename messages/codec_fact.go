package messages

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// Sizes of facts (SPEC 3.1, 3.2, 3.4), in bytes.
const (
	// MaxFactSize is the greatest encoded fact.
	MaxFactSize = 64 << 10
	// MaxParents is how many parents a fact may name besides its prev.
	MaxParents = 8
	// MaxPadded is the greatest padded plaintext.
	MaxPadded = 61440
	// MaxPlaintext is the greatest plaintext before padding.
	MaxPlaintext = MaxPadded - padLength

	padLength = 4
	padStep   = 4096
)

// FactVersion is the major version of the fact format that this module writes
// and admits.
const FactVersion uint16 = 1

// ErrPadding reports a plaintext that is not padded by the rule. The fact's
// author is to blame.
var ErrPadding = errors.New("plaintext is not padded by the rule")

// Chained is what a header says besides the body: where the fact stands. Its
// canonical bytes are what the body's seal covers (SPEC 3.2: "AAD = the
// canonical map of keys 1…12").
type Chained struct {
	Version uint16      `cbor:"1,keyasint"`
	Context ContextID   `cbor:"2,keyasint"`
	Author  AuthorityID `cbor:"3,keyasint"`
	// Seq counts the author's facts from 1; Prev is the one before, zero at 1.
	Seq  Seq    `cbor:"4,keyasint"`
	Prev FactID `cbor:"5,keyasint"`
	// Parents are the heads of other authors that this one had seen: at most
	// 8, sorted, distinct, never Prev.
	Parents []FactID   `cbor:"6,keyasint"`
	HLC     HLC        `cbor:"7,keyasint"`
	Epoch   Epoch      `cbor:"8,keyasint"`
	KeyID   EpochKeyID `cbor:"9,keyasint"`
	Type    FactType   `cbor:"10,keyasint"`
	// Schema is the version of the type's schema.
	Schema uint16 `cbor:"11,keyasint"`
	// Again is the own fact beyond a cut that this one repeats (SPEC 3.4).
	Again Again `cbor:"12,keyasint"`
}

// Header is the header of a fact (SPEC 3.1).
type Header struct {
	Chained
	// BodyHash is SHA-256 of the body as stored.
	BodyHash [32]byte `cbor:"13,keyasint"`
}

// bodyHashSize is what key 13 takes at the end of a header: key, head of a byte
// string of 32 bytes, and the string.
const bodyHashSize = 1 + 2 + 32

// CBOR heads of the maps of 12 and 13 pairs.
const (
	mapOf12 = 0xac
	mapOf13 = 0xad
)

// AssociatedData is what the seal of the body covers besides it (SPEC 3.2: "AAD = the
// canonical map of keys 1…12").
func (c Chained) AssociatedData() []byte { return Encode(c) }

// HeaderBytes are the canonical bytes of the header which says the same as the
// associated data, and names the body: one pair more.
func HeaderBytes(data []byte, bodyHash [32]byte) []byte {
	b := make([]byte, 0, len(data)+bodyHashSize)
	b = append(append(b, mapOf13), data[1:]...)
	b = append(b, 13, 0x58, 32)
	return append(b, bodyHash[:]...)
}

// AssociatedData is what the seal of the body covers, taken out of the header.
func (f Fact) AssociatedData() []byte {
	b := slices.Clone(f.HeaderBytes[:len(f.HeaderBytes)-bodyHashSize])
	b[0] = mapOf12
	return b
}

// Again names the fact that another repeats; zero: none. On the wire none is
// an empty byte string.
type Again FactID

// IsZero reports whether nothing is repeated.
func (a Again) IsZero() bool { return a == Again{} }

// MarshalCBOR writes the id, or an empty byte string for none.
func (a Again) MarshalCBOR() ([]byte, error) {
	if a.IsZero() {
		return encoding.Marshal([]byte{})
	}
	return encoding.Marshal(a[:])
}

// UnmarshalCBOR reads what MarshalCBOR writes.
func (a *Again) UnmarshalCBOR(b []byte) error {
	var raw []byte
	if err := decoding.Unmarshal(b, &raw); err != nil {
		return err
	}
	if len(raw) != 0 && len(raw) != len(a) {
		return fmt.Errorf("%w: again of %d bytes", ErrEncoding, len(raw))
	}
	*a = Again{}
	copy(a[:], raw)
	return nil
}

// Fact is one signed, sealed fact. HeaderBytes are what was received: the id
// and the signature are about them, never about Header encoded anew.
type Fact struct {
	Header      Header
	HeaderBytes []byte
	// Body is nonce 24 ‖ XChaCha20-Poly1305 of the padded plaintext.
	Body      []byte
	Signature Signature
}

// wireFact is how a fact is stored and sent (SPEC 3.1): "stored and sent as
// CBOR array [header bytes, body bytes, signature]".
type wireFact struct {
	_         struct{} `cbor:",toarray"`
	Header    []byte
	Body      []byte
	Signature Signature
}

// ParseFact reads a fact and checks what can be seen without knowing its
// context: size, canonical bytes, and the shape of the header. Who admits the
// fact checks the rest (SPEC 3.4).
func ParseFact(b []byte) (Fact, error) {
	if len(b) > MaxFactSize {
		return Fact{}, fmt.Errorf("%w: fact of %d bytes, at most %d", ErrEncoding, len(b), MaxFactSize)
	}
	wire, err := Decode[wireFact](b)
	if err != nil {
		return Fact{}, err
	}
	header, err := Decode[Header](wire.Header)
	if err != nil {
		return Fact{}, err
	}
	if err := header.check(); err != nil {
		return Fact{}, fmt.Errorf("%w: %w", ErrEncoding, err)
	}
	return Fact{Header: header, HeaderBytes: wire.Header, Body: wire.Body, Signature: wire.Signature}, nil
}

// Append writes the canonical bytes of the fact after b: a CBOR array of three
// byte strings.
func (f Fact) Append(b []byte) []byte {
	b = append(slices.Grow(b, f.Size()), 0x83)
	for _, part := range [][]byte{f.HeaderBytes, f.Body, f.Signature[:]} {
		b = appendString(b, part)
	}
	return b
}

// Size is how many bytes Append writes.
func (f Fact) Size() int {
	return 1 + stringSize(len(f.HeaderBytes)) + stringSize(len(f.Body)) + stringSize(len(f.Signature))
}

// appendString writes a CBOR byte string of at most 4 GiB (RFC 8949 3.1, major
// type 2).
func appendString(b, part []byte) []byte {
	switch n := len(part); {
	case n < 24:
		b = append(b, 0x40|byte(n))
	case n < 1<<8:
		b = append(b, 0x58, byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x59), uint16(n))
	default:
		b = binary.BigEndian.AppendUint32(append(b, 0x5a), uint32(n))
	}
	return append(b, part...)
}

// stringSize is what a CBOR byte string of n bytes takes.
func stringSize(n int) int {
	switch {
	case n < 24:
		return n + 1
	case n < 1<<8:
		return n + 2
	case n < 1<<16:
		return n + 3
	}
	return n + 5
}

// ID is the fact's id.
//
// SPEC 3.1: "FactID = SHA-256('waymeet/1 fact' ‖ header bytes)".
func (f Fact) ID() FactID { return FactID(Hash(LabelFact, f.HeaderBytes)) }

// SignedFact is what the author of a fact signs.
//
// SPEC 3.1: "the author's Ed25519 signature covers 'waymeet/1 fact signature'
// ‖ FactID and is not part of the id."
func SignedFact(id FactID) []byte { return append([]byte(LabelFactSignature), id[:]...) }

// SignedBy reports whether the key signed the fact.
func (f Fact) SignedBy(key PublicKey) bool {
	return key.Verify(SignedFact(f.ID()), f.Signature[:])
}

// BodyMatches reports whether the body is the one that the header names.
func (f Fact) BodyMatches() bool { return sha256.Sum256(f.Body) == f.Header.BodyHash }

// FactIDOf is the id of an encoded fact, whose header is not looked at: enough
// to see that the bytes are the fact that they are taken for.
func FactIDOf(b []byte) (FactID, error) {
	wire, err := Decode[wireFact](b)
	if err != nil {
		return FactID{}, err
	}
	return Fact{HeaderBytes: wire.Header}.ID(), nil
}

// check refuses headers that no author who follows SPEC 3.1 writes: "seq
// counts up per author from 1 … prev is 32 zero bytes at seq 1; parents
// exclude prev, sorted, distinct".
func (h Header) check() error {
	switch {
	case h.Seq == 0 || h.Seq > MaxSeq:
		return fmt.Errorf("seq %d, it counts from 1 to %d", h.Seq, MaxSeq)
	case h.Prev.IsZero() != (h.Seq == 1):
		return fmt.Errorf("seq %d with prev %s", h.Seq, h.Prev.Short())
	case len(h.Parents) > MaxParents:
		return fmt.Errorf("%d parents", len(h.Parents))
	}
	for at, parent := range h.Parents {
		switch {
		case parent == h.Prev || parent.IsZero():
			return errors.New("a parent that is prev or nothing")
		case at > 0 && h.Parents[at-1].Compare(parent) >= 0:
			return errors.New("parents out of order")
		}
	}
	return nil
}

// Pad puts the plaintext of a fact into the smallest bucket that holds it:
// length 4 ‖ plaintext ‖ zeros (SPEC 3.2). It panics above MaxPlaintext, which
// whoever builds a fact checks first.
func Pad(plaintext []byte) []byte {
	size := paddedSize(padLength + len(plaintext))
	if size > MaxPadded {
		panic(fmt.Sprintf("messages: plaintext of %d bytes", len(plaintext)))
	}
	padded := make([]byte, size)
	binary.BigEndian.PutUint32(padded, uint32(len(plaintext)))
	copy(padded[padLength:], plaintext)
	return padded
}

// Unpad takes the plaintext out again and refuses every other padding: another
// bucket, or anything but zeros after the plaintext.
func Unpad(padded []byte) ([]byte, error) {
	if len(padded) < padLength || len(padded) > MaxPadded {
		return nil, ErrPadding
	}
	length := int(binary.BigEndian.Uint32(padded))
	if length > len(padded)-padLength || paddedSize(padLength+length) != len(padded) {
		return nil, ErrPadding
	}
	for _, b := range padded[padLength+length:] {
		if b != 0 {
			return nil, ErrPadding
		}
	}
	return padded[padLength : padLength+length : padLength+length], nil
}

// paddedSize is the bucket for size bytes.
//
// SPEC 3.2: "Padding: 4-byte length inside, buckets 256, 512, 1024, 4096, then
// multiples of 4096 up to 61 440."
func paddedSize(size int) int {
	for _, bucket := range [...]int{256, 512, 1024, padStep} {
		if size <= bucket {
			return bucket
		}
	}
	return (size + padStep - 1) / padStep * padStep
}
