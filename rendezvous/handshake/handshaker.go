package handshake

import (
	"bytes"
	"fmt"
	"log/slog"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// Limits of one handshake.
const (
	// Timeout is how long a handshake may take, from its begin to a transport
	// that is up (SPEC 7.6).
	Timeout = 5 * time.Second
	// maxAnswers is how many different answers may wait to be read: a fellow
	// member can forge them, and each costs a Diffie-Hellman.
	maxAnswers = 8
)

// State is how far a handshake is (SPEC 7.6).
type State uint8

const (
	// Idle: entered at birth; waits for the terms; left when they come.
	Idle State = iota
	// InitSent: entered when we were asked to initiate; message 1 is being
	// made or is out; left when an answer opens, or by failure.
	InitSent
	// InitReceived: entered with the peer's message 1; it is being read and
	// message 2 made; left when that is done, or by failure.
	InitReceived
	// ResponseSent: entered when message 2 is out; we hold keys but know
	// nothing of the peer yet; left at its first valid data, or by failure.
	ResponseSent
	// Completed: entered when the peer has proved the PSK; says Complete when
	// QUIC is up too, and is never left after that; left by failure before.
	Completed
	// Failed: entered when it cannot succeed any more; never left.
	Failed
)

var stateNames = [...]string{"Idle", "InitSent", "InitReceived", "ResponseSent", "Complete", "Failed"}

// String is the name that the specification uses.
func (s State) String() string { return stateNames[s] }

// Handshaker is the machine of one handshake. It decides and never computes:
// Diffie-Hellman runs outside, between a Compute effect and the event that
// answers it. The zero Handshaker is Idle. It is not safe for concurrent use.
//
// SPEC 7.6: "A failed state is thrown away. A handshaker is never resumed
// after a crash: a new one starts."
type Handshaker struct {
	state    State
	failure  messages.HandshakeFailure
	terms    messages.HandshakeTerms
	deadline time.Time

	// computing is set between a Compute and its result.
	computing bool
	ephemeral messages.SecretKey
	// answers wait to be read, the oldest first; unopened is set once one of
	// them did not open.
	answers  [][]byte
	unopened bool

	result      messages.HandshakeResult
	transportUp bool
	announced   bool
}

// State is how far the handshake is.
func (h *Handshaker) State() State { return h.state }

// String says how far it is, and nothing of its keys.
func (h *Handshaker) String() string { return "handshaker " + h.state.String() }

// Format writes String, whatever the verb.
func (h *Handshaker) Format(f fmt.State, _ rune) { fmt.Fprint(f, h.String()) }

// LogValue is String (SPEC 2.4).
func (h *Handshaker) LogValue() slog.Value { return slog.StringValue(h.String()) }

// Failure is why it failed; zero unless it did.
func (h *Handshaker) Failure() messages.HandshakeFailure { return h.failure }

// Deadline is when Step must be called with a Tick; zero means never.
func (h *Handshaker) Deadline() time.Time {
	if h.state == Idle || h.state == Failed || h.announced {
		return time.Time{}
	}
	return h.deadline
}

// Step tells the machine what happened and returns what to do.
func (h *Handshaker) Step(now time.Time, event messages.HandshakerMessage) []Effect {
	switch e := event.(type) {
	case messages.InitiateHandshake:
		return h.initiate(now, e)
	case messages.AnswerHandshake:
		return h.answer(now, e)
	case messages.MessageOneMade:
		return h.messageOneMade(e)
	case messages.MessageTwoMade:
		return h.messageTwoMade(e)
	case messages.MessageTwoRead:
		return h.messageTwoRead(e)
	case messages.ComputeFailed:
		return h.computeFailed(e)
	case messages.HandshakeAnswered:
		return h.answered(e)
	case messages.DataConfirmed:
		return h.confirmed()
	case messages.TransportUp:
		return h.transportIsUp()
	case messages.TransportFailed:
		return h.fail(messages.FailTransport)
	case messages.Tick:
		return h.tick(now)
	}
	return nil
}

func (h *Handshaker) initiate(now time.Time, e messages.InitiateHandshake) []Effect {
	if h.state != Idle {
		return nil
	}
	h.begin(now, InitSent, e.Terms)
	return h.compute(Compute{Work: WorkInitiate})
}

func (h *Handshaker) answer(now time.Time, e messages.AnswerHandshake) []Effect {
	if h.state != Idle {
		return nil
	}
	h.begin(now, InitReceived, e.Terms)
	return h.compute(Compute{Work: WorkRespond, Message: e.Hello.Noise})
}

func (h *Handshaker) begin(now time.Time, state State, terms messages.HandshakeTerms) {
	h.state, h.terms, h.deadline = state, terms, now.Add(Timeout)
}

func (h *Handshaker) messageOneMade(e messages.MessageOneMade) []Effect {
	if h.state != InitSent || !h.computing || !h.ephemeral.IsZero() {
		return nil
	}
	h.computing, h.ephemeral = false, e.Ephemeral
	return []Effect{h.hello(messages.HelloInit, e.Noise)}
}

// messageTwoMade installs the keys before the answer leaves: the peer's data
// may be as fast as our answer. Nothing else follows from message 1.
//
// SPEC 7.3: "Nothing in message 1 has an effect before the first valid data
// datagram."
func (h *Handshaker) messageTwoMade(e messages.MessageTwoMade) []Effect {
	if h.state != InitReceived {
		return nil
	}
	h.state, h.computing, h.result = ResponseSent, false, e.Result
	return []Effect{h.install(), h.hello(messages.HelloResponse, e.Noise)}
}

// answered takes an answer for this very attempt. It is not believed before it
// opens: a fellow member can write everything but the Noise message.
//
// SPEC 7.2: "message 2 echoes boot and n".
func (h *Handshaker) answered(e messages.HandshakeAnswered) []Effect {
	if h.state != InitSent || h.ephemeral.IsZero() || !h.echoes(e.Hello) {
		return nil
	}
	for _, waiting := range h.answers {
		if bytes.Equal(waiting, e.Hello.Noise) {
			return nil
		}
	}
	if len(h.answers) < maxAnswers {
		h.answers = append(h.answers, e.Hello.Noise)
	}
	return h.readNext()
}

func (h *Handshaker) echoes(hello messages.Hello) bool {
	return hello.Kind == messages.HelloResponse && hello.Sender == h.terms.Peer &&
		hello.Boot == h.terms.Attempt.Boot && hello.N == h.terms.Attempt.N &&
		hello.Epoch == h.terms.Epoch && hello.Suite == h.terms.Suite
}

// readNext reads the oldest answer that waits, one at a time.
func (h *Handshaker) readNext() []Effect {
	if h.computing || len(h.answers) == 0 {
		return nil
	}
	return h.compute(Compute{Work: WorkFinish, Ephemeral: h.ephemeral, Message: h.answers[0]})
}

func (h *Handshaker) messageTwoRead(e messages.MessageTwoRead) []Effect {
	if h.state != InitSent || !h.computing || h.ephemeral.IsZero() {
		return nil
	}
	h.state, h.computing, h.result = Completed, false, e.Result
	h.answers, h.ephemeral = nil, messages.SecretKey{}
	return append([]Effect{h.install()}, h.announce()...)
}

// computeFailed goes on with the next answer when one did not open, and fails
// when there is nothing to go on with.
func (h *Handshaker) computeFailed(e messages.ComputeFailed) []Effect {
	switch {
	case !h.computing:
		return nil
	case h.state == InitSent && e.Failure == messages.FailUnopened && len(h.answers) > 0:
		h.computing, h.unopened = false, true
		h.answers = h.answers[1:]
		return h.readNext()
	}
	return h.fail(e.Failure)
}

func (h *Handshaker) confirmed() []Effect {
	if h.state != ResponseSent {
		return nil
	}
	h.state = Completed
	return h.announce()
}

// transportIsUp is kept if it overtakes the task or the datagram that makes
// the handshake complete; before there are keys it cannot be true.
func (h *Handshaker) transportIsUp() []Effect {
	if h.state != InitSent && h.state != ResponseSent && h.state != Completed {
		return nil
	}
	h.transportUp = true
	return h.announce()
}

// announce says that the handshake is complete once Noise and QUIC both are,
// and keeps no secret after that.
func (h *Handshaker) announce() []Effect {
	if h.state != Completed || !h.transportUp || h.announced {
		return nil
	}
	complete := Complete{Attempt: h.terms.Attempt, Result: h.result}
	*h = Handshaker{state: Completed, announced: true}
	return []Effect{complete}
}

func (h *Handshaker) tick(now time.Time) []Effect {
	deadline := h.Deadline()
	switch {
	case deadline.IsZero() || now.Before(deadline):
		return nil
	case h.state == Completed:
		return h.fail(messages.FailTransport)
	case h.unopened:
		return h.fail(messages.FailUnopened)
	}
	return h.fail(messages.FailTimeout)
}

// fail throws everything away but the reason.
func (h *Handshaker) fail(failure messages.HandshakeFailure) []Effect {
	if h.state == Idle || h.state == Failed || h.announced {
		return nil
	}
	attempt := h.terms.Attempt
	*h = Handshaker{state: Failed, failure: failure}
	return []Effect{Fail{Attempt: attempt, Failure: failure}}
}

func (h *Handshaker) compute(c Compute) []Effect {
	h.computing, c.Terms = true, h.terms
	return []Effect{c}
}

func (h *Handshaker) install() Effect {
	return InstallKeys{Attempt: h.terms.Attempt, Suite: h.terms.Suite, Result: h.result}
}

// hello wraps a Noise message into what stands around it on the wire.
func (h *Handshaker) hello(kind messages.HelloKind, noise []byte) Effect {
	t := h.terms
	return SendHello{
		Attempt: t.Attempt,
		Key:     t.HelloKey,
		Index:   t.HelloIndex,
		Via:     t.Via,
		Hello: messages.Hello{
			Kind: kind, Sender: t.Self,
			Major: messages.CurrentVersion.Major, HighestMinor: t.Minor, Suite: t.Suite,
			ReceiverNonce: t.PeerNonce, SenderNonce: t.SelfNonce,
			Epoch: t.Epoch, Boot: t.Attempt.Boot, N: t.Attempt.N, Noise: noise,
		},
	}
}
