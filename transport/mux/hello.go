package mux

import (
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/waymeet/waymeet/messages"
)

// ErrTooLong is returned for a hello plaintext above MaxHelloText and for a
// probe above PacketSize.
var ErrTooLong = errors.New("mux: too long")

var errMalformed = errors.New("mux: malformed datagram")

// Tag is the caller's own mark of a hello key; it comes back with the hello.
type Tag uint64

// HelloKey is a key that hellos are opened with.
type HelloKey struct {
	Key messages.SecretKey
	Tag Tag
}

// HelloTable holds the hello keys by the index that stands at the head of the
// datagram. Several keys on one index are all tried (SPEC 7.2).
type HelloTable map[messages.KeyIndex][]HelloKey

// Hello is a hello datagram that opened.
type Hello struct {
	// Tag is that of the key which opened it.
	Tag Tag
	// Plaintext belongs to the receiver.
	Plaintext []byte
	// Raw is the whole datagram without hop header: what is hashed for the
	// keys of the attempt. It belongs to the receiver.
	Raw []byte
	// Via is where it came from, and where the answer goes.
	Via Path
}

// SealHello makes a hello datagram (SPEC 7.2):
//
//	0x05 ‖ index 4 ‖ nonce 24 ‖ XChaCha20-Poly1305(plaintext), AAD 0x05 ‖ index
//
// The nonce must be random. The plaintext is at most MaxHelloText bytes, else
// ErrTooLong.
func SealHello(key messages.SecretKey, index messages.KeyIndex, nonce [24]byte, plaintext []byte) ([]byte, error) {
	if len(plaintext) > MaxHelloText {
		return nil, fmt.Errorf("%w: hello of %d bytes", ErrTooLong, len(plaintext))
	}
	d := make([]byte, helloHeaderSize, helloHeaderSize+len(plaintext)+tagSize)
	d[0] = kindHello
	binary.BigEndian.PutUint32(d[1:], uint32(index))
	copy(d[5:], nonce[:])
	return helloAEAD(key).Seal(d, nonce[:], plaintext, d[:5]), nil
}

func helloAEAD(key messages.SecretKey) cipher.AEAD {
	aead, err := chacha20poly1305.NewX(key[:])
	if err != nil {
		panic("mux: a Key is not a key: " + err.Error())
	}
	return aead
}

// helloEntry is a HelloKey ready for use.
type helloEntry struct {
	aead cipher.AEAD
	tag  Tag
}

type helloEntries map[messages.KeyIndex][]helloEntry

func newHelloEntries(t HelloTable) helloEntries {
	entries := make(helloEntries, len(t))
	for index, keys := range t {
		for _, k := range keys {
			entries[index] = append(entries[index], helloEntry{helloAEAD(k.Key), k.Tag})
		}
	}
	return entries
}

// open tries the keys that stand under the hello's index. It tells in tried how
// many AEAD checks that cost.
func (e helloEntries) open(d []byte, via Path) (h Hello, tried int, ok bool) {
	index, err := helloIndex(d)
	if err != nil {
		return Hello{}, 0, false
	}
	for _, entry := range e[index] {
		tried++
		plaintext, err := entry.aead.Open(nil, d[5:helloHeaderSize], d[helloHeaderSize:], d[:5])
		if err == nil {
			return Hello{Tag: entry.tag, Plaintext: plaintext, Raw: append([]byte(nil), d...), Via: via}, tried, true
		}
	}
	return Hello{}, tried, false
}
