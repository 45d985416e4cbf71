package membership

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/waymeet/waymeet/messages"
)

// Labels of what is derived from an epoch secret (SPEC 2.4, 4.3, 7.2).
const (
	labelKeyID         messages.Label = "waymeet/1 epoch key id"
	labelPayload       messages.Label = "waymeet/1 fact payload"
	labelHello         messages.Label = "waymeet/1 hello"
	labelPSKRoot       messages.Label = "waymeet/1 psk root"
	labelBeacon        messages.Label = "waymeet/1 beacon"
	labelSyncTag       messages.Label = "waymeet/1 sync tag"
	labelPairPSK       messages.Label = "waymeet/1 pair psk"
	labelPSKCommitment messages.Label = "waymeet/1 psk commitment"
	labelHelloIndex    messages.Label = "waymeet/1 hello index"
	labelSecretHash    messages.Label = "waymeet/1 epoch secret"
)

// Secret is the secret of an epoch (SPEC 2.1).
type Secret = messages.SecretKey

// NewSecret draws a secret from random, which must be a cryptographic source.
func NewSecret(random io.Reader) (Secret, error) {
	var secret Secret
	if _, err := io.ReadFull(random, secret[:]); err != nil {
		return Secret{}, fmt.Errorf("no randomness for an epoch secret: %w", err)
	}
	return secret, nil
}

// SecretHash is what the epoch op holds of the secret: SHA-256("waymeet/1 epoch
// secret" ‖ secret) (SPEC 2.4).
func SecretHash(secret Secret) [32]byte { return messages.Hash(labelSecretHash, secret[:]) }

// Keys are all keys of one epoch of one context (SPEC 2.4). They print as
// secrets, but for their names.
type Keys struct {
	Context messages.ContextID
	Epoch   messages.Epoch
	EpochID messages.EpochID
	// KeyID names the keys in fact headers; it is public.
	KeyID messages.EpochKeyID
	// Payload seals the bodies of facts.
	Payload messages.SecretKey
	// Hello is the membership datagram key: it seals hellos.
	Hello messages.SecretKey
	// PSKRoot is what the PSK of every pair and the commitments come from.
	PSKRoot messages.SecretKey
	// Beacon makes the tags of LAN beacons.
	Beacon messages.SecretKey
	// SyncTag makes the context tags of sync sessions.
	SyncTag messages.SecretKey
}

// DeriveKeys derives the keys of an epoch from its secret.
//
// SPEC 2.4: "Derived with HKDF-SHA-256 (info = label ‖ context ‖ epoch ‖
// EpochID): epoch key id (16, …), fact payload key, membership datagram key, psk
// root, LAN beacon key, sync tag key."
func DeriveKeys(context messages.ContextID, epoch messages.Epoch, id messages.EpochID, secret Secret) Keys {
	keys := Keys{Context: context, Epoch: epoch, EpochID: id}
	derive := func(label messages.Label, key []byte) {
		info := append([]byte(label), context[:]...)
		info = binary.BigEndian.AppendUint64(info, uint64(epoch))
		copy(key, expand(secret[:], append(info, id[:]...), len(key)))
	}
	derive(labelKeyID, keys.KeyID[:])
	derive(labelPayload, keys.Payload[:])
	derive(labelHello, keys.Hello[:])
	derive(labelPSKRoot, keys.PSKRoot[:])
	derive(labelBeacon, keys.Beacon[:])
	derive(labelSyncTag, keys.SyncTag[:])
	return keys
}

// PairPSK is the pre-shared key of two members; their order does not matter.
//
// SPEC 2.4: "PSK of a pair = HKDF(psk root, smaller id ‖ larger id): it proves
// membership in the epoch; who is who rests on the Noise static keys."
func (k Keys) PairPSK(a, b messages.AuthorityID) messages.SecretKey {
	if bytes.Compare(a[:], b[:]) > 0 {
		a, b = b, a
	}
	info := append([]byte(labelPairPSK), a[:]...)
	return messages.SecretKey(expand(k.PSKRoot[:], append(info, b[:]...), messages.SecretKeySize))
}

// PSKCommitment is what a descriptor with that nonce says of the psk root.
//
// SPEC 4.3: "PSK commitment = SHA-256('waymeet/1 psk commitment' ‖ psk root ‖
// descriptor nonce): salted, so that it is no fingerprint of the context."
func (k Keys) PSKCommitment(nonce messages.Nonce) [32]byte {
	return messages.Hash(labelPSKCommitment, k.PSKRoot[:], nonce[:])
}

// HelloIndex is the key index at the head of a hello to the owner of the
// descriptor with that nonce (SPEC 7.2): HMAC-SHA-256(hello key,
// "waymeet/1 hello index" ‖ nonce)[:4].
func HelloIndex(hello messages.SecretKey, nonce messages.Nonce) messages.KeyIndex {
	mac := hmac.New(sha256.New, hello[:])
	mac.Write([]byte(labelHelloIndex))
	mac.Write(nonce[:])
	return messages.KeyIndex(binary.BigEndian.Uint32(mac.Sum(nil)))
}

// EpochKey is what reading the history of one epoch takes: its payload key and
// no more (SPEC 2.3, 14.2).
type EpochKey struct {
	Epoch   messages.Epoch      `cbor:"1,keyasint"`
	EpochID messages.EpochID    `cbor:"2,keyasint"`
	KeyID   messages.EpochKeyID `cbor:"3,keyasint"`
	Payload messages.SecretKey  `cbor:"4,keyasint"`
}

// Payloads is the part of the keys that reads the epoch's facts.
func (k Keys) Payloads() EpochKey {
	return EpochKey{Epoch: k.Epoch, EpochID: k.EpochID, KeyID: k.KeyID, Payload: k.Payload}
}

// expand is HKDF-SHA-256 without salt. It fails for impossible lengths only.
func expand(secret, info []byte, length int) []byte {
	key, err := hkdf.Key(sha256.New, secret, nil, string(info), length)
	if err != nil {
		panic("membership: " + err.Error())
	}
	return key
}
