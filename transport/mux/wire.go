package mux

import (
	"encoding/binary"
	"fmt"

	"github.com/waymeet/waymeet/messages"
)

// The first byte of a datagram says what it is (docs/wire.md: "First byte of a
// datagram"). Everything else is dropped.
//
//	0x00–0x03  STUN (RFC 7983)
//	0x05       hello: index 4 ‖ nonce 24 ‖ ciphertext ‖ tag 16
//	0x06       early: attempt id 4 ‖ counter 4 ‖ ciphertext ‖ tag 16
//	0x07       data:  key index 4 ‖ counter 4 ‖ ciphertext ‖ tag 16
//	0x08       relay hop: session 4 ‖ a hello, early or data datagram
//	0x09       LAN beacon
//	0x0a       relay control
//	0x0b       relay challenge
const (
	lastSTUN      byte = 0x03
	kindHello     byte = 0x05
	kindEarly     byte = 0x06
	kindData      byte = 0x07
	kindHop       byte = 0x08
	kindBeacon    byte = 0x09
	kindControl   byte = 0x0a
	kindChallenge byte = 0x0b
)

// Sizes of what is around the bytes of QUIC.
const (
	tagSize    = 16
	headerSize = 9 // of early and data datagrams
	hopSize    = 5
	// Overhead is what sealing adds to a QUIC packet: header and tag.
	Overhead = headerSize + tagSize

	helloNonceSize  = 24
	helloHeaderSize = 5 + helloNonceSize
	// MaxHello is the size of the largest hello, all included: a 1200-byte
	// QUIC packet with its envelope is as large.
	MaxHello = PacketSize + Overhead
	// MaxHelloText is the size of the largest plaintext of a hello.
	MaxHelloText = MaxHello - helloHeaderSize - tagSize

	// PacketSize is the size of the largest QUIC packet in this version:
	// through a relay over IPv6 it makes 1278 of 1280 bytes.
	PacketSize = 1200
)

// nonceSize is that of both suites: 4 zero bytes ‖ counter 8 (SPEC 7.2).
const nonceSize = 12

// putHeader writes the header of an early or data datagram: kind 1 ‖ id 4 ‖ the
// low half of the counter 4.
func putHeader(b []byte, kind byte, id uint32, counter uint64) {
	b[0] = kind
	binary.BigEndian.PutUint32(b[1:], id)
	binary.BigEndian.PutUint32(b[5:], uint32(counter))
}

// putNonce writes the nonce for a counter; big-endian in both suites.
func putNonce(nonce *[nonceSize]byte, counter uint64) {
	binary.BigEndian.PutUint64(nonce[4:], counter)
}

// header reads the header of an early or data datagram.
func header(d []byte) (id uint32, low uint32, ok bool) {
	if len(d) <= headerSize+tagSize {
		return 0, 0, false
	}
	return binary.BigEndian.Uint32(d[1:]), binary.BigEndian.Uint32(d[5:]), true
}

// helloIndex reads the key index at the head of a hello datagram.
func helloIndex(d []byte) (messages.KeyIndex, error) {
	if len(d) <= helloHeaderSize+tagSize || len(d) > MaxHello || d[0] != kindHello {
		return 0, fmt.Errorf("%w: not a hello", errMalformed)
	}
	return messages.KeyIndex(binary.BigEndian.Uint32(d[1:])), nil
}
