package handshake

import (
	"fmt"
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
)

var start = time.UnixMilli(1_700_000_000_000)

// situation is a machine brought into one of the things that can be true of
// it; a state of SPEC 7.6 may hold several.
type situation struct {
	name  string
	state State
	make  func() *Handshaker
}

func after(events ...messages.HandshakerMessage) func() *Handshaker {
	return func() *Handshaker {
		h := &Handshaker{}
		for _, event := range events {
			h.Step(start, event)
		}
		return h
	}
}

// The events of the product, all of one handshake.
var (
	terms     = newPair(messages.SuiteAESGCM)
	initiate  = messages.InitiateHandshake{Terms: terms.left}
	respond   = messages.AnswerHandshake{Terms: terms.right, Hello: messages.Hello{Noise: []byte("one")}}
	oneMade   = messages.MessageOneMade{Ephemeral: messages.SecretKey{1}, Noise: []byte("one")}
	twoMade   = messages.MessageTwoMade{Noise: []byte("two"), Result: messages.HandshakeResult{Hash: [32]byte{1}}}
	twoRead   = messages.MessageTwoRead{Result: messages.HandshakeResult{Hash: [32]byte{1}}}
	unopened  = messages.ComputeFailed{Failure: messages.FailUnopened}
	answered  = messages.HandshakeAnswered{Hello: answerHello("two")}
	confirmed = messages.DataConfirmed{}
	up        = messages.TransportUp{}
	down      = messages.TransportFailed{Reason: "bind"}
	tick      = messages.Tick{}
)

func answerHello(noise string) messages.Hello {
	return messages.Hello{
		Kind: messages.HelloResponse, Sender: terms.left.Peer, Suite: messages.SuiteAESGCM,
		Epoch: 3, Boot: 5, N: 9, Noise: []byte(noise),
	}
}

var situations = []situation{
	{"idle", Idle, after()},
	{"making message 1", InitSent, after(initiate)},
	{"message 1 out", InitSent, after(initiate, oneMade)},
	{"reading an answer", InitSent, after(initiate, oneMade, answered)},
	{"initiator, no QUIC yet", Completed, after(initiate, oneMade, answered, twoRead)},
	{"initiator, complete", Completed, after(initiate, oneMade, answered, twoRead, up)},
	{"reading message 1", InitReceived, after(respond)},
	{"message 2 out", ResponseSent, after(respond, twoMade)},
	{"responder, no QUIC yet", Completed, after(respond, twoMade, confirmed)},
	{"responder, complete", Completed, after(respond, twoMade, confirmed, up)},
	{"failed", Failed, after(initiate, down)},
}

var events = []struct {
	name  string
	event messages.HandshakerMessage
}{
	{"initiate", initiate}, {"respond", respond}, {"one made", oneMade}, {"two made", twoMade}, {"two read", twoRead},
	{"unopened", unopened}, {"answered", answered}, {"confirmed", confirmed}, {"up", up}, {"down", down}, {"tick", tick},
}

// decisions holds what is not ignored: situation and event give state and
// effects. Ticks come at the deadline.
var decisions = map[string]string{
	"idle + initiate":               "InitSent Compute",
	"idle + respond":                "InitReceived Compute",
	"making message 1 + one made":   "InitSent SendHello",
	"making message 1 + unopened":   "Failed Fail",
	"making message 1 + down":       "Failed Fail",
	"making message 1 + tick":       "Failed Fail",
	"message 1 out + answered":      "InitSent Compute",
	"message 1 out + down":          "Failed Fail",
	"message 1 out + tick":          "Failed Fail",
	"reading an answer + two read":  "Complete InstallKeys",
	"reading an answer + down":      "Failed Fail",
	"reading an answer + tick":      "Failed Fail",
	"initiator, no QUIC yet + up":   "Complete Complete",
	"initiator, no QUIC yet + down": "Failed Fail",
	"initiator, no QUIC yet + tick": "Failed Fail",
	"reading message 1 + two made":  "ResponseSent InstallKeys SendHello",
	"reading message 1 + unopened":  "Failed Fail",
	"reading message 1 + down":      "Failed Fail",
	"reading message 1 + tick":      "Failed Fail",
	"message 2 out + confirmed":     "Complete",
	"message 2 out + down":          "Failed Fail",
	"message 2 out + tick":          "Failed Fail",
	"responder, no QUIC yet + up":   "Complete Complete",
	"responder, no QUIC yet + down": "Failed Fail",
	"responder, no QUIC yet + tick": "Failed Fail",
}

