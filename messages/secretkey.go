package messages

import (
	"fmt"
	"log/slog"
)

// SecretKeySize is the size of every secret key, in bytes.
const SecretKeySize = 32

const secretText = "[secret]"

// SecretKey is a secret of 32 bytes: the seed of an identity, the secret of an
// epoch or of a ticket, and every key that is derived from one or agreed with a
// peer. Nothing that formats, logs or encodes it as text shows its bytes; CBOR
// does, where it is stored or travels sealed.
//
// SPEC 2.4: "Secrets are … NEVER logged (their types implement
// slog.LogValuer)."
//
// fmt calls no method of an unexported field: a type that keeps one there, and may
// be printed, hides it itself.
type SecretKey [SecretKeySize]byte

// IsZero reports whether the key is missing.
func (k SecretKey) IsZero() bool { return k == SecretKey{} }

// Format writes "[secret]", whatever the verb.
func (SecretKey) Format(f fmt.State, _ rune) { fmt.Fprint(f, secretText) }

// LogValue is "[secret]".
func (SecretKey) LogValue() slog.Value { return slog.StringValue(secretText) }

// MarshalText writes "[secret]".
func (SecretKey) MarshalText() ([]byte, error) { return []byte(secretText), nil }
