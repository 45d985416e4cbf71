package handshake

import "github.com/waymeet/waymeet/messages"

// Effect is something that a Handshaker wants done. The actor does them in
// their order.
type Effect interface{ effect() }

// Compute asks for Run in a task of the actor; its result comes back as an
// event. There is at most one at a time.
type Compute struct {
	Work  Work
	Terms messages.HandshakeTerms
	// Ephemeral is the seed that MessageOneMade brought; for WorkFinish.
	Ephemeral messages.SecretKey
	// Message is the Noise message to read.
	Message []byte
}

// SendHello asks the transport to seal the hello under the key, with the index
// at its head, and to keep the sealed bytes with the attempt: the initiator
// repeats them before every early datagram, the responder answers the same
// hello with the same bytes (SPEC 7.2).
type SendHello struct {
	Attempt messages.AttemptID
	Key     messages.SecretKey
	Index   messages.KeyIndex
	Hello   messages.Hello
	// Via is where the answer goes; zero is the path of the pair.
	Via messages.Via
}

// InstallKeys hands the keys of the data datagrams to the transport. The
// responder's come before its SendHello: data may follow at once.
type InstallKeys struct {
	Attempt messages.AttemptID
	Suite   messages.Suite
	Result  messages.HandshakeResult
}

// Complete ends the handshake: Noise is done on both sides and QUIC is up and
// bound to it. It goes to whoever spawned the handshaker, and the actor stops.
type Complete struct {
	Attempt messages.AttemptID
	Result  messages.HandshakeResult
}

// Fail ends the handshake without a channel; the actor stops.
type Fail struct {
	Attempt messages.AttemptID
	Failure messages.HandshakeFailure
}

func (Compute) effect()     {}
func (SendHello) effect()   {}
func (InstallKeys) effect() {}
func (Complete) effect()    {}
func (Fail) effect()        {}
