package mux

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/waymeet/waymeet/messages"
)

// Labels of the keys of an attempt (SPEC 7.2).
const (
	labelEarlyInitiator = "waymeet/1 early initiator"
	labelAttempt        = "waymeet/1 attempt id"
)

// DataKeys are the keys of one generation of a channel's data, from Noise's
// Split, and the indexes under which each end wants to receive.
type DataKeys struct {
	Send, Receive messages.SecretKey
	// SendIndex was chosen by the peer; ReceiveIndex by us, with ReserveIndex.
	SendIndex, ReceiveIndex messages.KeyIndex
}

// AttemptID stands at the head of early datagrams.
type AttemptID uint32

// AttemptOf derives the id of the attempt that a hello began: HKDF-SHA-256 of
// the membership datagram key with the hello's hash as salt (SPEC 7.2).
func AttemptOf(datagramKey messages.SecretKey, hello []byte) AttemptID {
	return AttemptID(binary.BigEndian.Uint32(attemptSecret(datagramKey, hello, labelAttempt, 4)))
}

// attemptSecret derives one of the secrets of an attempt.
func attemptSecret(datagramKey messages.SecretKey, hello []byte, label string, size int) []byte {
	salt := sha256.Sum256(hello)
	secret, err := hkdf.Key(sha256.New, datagramKey[:], salt[:], label, size)
	if err != nil {
		panic("mux: HKDF refuses a constant length: " + err.Error())
	}
	return secret
}

// earlyKey derives the key of early datagrams. SPEC 7.2: "Only the initiator
// sends early datagrams", so one direction is all there is.
func earlyKey(datagramKey messages.SecretKey, hello []byte) messages.SecretKey {
	return messages.SecretKey(attemptSecret(datagramKey, hello, labelEarlyInitiator, messages.SecretKeySize))
}

// newAEAD builds the suite's AEAD (SPEC 7.1).
func newAEAD(suite messages.Suite, key messages.SecretKey) (cipher.AEAD, error) {
	switch suite {
	case messages.SuiteAESGCM:
		block, err := aes.NewCipher(key[:])
		if err != nil {
			return nil, err
		}
		return cipher.NewGCM(block)
	case messages.SuiteChaChaPoly:
		return chacha20poly1305.New(key[:])
	}
	return nil, fmt.Errorf("mux: suite %d is unknown", suite)
}

// open opens an early or data datagram into b, which the caller keeps.
func open(aead cipher.AEAD, nonce, d, b []byte) (plaintext []byte, ok bool) {
	if len(d)-headerSize-tagSize > len(b) {
		return nil, false
	}
	plaintext, err := aead.Open(b[:0], nonce, d[headerSize:], d[:headerSize])
	return plaintext, err == nil
}