func TestEverySituationDecidesEveryEvent(t *testing.T) {
	seen := 0
	for _, s := range situations {
		if h := s.make(); h.State() != s.state {
			t.Fatalf("%s is %v, want %v", s.name, h.State(), s.state)
		}
		for _, e := range events {
			h, now := s.make(), start
			if e.event == tick {
				now = start.Add(Timeout)
			}
			name := s.name + " + " + e.name
			want, decided := decisions[name]
			if !decided {
				want = s.state.String()
			} else {
				seen++
			}
			if got := describe(h, h.Step(now, e.event)); got != want {
				t.Errorf("%s gives %q, want %q", name, got, want)
			}
		}
	}
	if seen != len(decisions) {
		t.Errorf("%d of %d decisions were met: the table names what does not exist", seen, len(decisions))
	}
}

// describe is the state after a step and the kinds of its effects.
func describe(h *Handshaker, effects []Effect) string {
	text := h.State().String()
	for _, effect := range effects {
		text += " " + fmt.Sprintf("%T", effect)[len("handshake."):]
	}
	return text
}

// TestTwoMachines lets both ends talk, the computing done for real.
func TestTwoMachines(t *testing.T) {
	for _, suite := range []messages.Suite{messages.SuiteAESGCM, messages.SuiteChaChaPoly} {
		p := newPair(suite)
		left, right := &Handshaker{}, &Handshaker{}
		first := hello(t, compute(t, left, p.initiator, messages.InitiateHandshake{Terms: p.left}))
		answer := compute(t, right, p.responder, messages.AnswerHandshake{Terms: p.right, Hello: first.Hello})
		if _, ok := answer[0].(InstallKeys); !ok {
			t.Fatal("the responder's keys come after its answer")
		}
		second := hello(t, answer)
		if len(second.Hello.Append(nil)) > len(first.Hello.Append(nil)) {
			t.Error("message 2 is longer than message 1")
		}
		compute(t, left, p.initiator, messages.HandshakeAnswered{Hello: second.Hello})
		right.Step(start, messages.DataConfirmed{})
		l, r := complete(t, left), complete(t, right)
		if l.Hash != r.Hash || l.Send != r.Receive || l.Receive != r.Send {
			t.Error("the ends hold different keys")
		}
		if !left.Deadline().IsZero() || !right.Deadline().IsZero() {
			t.Error("a complete handshake has a deadline")
		}
	}
}

// compute steps and runs the Compute that follows, and returns what came of it.
func compute(t *testing.T, h *Handshaker, local Static, event messages.HandshakerMessage) []Effect {
	t.Helper()
	effects := h.Step(start, event)
	if len(effects) != 1 {
		t.Fatalf("%T gives %v", event, describe(h, effects))
	}
	return h.Step(start, Run(effects[0].(Compute), local, seed(6)))
}

func hello(t *testing.T, effects []Effect) SendHello {
	t.Helper()
	for _, effect := range effects {
		if send, ok := effect.(SendHello); ok {
			return send
		}
	}
	t.Fatal("no hello is sent")
	return SendHello{}
}

func complete(t *testing.T, h *Handshaker) messages.HandshakeResult {
	t.Helper()
	effects := h.Step(start, messages.TransportUp{})
	if len(effects) != 1 {
		t.Fatalf("not complete: %v", describe(h, effects))
	}
	return effects[0].(Complete).Result
}

