package membership

import (
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hpke"
	"errors"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/waymeet/waymeet/messages"
)

const (
	labelWrap     messages.Label = "waymeet/1 epoch wrap"
	labelPrevious messages.Label = "waymeet/1 previous key"
)

// Errors of reading what an epoch op carries. The op's author is to blame.
var (
	// ErrWrap reports a wrapped secret that is not for this member and epoch.
	ErrWrap = errors.New("wrapped epoch secret does not open")
	// ErrSecret reports a secret that is not the one that the op names.
	ErrSecret = errors.New("epoch secret is not the one that the epoch op names")
	// ErrPrevious reports a previous payload key that does not open.
	ErrPrevious = errors.New("previous payload key does not open")
)

// Wrap seals an epoch secret to one member with HPKE (RFC 9180,
// DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305).
//
// SPEC 2.3: "The epoch secret travels wrapped for each member with HPKE …,
// bound to EpochID and member."
func Wrap(secret Secret, epoch messages.EpochID, member messages.PublicKey) (messages.SecretWrap, error) {
	id := member.Authority()
	raw, err := NoisePublic(member)
	if err != nil {
		return messages.SecretWrap{}, fmt.Errorf("wrap for %s: %w", id.Short(), err)
	}
	public, err := hpke.DHKEM(ecdh.X25519()).NewPublicKey(raw[:])
	if err != nil {
		return messages.SecretWrap{}, fmt.Errorf("wrap for %s: %w", id.Short(), err)
	}
	sealed, err := hpke.Seal(public, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), wrapInfo(epoch, id), secret[:])
	if err != nil {
		return messages.SecretWrap{}, fmt.Errorf("wrap for %s: %w", id.Short(), err)
	}
	return messages.SecretWrap{Member: id, Sealed: sealed}, nil
}

// Unwrap opens the secret that was wrapped for this identity in that epoch,
// and compares it with the hash in the epoch op.
//
// SPEC 2.4: "a member whose unwrapped secret does not match says so."
func Unwrap(identity Identity, epoch messages.EpochID, wraps []messages.SecretWrap, hash [32]byte) (Secret, error) {
	for _, wrap := range wraps {
		if wrap.Member != identity.Authority() {
			continue
		}
		secret, err := open(identity, epoch, wrap.Sealed)
		if err != nil {
			return Secret{}, err
		}
		if SecretHash(secret) != hash {
			return Secret{}, ErrSecret
		}
		return secret, nil
	}
	return Secret{}, fmt.Errorf("%w: none is for %s", ErrWrap, identity.Authority().Short())
}

func open(identity Identity, epoch messages.EpochID, sealed []byte) (Secret, error) {
	raw := identity.NoisePrivate()
	private, err := hpke.DHKEM(ecdh.X25519()).NewPrivateKey(raw[:])
	clear(raw[:])
	if err != nil {
		return Secret{}, ErrWrap
	}
	info := wrapInfo(epoch, identity.Authority())
	opened, err := hpke.Open(private, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), info, sealed)
	if err != nil || len(opened) != messages.SecretKeySize {
		return Secret{}, ErrWrap
	}
	secret := Secret(opened)
	clear(opened)
	return secret, nil
}

func wrapInfo(epoch messages.EpochID, member messages.AuthorityID) []byte {
	info := append([]byte(labelWrap), epoch[:]...)
	return append(info, member[:]...)
}

// SealPrevious seals the payload key of the epoch that is closed under a key
// that comes from the new payload key (SPEC 2.3). That key seals this one
// thing, so its nonce is zero.
func SealPrevious(opened Keys, closed EpochKey) []byte {
	return previousAEAD(opened, closed.EpochID).Seal(nil, make([]byte, chacha20poly1305.NonceSize), closed.Payload[:], nil)
}

// OpenPrevious opens what SealPrevious sealed; closes is the epoch id that the
// op names. No node does so yet, for a welcome brings the keys of all epochs
// before.
func OpenPrevious(opened Keys, closes messages.EpochID, sealed []byte) (messages.SecretKey, error) {
	key, err := previousAEAD(opened, closes).Open(nil, make([]byte, chacha20poly1305.NonceSize), sealed, nil)
	if err != nil || len(key) != messages.SecretKeySize {
		return messages.SecretKey{}, ErrPrevious
	}
	return messages.SecretKey(key), nil
}

func previousAEAD(opened Keys, closes messages.EpochID) cipher.AEAD {
	info := append([]byte(labelPrevious), opened.EpochID[:]...)
	aead, err := chacha20poly1305.New(expand(opened.Payload[:], append(info, closes[:]...), messages.SecretKeySize))
	if err != nil {
		panic("membership: " + err.Error())
	}
	return aead
}
