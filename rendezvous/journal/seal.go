package journal

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

// nonceSize is the size of the nonce before a sealed body.
const nonceSize = chacha20poly1305.NonceSizeX

// errBody reports a body that does not open under the key of its epoch. The
// fact's author is to blame; such a fact is stored and never reduced.
var errBody = errors.New("body does not open")

// Seal builds a fact: it seals the plaintext under the epoch's payload key and
// signs. It draws the nonce from random. The plaintext is at most
// messages.MaxPlaintext bytes.
//
// SPEC 3.2: "Body = nonce 24 ‖ XChaCha20-Poly1305 of the padded plaintext
// under the epoch's payload key, AAD = the canonical map of keys 1…12; body
// hash = SHA-256 of the body as stored."
func Seal(author membership.Identity, at messages.Chained, payload messages.SecretKey, plaintext []byte, random io.Reader) (messages.Fact, error) {
	fact, err := enclose(at, payload, plaintext, random)
	if err != nil {
		return messages.Fact{}, err
	}
	fact.Signature = author.Sign(messages.SignedFact(fact.ID()))
	return fact, nil
}

// enclose is Seal without the signature.
func enclose(at messages.Chained, payload messages.SecretKey, plaintext []byte, random io.Reader) (messages.Fact, error) {
	padded := messages.Pad(plaintext)
	body := make([]byte, nonceSize, nonceSize+len(padded)+chacha20poly1305.Overhead)
	if _, err := io.ReadFull(random, body); err != nil {
		return messages.Fact{}, fmt.Errorf("no randomness for a fact: %w", err)
	}
	aead, err := chacha20poly1305.NewX(payload[:])
	if err != nil {
		return messages.Fact{}, err
	}
	sealed := at.AssociatedData()
	body = aead.Seal(body, body[:nonceSize], padded, sealed)
	header := messages.Header{Chained: at, BodyHash: sha256.Sum256(body)}
	return messages.Fact{Header: header, HeaderBytes: messages.HeaderBytes(sealed, header.BodyHash), Body: body}, nil
}

// Open is the plaintext of a fact.
func Open(fact messages.Fact, payload messages.SecretKey) ([]byte, error) {
	if len(fact.Body) < nonceSize {
		return nil, errBody
	}
	aead, err := chacha20poly1305.NewX(payload[:])
	if err != nil {
		return nil, err
	}
	padded, err := aead.Open(nil, fact.Body[:nonceSize], fact.Body[nonceSize:], fact.AssociatedData())
	if err != nil {
		return nil, errBody
	}
	return messages.Unpad(padded)
}

// Open is the plaintext of a fact's body. One that does not open was sealed wrongly
// by its author: the key of every fact that is held is held, too.
func (j *Journal) Open(fact messages.Fact) ([]byte, error) { return j.set.ring.open(fact) }

// Signer is the key that must have signed the fact, if its author was a member
// in the epoch of the fact.
func (j *Journal) Signer(fact messages.Fact) (messages.PublicKey, bool) {
	state := j.set.epochOf(fact.Header.Epoch, fact.Header.KeyID)
	if state == nil {
		return messages.PublicKey{}, false
	}
	author, isMember := state.roster.Member(fact.Header.Author)
	return author.PublicKey, isMember
}
