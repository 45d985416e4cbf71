package membership

import (
	"crypto/ed25519"
	"crypto/sha512"
	"errors"
	"fmt"
	"log/slog"

	"filippo.io/edwards25519"

	"github.com/waymeet/waymeet/messages"
)

// ErrLowOrder reports a public key that is no point of the curve or one of low
// order, with which no secret can be agreed. It is the fault of whoever made
// the key (SPEC 1.2).
var ErrLowOrder = errors.New("public key is not a point of full order")

// Identity is an authority's Ed25519 key pair (SPEC 1.1). It is a secret, and
// prints as whose it is.
type Identity struct {
	private   ed25519.PrivateKey
	public    messages.PublicKey
	authority messages.AuthorityID
}

// NewIdentity is the identity whose Ed25519 seed is given.
func NewIdentity(seed messages.SecretKey) Identity {
	private := ed25519.NewKeyFromSeed(seed[:])
	public := messages.PublicKey(private.Public().(ed25519.PublicKey))
	return Identity{private: private, public: public, authority: public.Authority()}
}

// Public is the identity's public key.
func (i Identity) Public() messages.PublicKey { return i.public }

// Authority is the id that the public key proves.
func (i Identity) Authority() messages.AuthorityID { return i.authority }

// String names the authority alone.
func (i Identity) String() string { return "identity of " + i.authority.Short() }

// Format writes String, whatever the verb.
func (i Identity) Format(f fmt.State, _ rune) { fmt.Fprint(f, i.String()) }

// LogValue is String (SPEC 2.4).
func (i Identity) LogValue() slog.Value { return slog.StringValue(i.String()) }

// MarshalText writes String.
func (i Identity) MarshalText() ([]byte, error) { return []byte(i.String()), nil }

// Sign signs the message with Ed25519. What is signed begins with a label of
// its own, so that no signature serves two purposes.
func (i Identity) Sign(message []byte) messages.Signature {
	return messages.Signature(ed25519.Sign(i.private, message))
}

// NoisePrivate is the X25519 private key that belongs to the identity:
// SHA-512(seed)[:32] (SPEC 1.2). X25519 clamps it wherever it is used.
func (i Identity) NoisePrivate() messages.SecretKey {
	digest := sha512.Sum512(i.private.Seed())
	return messages.SecretKey(digest[:32])
}

// NoisePublic is the X25519 form of an identity key.
//
// SPEC 1.2: "Noise uses X25519 keys converted from the identity key
// (birational map; low-order points refused)."
func NoisePublic(key messages.PublicKey) ([32]byte, error) {
	point, err := new(edwards25519.Point).SetBytes(key[:])
	if err != nil {
		return [32]byte{}, ErrLowOrder
	}
	if new(edwards25519.Point).MultByCofactor(point).Equal(edwards25519.NewIdentityPoint()) == 1 {
		return [32]byte{}, ErrLowOrder
	}
	return [32]byte(point.BytesMontgomery()), nil
}
