package messages

import "fmt"

// HandshakerMessage is the inbox of the HandshakerActor: one Noise handshake,
// from the first message to its end (SPEC 7.6).
type HandshakerMessage interface{ handshakerMessage() }

// HelloHash is the SHA-256 of a whole hello datagram as it was received.
type HelloHash [32]byte

// IsZero reports whether the hash is of nothing.
func (h HelloHash) IsZero() bool { return h == HelloHash{} }

// Via is the path that a hello came by, so that its answer goes back there.
// Only the transport makes one and looks into one. Zero is the path that the
// pair uses now.
type Via = Path

// AttemptID names one try to establish a channel. It never leaves the node;
// the transport keeps the keys and the QUIC connection of the attempt under it
// until the attempt becomes a channel.
type AttemptID struct {
	Context ContextID
	Peer    AuthorityID
	// Boot and N are the initiator's counter (SPEC 7.3).
	Boot Boot
	N    uint64
	// Hello is the hash of the hello that began the attempt, if the peer is
	// its initiator, and zero if we are: who forges a hello gets an attempt of
	// its own and never the place of another.
	Hello HelloHash
}

// Inbound reports whether the peer is the initiator.
func (a AttemptID) Inbound() bool { return !a.Hello.IsZero() }

// String names the attempt in logs.
func (a AttemptID) String() string {
	direction := "to"
	if a.Inbound() {
		direction = "from"
	}
	return fmt.Sprintf("attempt %s %s %d.%d", direction, a.Peer.Short(), a.Boot, a.N)
}

// HandshakeTerms is what both ends must have agreed on before the first byte.
// Whoever spawns a handshaker fills it.
type HandshakeTerms struct {
	Attempt    AttemptID
	Self, Peer AuthorityID
	// PeerStatic is the X25519 key that the roster gives for the peer
	// (SPEC 1.2).
	PeerStatic [32]byte
	// Stranger is set by a responder under a ticket alone: the peer's static
	// key is not known yet, PeerStatic is zero, and the result tells it.
	Stranger bool
	Epoch    Epoch
	Suite    Suite
	// Minor is the highest minor version that we speak.
	Minor uint16
	PSK   SecretKey
	// Prologue is Prologue.Append under the keys of an epoch, and the ticket's
	// hash under a ticket.
	Prologue []byte
	// HelloKey seals our hello and HelloIndex stands at its head (SPEC 7.2).
	HelloKey   SecretKey
	HelloIndex KeyIndex
	SelfNonce  Nonce
	PeerNonce  Nonce
	// ReceiveIndex is the key index under which we want to receive data; the
	// mux reserves it, so that no two are equal.
	ReceiveIndex KeyIndex
	// Via is where the peer's hello came from.
	Via Via
}

// Initiator reports whether we are the initiator.
func (t HandshakeTerms) Initiator() bool { return !t.Attempt.Inbound() }

// HandshakeResult is what Noise leaves behind.
type HandshakeResult struct {
	// Hash is the handshake hash, the transcript of everything said.
	Hash [32]byte
	// Send and Receive are the keys of the channel's data, from Split.
	Send, Receive SecretKey
	// SendIndex was chosen by the peer, ReceiveIndex by us.
	SendIndex, ReceiveIndex KeyIndex
	// PeerStatic is the X25519 key that the peer proved.
	PeerStatic [32]byte
	// Boot and N are the initiator's counter as it stands inside Noise.
	Boot Boot
	N    uint64
}

// HandshakeFailure says why a handshake ended without a channel.
type HandshakeFailure uint8

// The failures of a handshake.
const (
	// FailTimeout: nothing came within 5 s: the peer is offline, or what it
	// got was not for it.
	FailTimeout HandshakeFailure = iota + 1
	// FailUnopened: what came does not open: another PSK, another prologue, or
	// a forgery of a fellow member.
	FailUnopened
	// FailWrongStatic: the peer proved another key than the roster gives.
	FailWrongStatic
	// FailCounter: the counter inside Noise is not the one beside it.
	FailCounter
	// FailTerms: we were asked for a handshake without a PSK, a peer's key or a
	// suite that exists; a mistake of ours.
	FailTerms
	// FailRandom: the random source failed.
	FailRandom
	// FailTransport: QUIC did not come up, or is bound to another handshake.
	FailTransport
	// FailCrashed: the handshaker died.
	FailCrashed
)

var handshakeFailureNames = map[HandshakeFailure]string{
	FailTimeout:     "no answer",
	FailUnopened:    "an answer came that does not open",
	FailWrongStatic: "the peer proved another key than the roster gives",
	FailCounter:     "the counter inside Noise is not the one beside it",
	FailTerms:       "a term of the handshake is missing",
	FailRandom:      "no randomness",
	FailTransport:   "QUIC did not come up",
	FailCrashed:     "the handshaker died",
}

// String says what happened; zero is "no failure".
func (f HandshakeFailure) String() string {
	if name, ok := handshakeFailureNames[f]; ok {
		return name
	}
	return "no failure"
}

// InitiateHandshake begins a handshake as its initiator.
type InitiateHandshake struct{ Terms HandshakeTerms }

// AnswerHandshake begins a handshake as its responder.
type AnswerHandshake struct {
	Terms HandshakeTerms
	Hello Hello
}

// HandshakeAnswered is a hello of kind HelloResponse for this handshake.
type HandshakeAnswered struct{ Hello Hello }

// MessageOneMade is the result of computing Noise message 1. The ephemeral
// seed rebuilds the state of the handshake as often as it takes.
type MessageOneMade struct {
	Ephemeral SecretKey
	Noise     []byte
}

// MessageTwoMade is the result of reading Noise message 1 and computing 2.
type MessageTwoMade struct {
	Noise  []byte
	Result HandshakeResult
}

// MessageTwoRead is the result of reading Noise message 2.
type MessageTwoRead struct{ Result HandshakeResult }

// ComputeFailed is the result of a computation that led nowhere.
type ComputeFailed struct{ Failure HandshakeFailure }

// DataConfirmed says that the first valid data datagram of the peer has come:
// it holds the keys (SPEC 7.3).
type DataConfirmed struct{}

// TransportUp says that QUIC is up and bound to this handshake (SPEC 7.4).
type TransportUp struct{}

// TransportFailed says that QUIC did not come up, or is bound to another one.
type TransportFailed struct{ Reason string }

func (Tick) handshakerMessage()              {}
func (InitiateHandshake) handshakerMessage() {}
func (AnswerHandshake) handshakerMessage()   {}
func (HandshakeAnswered) handshakerMessage() {}
func (MessageOneMade) handshakerMessage()    {}
func (MessageTwoMade) handshakerMessage()    {}
func (MessageTwoRead) handshakerMessage()    {}
func (ComputeFailed) handshakerMessage()     {}
func (DataConfirmed) handshakerMessage()     {}
func (TransportUp) handshakerMessage()       {}
func (TransportFailed) handshakerMessage()   {}
