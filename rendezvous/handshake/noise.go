package handshake

import (
	"bytes"
	"crypto/subtle"
	"io"

	"github.com/flynn/noise"

	"github.com/waymeet/waymeet/messages"
)

// suites are the two that every node answers (SPEC 7.1).
var suites = map[messages.Suite]noise.CipherSuite{
	messages.SuiteAESGCM:     noise.NewCipherSuite(curve{}, noise.CipherAESGCM, noise.HashSHA256),
	messages.SuiteChaChaPoly: noise.NewCipherSuite(curve{}, noise.CipherChaChaPoly, noise.HashSHA256),
}

// pskPlacement makes it IKpsk2: the PSK is mixed in at the end of message 2.
const pskPlacement = 2

// firstPayload is what message 1 carries inside Noise, a CBOR array.
//
// SPEC 7.2: "Noise payload 1 = [boot, n, receive index], 2 = [receive index]."
type firstPayload struct {
	_ struct{} `cbor:",toarray"`

	Boot         messages.Boot
	N            uint64
	ReceiveIndex messages.KeyIndex
}

// secondPayload is what message 2 carries inside Noise, a CBOR array.
type secondPayload struct {
	_ struct{} `cbor:",toarray"`

	ReceiveIndex messages.KeyIndex
}

// Initiate makes Noise message 1. The ephemeral seed that it returns stands
// for the whole state of the handshake: Finish rebuilds the rest. It takes 32
// bytes from random.
func Initiate(local Static, terms messages.HandshakeTerms, random io.Reader) (messages.SecretKey, []byte, messages.HandshakeFailure) {
	var ephemeral messages.SecretKey
	if failure := check(terms, true); failure != 0 {
		return ephemeral, nil, failure
	}
	if _, err := io.ReadFull(random, ephemeral[:]); err != nil {
		return ephemeral, nil, messages.FailRandom
	}
	_, message, failure := begin(local, terms, ephemeral)
	return ephemeral, message, failure
}

// Respond reads Noise message 1 and makes message 2. It takes 32 bytes from
// random.
//
// What it returns proves nothing yet: message 1 can be a replay, and whoever
// sent it need not know the PSK (SPEC 7.3). Only the first datagram that opens
// under the result's receive key proves both.
func Respond(local Static, terms messages.HandshakeTerms, first []byte, random io.Reader) ([]byte, messages.HandshakeResult, messages.HandshakeFailure) {
	var none messages.HandshakeResult
	if failure := check(terms, false); failure != 0 {
		return nil, none, failure
	}
	state, err := newState(local, terms, random)
	if err != nil {
		return nil, none, messages.FailTerms
	}
	plain, _, _, err := state.ReadMessage(nil, first)
	if err != nil {
		return nil, none, messages.FailUnopened
	}
	// SPEC 1.2: "After a handshake the peer's static key is compared with the
	// key that the roster and its descriptor give for it."
	peer := [32]byte(state.PeerStatic())
	if !terms.Stranger && subtle.ConstantTimeCompare(peer[:], terms.PeerStatic[:]) == 0 {
		return nil, none, messages.FailWrongStatic
	}
	payload, err := messages.Decode[firstPayload](plain)
	if err != nil {
		return nil, none, messages.FailUnopened
	}
	// SPEC 7.3: "The counter {boot, n} stands beside and inside Noise".
	if payload.Boot != terms.Attempt.Boot || payload.N != terms.Attempt.N {
		return nil, none, messages.FailCounter
	}
	answer := messages.Encode(secondPayload{ReceiveIndex: terms.ReceiveIndex})
	message, receive, send, err := state.WriteMessage(nil, answer)
	if err != nil {
		return nil, none, messages.FailRandom
	}
	return message, messages.HandshakeResult{
		Hash:         [32]byte(state.ChannelBinding()),
		Send:         send.UnsafeKey(),
		Receive:      receive.UnsafeKey(),
		SendIndex:    payload.ReceiveIndex,
		ReceiveIndex: terms.ReceiveIndex,
		PeerStatic:   peer,
		Boot:         payload.Boot,
		N:            payload.N,
	}, 0
}

// Finish reads Noise message 2. It rebuilds the state from the ephemeral seed
// first, so that a message 2 which a fellow member forged spoils nothing: the
// next one is read as if it were the first.
func Finish(local Static, terms messages.HandshakeTerms, ephemeral messages.SecretKey, second []byte) (messages.HandshakeResult, messages.HandshakeFailure) {
	var none messages.HandshakeResult
	if failure := check(terms, true); failure != 0 {
		return none, failure
	}
	state, _, failure := begin(local, terms, ephemeral)
	if failure != 0 {
		return none, failure
	}
	plain, send, receive, err := state.ReadMessage(nil, second)
	if err != nil {
		return none, messages.FailUnopened
	}
	payload, err := messages.Decode[secondPayload](plain)
	if err != nil {
		return none, messages.FailUnopened
	}
	return messages.HandshakeResult{
		Hash:         [32]byte(state.ChannelBinding()),
		Send:         send.UnsafeKey(),
		Receive:      receive.UnsafeKey(),
		SendIndex:    payload.ReceiveIndex,
		ReceiveIndex: terms.ReceiveIndex,
		PeerStatic:   terms.PeerStatic,
		Boot:         terms.Attempt.Boot,
		N:            terms.Attempt.N,
	}, 0
}

// begin is the initiator's state after message 1, and that message. The same
// seed gives the same bytes.
func begin(local Static, terms messages.HandshakeTerms, ephemeral messages.SecretKey) (*noise.HandshakeState, []byte, messages.HandshakeFailure) {
	state, err := newState(local, terms, bytes.NewReader(ephemeral[:]))
	if err != nil {
		return nil, nil, messages.FailTerms
	}
	payload := messages.Encode(firstPayload{
		Boot: terms.Attempt.Boot, N: terms.Attempt.N, ReceiveIndex: terms.ReceiveIndex,
	})
	message, _, _, err := state.WriteMessage(nil, payload)
	if err != nil {
		return nil, nil, messages.FailTerms
	}
	return state, message, 0
}

func newState(local Static, terms messages.HandshakeTerms, random io.Reader) (*noise.HandshakeState, error) {
	config := noise.Config{
		CipherSuite:           suites[terms.Suite],
		Random:                random,
		Pattern:               noise.HandshakeIK,
		Initiator:             terms.Initiator(),
		Prologue:              terms.Prologue,
		PresharedKey:          terms.PSK[:],
		PresharedKeyPlacement: pskPlacement,
		StaticKeypair:         local.keyPair(),
	}
	if terms.Initiator() {
		config.PeerStatic = terms.PeerStatic[:]
	}
	return noise.NewHandshakeState(config)
}

// check refuses terms under which the library would give less than was asked
// for: without a PSK it would run plain IK, and it accepts one that is zero.
func check(terms messages.HandshakeTerms, initiator bool) messages.HandshakeFailure {
	_, known := suites[terms.Suite]
	stranger := terms.Stranger && !initiator
	switch {
	case !known, terms.Initiator() != initiator, terms.PSK.IsZero(), len(terms.Prologue) == 0:
		return messages.FailTerms
	case stranger != (terms.PeerStatic == [32]byte{}), terms.Stranger && initiator:
		return messages.FailTerms
	}
	return 0
}
