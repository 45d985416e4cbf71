package relay

import (
	"crypto/ed25519"
	"crypto/sha512"
	"errors"
	"io"

	"filippo.io/edwards25519"
	"github.com/cloudflare/circl/dh/x25519"
	"github.com/flynn/noise"

	"github.com/waymeet/waymeet/messages"
)

// ErrBadKey reports a public key that no honest relay has: no point of the
// curve, or one of low order.
var ErrBadKey = errors.New("not a usable Ed25519 key")

var errLowOrder = errors.New("relay: Diffie-Hellman with a low-order point")

// suite is the one cipher suite of relay control.
var suite = noise.NewCipherSuite(circlX25519{}, noise.CipherChaChaPoly, noise.HashSHA256)

// circlX25519 is noise.DH25519 over circl, which is three times as fast.
type circlX25519 struct{}

// GenerateKeypair implements noise.DHFunc.
func (circlX25519) GenerateKeypair(random io.Reader) (noise.DHKey, error) {
	var private, public x25519.Key
	if _, err := io.ReadFull(random, private[:]); err != nil {
		return noise.DHKey{}, err
	}
	x25519.KeyGen(&public, &private)
	return noise.DHKey{Private: private[:], Public: public[:]}, nil
}

// DH implements noise.DHFunc.
func (circlX25519) DH(private, public []byte) ([]byte, error) {
	var shared, secret, point x25519.Key
	if copy(secret[:], private) != x25519.Size || copy(point[:], public) != x25519.Size {
		return nil, ErrBadKey
	}
	if !x25519.Shared(&shared, &secret, &point) {
		return nil, errLowOrder
	}
	return shared[:], nil
}

// DHLen implements noise.DHFunc.
func (circlX25519) DHLen() int { return x25519.Size }

// DHName implements noise.DHFunc.
func (circlX25519) DHName() string { return "25519" }

// montgomery is the X25519 form of an Ed25519 public key.
//
// SPEC 1.2: "Noise uses X25519 keys converted from the identity key (birational
// map; low-order points refused)."
func montgomery(key messages.PublicKey) ([]byte, error) {
	point, err := new(edwards25519.Point).SetBytes(key[:])
	if err != nil {
		return nil, ErrBadKey
	}
	if new(edwards25519.Point).MultByCofactor(point).Equal(edwards25519.NewIdentityPoint()) == 1 {
		return nil, ErrBadKey
	}
	return point.BytesMontgomery(), nil
}

// staticKey is the X25519 form of an Ed25519 private key.
func staticKey(key ed25519.PrivateKey) noise.DHKey {
	digest := sha512.Sum512(key.Seed())
	var private, public x25519.Key
	copy(private[:], digest[:x25519.Size])
	x25519.KeyGen(&public, &private)
	return noise.DHKey{Private: private[:], Public: public[:]}
}

func publicKey(key ed25519.PrivateKey) messages.PublicKey {
	return messages.PublicKey(key.Public().(ed25519.PublicKey))
}
