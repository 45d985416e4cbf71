package handshake

import (
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/cloudflare/circl/dh/x25519"
	"github.com/flynn/noise"

	"github.com/waymeet/waymeet/messages"
)

// Static is the X25519 key pair that belongs to an authority's identity key
// (SPEC 1.2). It is a secret and prints as one.
type Static struct {
	private messages.SecretKey
	public  [32]byte
}

// NewStatic is the key pair of a private key, as membership's NoisePrivate
// gives it.
func NewStatic(private messages.SecretKey) Static {
	secret, public := x25519.Key(private), x25519.Key{}
	x25519.KeyGen(&public, &secret)
	return Static{private: private, public: public}
}

// Public is the public key.
func (s Static) Public() [32]byte { return s.public }

// Format prints nothing of the key, whatever the verb.
func (s Static) Format(f fmt.State, verb rune) { s.private.Format(f, verb) }

// LogValue prints nothing of the key (SPEC 2.4).
func (s Static) LogValue() slog.Value { return s.private.LogValue() }

func (s Static) keyPair() noise.DHKey {
	return noise.DHKey{Private: s.private[:], Public: s.public[:]}
}

// errLowOrder refuses a key with which every secret would be the same.
var errLowOrder = errors.New("handshake: public key of low order")

// curve is Diffie-Hellman over X25519 for flynn/noise: circl's needs a third
// of the time of the one that comes with it.
type curve struct{}

func (curve) GenerateKeypair(random io.Reader) (noise.DHKey, error) {
	var private messages.SecretKey
	if _, err := io.ReadFull(random, private[:]); err != nil {
		return noise.DHKey{}, err
	}
	return NewStatic(private).keyPair(), nil
}

func (curve) DH(private, public []byte) ([]byte, error) {
	var shared x25519.Key
	secret, point := x25519.Key(private), x25519.Key(public)
	if !x25519.Shared(&shared, &secret, &point) {
		return nil, errLowOrder
	}
	return shared[:], nil
}

func (curve) DHLen() int     { return x25519.Size }
func (curve) DHName() string { return "25519" }
