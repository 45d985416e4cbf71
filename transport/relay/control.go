package relay

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"

	"github.com/flynn/noise"

	"github.com/waymeet/waymeet/messages"
)

// The control datagrams (docs/wire.md: "Relay control"). All integers are
// big-endian.
//
//	1 hello    0x0a | 1 | mac 16 | index 4 | Noise IK message 1 | zero padding
//	2 welcome  0x0a | 2 | index 4 | Noise IK message 2
//	3 sealed   0x0a | 3 | index 4 | counter 8 | sealed control message
//
// The mac is HMAC-SHA-256(hello key, all after the mac)[:16], where the hello
// key is SHA-256(label | relay key): it tells who knows the relay from who
// sends noise, at the price of one hash. The index of a hello is the client's,
// as in the welcome; that of a sealed datagram is its receiver's. The payload
// of message 1 is empty; that of message 2 is the relay's index.
const (
	kindHello   = 1
	kindWelcome = 2
	kindSealed  = 3

	macSize      = 16
	helloHeader  = 2 + macSize + 4
	noiseOneSize = 32 + 48 + 16
	// HelloSize is the size of a hello. SPEC 11.4: "never more bytes out than
	// in toward an unproved address": a welcome is smaller.
	HelloSize = helloHeader + noiseOneSize + 10

	welcomeHeader = 2 + 4
	welcomeSize   = welcomeHeader + 32 + 16 + 4

	sealedHeader = 2 + 4 + 8
	sealedSize   = sealedHeader + 16
	// maxControl bounds what is read as control at all.
	maxControl = 512
)

// A welcome that outgrew its hello would not compile.
const _ = uint(HelloSize - welcomeSize)

const (
	labelHello    messages.Label = "waymeet/1 relay hello"
	labelPrologue messages.Label = "waymeet/1 relay control"
)

// kindOf is the kind of a control datagram, or 0 for what cannot be one.
func kindOf(datagram []byte) byte {
	if len(datagram) < 2 || len(datagram) > maxControl || datagram[0] != messages.FirstByteRelayControl {
		return 0
	}
	kind := datagram[1]
	switch {
	case kind == kindHello && len(datagram) == HelloSize,
		kind == kindWelcome && len(datagram) == welcomeSize,
		kind == kindSealed && len(datagram) > sealedSize:
		return kind
	}
	return 0
}

func helloKey(relay messages.PublicKey) [32]byte { return messages.Hash(labelHello, relay[:]) }

func helloMAC(key [32]byte, afterMAC []byte) []byte {
	h := hmac.New(sha256.New, key[:])
	h.Write(afterMAC)
	return h.Sum(nil)[:macSize]
}

// checkHello reports whether a hello was made by somebody who knows the relay.
func checkHello(key [32]byte, hello []byte) bool {
	return hmac.Equal(hello[2:2+macSize], helloMAC(key, hello[2+macSize:]))
}

// prologue binds the handshake to this protocol and this relay.
func prologue(relay messages.PublicKey) []byte {
	return append([]byte(labelPrologue), relay[:]...)
}

func appendHello(key [32]byte, index messages.KeyIndex, noiseOne []byte) []byte {
	b := make([]byte, HelloSize)
	b[0], b[1] = messages.FirstByteRelayControl, kindHello
	binary.BigEndian.PutUint32(b[2+macSize:], uint32(index))
	copy(b[helloHeader:], noiseOne)
	copy(b[2:], helloMAC(key, b[2+macSize:]))
	return b
}

// sealing is what a complete handshake leaves: one key a direction.
type sealing struct {
	send, receive noise.Cipher
	// peer is the index that the other side chose.
	peer    messages.KeyIndex
	counter uint64
	window  replayWindow
	hash    [32]byte
}

// seal makes a sealed datagram. Counters begin at 1 and never repeat.
func (s *sealing) seal(control messages.RelayControl) []byte {
	s.counter++
	b := make([]byte, sealedHeader, sealedHeader+maxControl)
	b[0], b[1] = messages.FirstByteRelayControl, kindSealed
	binary.BigEndian.PutUint32(b[2:], uint32(s.peer))
	binary.BigEndian.PutUint64(b[6:], s.counter)
	return s.send.Encrypt(b, s.counter, b, messages.AppendRelayControl(nil, control))
}

// open reads a sealed datagram whose kind is checked. newest tells that none
// with a higher counter came before.
func (s *sealing) open(datagram []byte) (control messages.RelayControl, newest, ok bool) {
	header, body := datagram[:sealedHeader], datagram[sealedHeader:]
	counter := binary.BigEndian.Uint64(header[6:])
	if !s.window.fresh(counter) {
		return nil, false, false
	}
	plain, err := s.receive.Decrypt(nil, counter, header, body)
	if err != nil {
		return nil, false, false
	}
	newest = s.window.take(counter)
	control, err = messages.ParseRelayControl(plain)
	return control, newest, err == nil
}

const windowSize = 64

// replayWindow remembers the last 64 counters. Counter 0 is never sent.
type replayWindow struct {
	highest uint64
	// seen has bit n set when highest-n was taken.
	seen uint64
}

func (w *replayWindow) fresh(counter uint64) bool {
	if counter > w.highest {
		return true
	}
	age := w.highest - counter
	return counter != 0 && age < windowSize && w.seen&(1<<age) == 0
}

// take marks a counter whose datagram opened; it reports whether it is the
// newest.
func (w *replayWindow) take(counter uint64) bool {
	if counter <= w.highest {
		w.seen |= 1 << (w.highest - counter)
		return false
	}
	w.seen = w.seen<<(counter-w.highest) | 1
	w.highest = counter
	return true
}