// TestForgedAnswers: a fellow member answers first, again and again. The true
// answer still completes the handshake (SPEC 6.3: "a bogus completion NEVER
// consumes the pending entry").
func TestForgedAnswers(t *testing.T) {
	p := newPair(messages.SuiteAESGCM)
	left, right := &Handshaker{}, &Handshaker{}
	first := hello(t, compute(t, left, p.initiator, messages.InitiateHandshake{Terms: p.left}))
	second := hello(t, compute(t, right, p.responder, messages.AnswerHandshake{Terms: p.right, Hello: first.Hello}))

	pending := left.Step(start, messages.HandshakeAnswered{Hello: answerHello("forged 0")})
	for i := range 3 * maxAnswers {
		if effects := left.Step(start, messages.HandshakeAnswered{Hello: answerHello(fmt.Sprint("forged ", i))}); len(effects) != 0 {
			t.Fatal("two computations at once")
		}
	}
	if len(left.answers) > maxAnswers {
		t.Fatalf("%d answers wait", len(left.answers))
	}
	for rounds := 0; len(pending) > 0; rounds++ {
		if rounds > maxAnswers {
			t.Fatal("it reads for ever")
		}
		pending = left.Step(start, Run(pending[0].(Compute), p.initiator, seed(6)))
	}
	effects := compute(t, left, p.initiator, messages.HandshakeAnswered{Hello: second.Hello})
	if _, ok := effects[0].(InstallKeys); !ok || left.State() != Completed {
		t.Errorf("after the true answer: %v", describe(left, effects))
	}
}

// TestSameAnswerIsReadOnce: the peer answers every copy of our hello with the
// same bytes.
func TestSameAnswerIsReadOnce(t *testing.T) {
	h := after(initiate, oneMade, answered)()
	h.Step(start, answered)
	if effects := h.Step(start, unopened); len(effects) != 0 {
		t.Errorf("the same answer again: %v", describe(h, effects))
	}
}

func TestAnswersOfOthersAreNotRead(t *testing.T) {
	for name, spoil := range map[string]func(*messages.Hello){
		"kind":   func(h *messages.Hello) { h.Kind = messages.HelloInit },
		"sender": func(h *messages.Hello) { h.Sender[0]++ },
		"boot":   func(h *messages.Hello) { h.Boot++ },
		"n":      func(h *messages.Hello) { h.N++ },
		"epoch":  func(h *messages.Hello) { h.Epoch++ },
		"suite":  func(h *messages.Hello) { h.Suite = messages.SuiteChaChaPoly },
	} {
		h, other := after(initiate, oneMade)(), answerHello("two")
		spoil(&other)
		if effects := h.Step(start, messages.HandshakeAnswered{Hello: other}); len(effects) != 0 {
			t.Errorf("another %s costs a Diffie-Hellman", name)
		}
	}
}

func TestFailuresSayWhy(t *testing.T) {
	for _, c := range []struct {
		name   string
		events []messages.HandshakerMessage
		want   messages.HandshakeFailure
	}{
		{"silence", []messages.HandshakerMessage{initiate, oneMade, tick}, messages.FailTimeout},
		{"wrong PSK", []messages.HandshakerMessage{initiate, oneMade, answered, unopened, tick}, messages.FailUnopened},
		{"never confirmed", []messages.HandshakerMessage{respond, twoMade, tick}, messages.FailTimeout},
		{"QUIC silent", []messages.HandshakerMessage{respond, twoMade, confirmed, tick}, messages.FailTransport},
		{"bound to another", []messages.HandshakerMessage{respond, twoMade, confirmed, down}, messages.FailTransport},
		{"wrong static", []messages.HandshakerMessage{respond, messages.ComputeFailed{Failure: messages.FailWrongStatic}}, messages.FailWrongStatic},
	} {
		h, now := &Handshaker{}, start
		for _, event := range c.events {
			if event == tick {
				if now = now.Add(Timeout); !h.Deadline().Equal(now) {
					t.Errorf("%s: deadline %v", c.name, h.Deadline())
				}
				if h.Step(now.Add(-time.Nanosecond), tick); h.State() == Failed {
					t.Errorf("%s: failed before its time", c.name)
				}
			}
			h.Step(now, event)
		}
		if h.State() != Failed || h.Failure() != c.want || !h.Deadline().IsZero() {
			t.Errorf("%s: %v %v, deadline %v", c.name, h.State(), h.Failure(), h.Deadline())
		}
	}
}
