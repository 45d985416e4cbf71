package messages

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// ErrEncoding reports bytes that are not the canonical encoding of the type
// asked for. It is always the fault of whoever made the bytes.
var ErrEncoding = errors.New("not canonical")

var (
	encoding = must(cbor.EncOptions{
		Sort:          cbor.SortCoreDeterministic,
		IndefLength:   cbor.IndefLengthForbidden,
		TagsMd:        cbor.TagsForbidden,
		NilContainers: cbor.NilContainerAsEmpty,
	}.EncMode())
	decoding = must(cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		TagsMd:            cbor.TagsForbidden,
		MaxNestedLevels:   8,
		MaxArrayElements:  1 << 16,
		MaxMapPairs:       1 << 10,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		UTF8:              cbor.UTF8RejectInvalid,
	}.DecMode())
)

func must[M any](mode M, err error) M {
	if err != nil {
		panic(err)
	}
	return mode
}

// Encode is the canonical encoding of v: CBOR, core deterministic, integer
// keys (SPEC 1.7). It panics on a type that has none: that is a mistake of
// ours, found by the first test that touches the type.
func Encode[T any](v T) []byte {
	b, err := encoding.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("messages: %T has no encoding: %v", v, err))
	}
	return b
}

// Decode reads the canonical encoding of a T and nothing else.
//
// SPEC 1.7: "Bytes are the truth: decode, re-encode, require equality, then
// hash and verify the received bytes. Floats, tags, duplicate keys, trailing
// bytes: refused."
func Decode[T any](b []byte) (T, error) {
	var v, none T
	if err := decoding.Unmarshal(b, &v); err != nil {
		return none, fmt.Errorf("%w %T: %w", ErrEncoding, v, err)
	}
	again, err := encoding.Marshal(v)
	if err != nil || !bytes.Equal(again, b) {
		return none, fmt.Errorf("%w %T: the same value is written in another way", ErrEncoding, v)
	}
	return v, nil
}
