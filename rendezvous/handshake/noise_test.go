package handshake

import (
	"bytes"
	"errors"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"github.com/waymeet/waymeet/messages"
)

// pair is two ends that agree on everything; a test then spoils one thing.
type pair struct {
	initiator, responder Static
	left, right          messages.HandshakeTerms
}

func newPair(suite messages.Suite) pair {
	p := pair{initiator: NewStatic([32]byte{1}), responder: NewStatic([32]byte{2})}
	a, b := messages.AuthorityID{0xa}, messages.AuthorityID{0xb}
	base := messages.HandshakeTerms{
		Epoch: 3, Suite: suite, PSK: messages.SecretKey{7}, HelloKey: messages.SecretKey{8},
		Prologue: messages.Prologue{Major: 1, Suite: suite, Epoch: 3, Initiator: a, Responder: b}.Append(nil),
	}
	p.left, p.right = base, base
	p.left.Self, p.left.Peer, p.left.PeerStatic, p.left.ReceiveIndex = a, b, p.responder.Public(), 11
	p.right.Self, p.right.Peer, p.right.PeerStatic, p.right.ReceiveIndex = b, a, p.initiator.Public(), 22
	p.left.Attempt = messages.AttemptID{Peer: b, Boot: 5, N: 9}
	p.right.Attempt = messages.AttemptID{Peer: a, Boot: 5, N: 9, Hello: messages.HelloHash{1}}
	return p
}

func seed(b byte) *bytes.Reader { return bytes.NewReader(bytes.Repeat([]byte{b}, 32)) }

// run goes through all three computations and returns what each end holds, or
// the first failure.
func (p pair) run(t *testing.T) (left, right messages.HandshakeResult, failure messages.HandshakeFailure) {
	t.Helper()
	ephemeral, first, failure := Initiate(p.initiator, p.left, seed(3))
	if failure != 0 {
		return left, right, failure
	}
	second, right, failure := Respond(p.responder, p.right, first, seed(4))
	if failure != 0 {
		return left, right, failure
	}
	if len(second) > len(first) {
		t.Errorf("message 2 has %d bytes, message 1 only %d", len(second), len(first))
	}
	left, failure = Finish(p.initiator, p.left, ephemeral, second)
	return left, right, failure
}

func TestBothEndsHoldTheSame(t *testing.T) {
	for _, suite := range []messages.Suite{messages.SuiteAESGCM, messages.SuiteChaChaPoly} {
		p := newPair(suite)
		left, right, failure := p.run(t)
		if failure != 0 {
			t.Fatal(failure)
		}
		switch {
		case left.Hash != right.Hash || left.Hash == [32]byte{}:
			t.Error("the handshake hashes differ")
		case left.Send != right.Receive || left.Receive != right.Send || left.Send == left.Receive:
			t.Error("the keys do not fit")
		case left.SendIndex != 22 || left.ReceiveIndex != 11 || right.SendIndex != 11 || right.ReceiveIndex != 22:
			t.Error("the key indexes do not fit")
		case right.PeerStatic != p.initiator.Public() || left.PeerStatic != p.responder.Public():
			t.Error("the proved keys are not the ends' own")
		case right.Boot != 5 || right.N != 9:
			t.Error("the counter inside Noise is lost")
		}
	}
}

func TestEveryTermIsBinding(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*pair)
		want  messages.HandshakeFailure
	}{
		"psk of another epoch":     {func(p *pair) { p.right.PSK[0]++ }, messages.FailUnopened},
		"other prologue":           {func(p *pair) { p.right.Prologue = []byte("other") }, messages.FailUnopened},
		"other suite":              {func(p *pair) { p.right.Suite = messages.SuiteChaChaPoly }, messages.FailUnopened},
		"meant for another static": {func(p *pair) { p.left.PeerStatic = NewStatic([32]byte{9}).Public() }, messages.FailUnopened},
		"not the roster's static":  {func(p *pair) { p.initiator = NewStatic([32]byte{9}) }, messages.FailWrongStatic},
		"boot beside Noise":        {func(p *pair) { p.right.Attempt.Boot++ }, messages.FailCounter},
		"n beside Noise":           {func(p *pair) { p.right.Attempt.N++ }, messages.FailCounter},
		"no psk at all":            {func(p *pair) { p.left.PSK, p.right.PSK = messages.SecretKey{}, messages.SecretKey{} }, messages.FailTerms},
		"responder without psk":    {func(p *pair) { p.right.PSK = messages.SecretKey{} }, messages.FailTerms},
		"no prologue":              {func(p *pair) { p.left.Prologue = nil }, messages.FailTerms},
		"unknown suite":            {func(p *pair) { p.left.Suite = 3 }, messages.FailTerms},
		"unknown peer":             {func(p *pair) { p.right.PeerStatic = [32]byte{} }, messages.FailTerms},
		"stranger who is known":    {func(p *pair) { p.right.Stranger = true }, messages.FailTerms},
		"initiator to a stranger":  {func(p *pair) { p.left.Stranger, p.left.PeerStatic = true, [32]byte{} }, messages.FailTerms},
		"low-order static":         {func(p *pair) { p.left.PeerStatic = [32]byte{1} }, messages.FailTerms},
		"both ends initiate":       {func(p *pair) { p.right.Attempt.Hello = messages.HelloHash{} }, messages.FailTerms},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPair(messages.SuiteAESGCM)
			c.spoil(&p)
			if _, _, failure := p.run(t); failure != c.want {
				t.Errorf("failure = %v, want %v", failure, c.want)
			}
		})
	}
}

// TestTicketResponderLearnsTheKey: under a ticket the inviter learns from Noise
// who is there (SPEC 14.2).
func TestTicketResponderLearnsTheKey(t *testing.T) {
	p := newPair(messages.SuiteAESGCM)
	p.right.Stranger, p.right.PeerStatic = true, [32]byte{}
	_, right, failure := p.run(t)
	if failure != 0 || right.PeerStatic != p.initiator.Public() {
		t.Errorf("failure %v, static %x", failure, right.PeerStatic[:4])
	}
}

// TestForgedAnswerSpoilsNothing is the property behind Finish: whatever comes
// in between, the true answer is still read.
func TestForgedAnswerSpoilsNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := newPair(messages.SuiteAESGCM)
		ephemeral, first, _ := Initiate(p.initiator, p.left, seed(3))
		second, right, _ := Respond(p.responder, p.right, first, seed(4))
		for range rapid.IntRange(0, 3).Draw(t, "forgeries") {
			forged := bytes.Clone(second)
			forged[rapid.IntRange(0, len(forged)-1).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
			// X25519 ignores the highest bit of a point, Noise's hash does not.
			if _, failure := Finish(p.initiator, p.left, ephemeral, forged); failure != messages.FailUnopened {
				t.Fatalf("a forged answer gives %v", failure)
			}
		}
		left, failure := Finish(p.initiator, p.left, ephemeral, second)
		if failure != 0 || left.Hash != right.Hash {
			t.Fatalf("the true answer gives %v", failure)
		}
	})
}

// TestReplayedFirstMessageProvesNothing shows why the machine waits for data:
// the library itself accepts a replay, and gives keys that nobody else has.
func TestReplayedFirstMessageProvesNothing(t *testing.T) {
	p := newPair(messages.SuiteAESGCM)
	_, first, _ := Initiate(p.initiator, p.left, seed(3))
	_, once, failure := Respond(p.responder, p.right, first, seed(4))
	if failure != 0 {
		t.Fatal(failure)
	}
	_, again, failure := Respond(p.responder, p.right, first, seed(5))
	if failure != 0 || once.Receive == again.Receive {
		t.Errorf("a replay gives %v and equal keys: %t", failure, once.Receive == again.Receive)
	}
}

func TestRandomSourceFails(t *testing.T) {
	p := newPair(messages.SuiteAESGCM)
	broken := iotest.ErrReader(errors.New("empty"))
	if _, _, failure := Initiate(p.initiator, p.left, broken); failure != messages.FailRandom {
		t.Errorf("Initiate: %v", failure)
	}
	_, first, _ := Initiate(p.initiator, p.left, seed(3))
	if _, _, failure := Respond(p.responder, p.right, first, broken); failure != messages.FailRandom {
		t.Errorf("Respond: %v", failure)
	}
}

func FuzzRespond(f *testing.F) {
	p := newPair(messages.SuiteAESGCM)
	_, first, _ := Initiate(p.initiator, p.left, seed(3))
	f.Add(first)
	f.Add(first[:40])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, message []byte) {
		_, _, failure := Respond(p.responder, p.right, message, seed(4))
		if (failure == 0) != bytes.Equal(message, first) {
			t.Errorf("%x gives %v", message, failure)
		}
	})
}

func FuzzFinish(f *testing.F) {
	p := newPair(messages.SuiteAESGCM)
	ephemeral, first, _ := Initiate(p.initiator, p.left, seed(3))
	second, _, _ := Respond(p.responder, p.right, first, seed(4))
	f.Add(second)
	f.Add(second[:32])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, message []byte) {
		_, failure := Finish(p.initiator, p.left, ephemeral, message)
		if (failure == 0) != bytes.Equal(message, second) {
			t.Errorf("%x gives %v", message, failure)
		}
	})
}

func BenchmarkHandshake(b *testing.B) {
	p := newPair(messages.SuiteAESGCM)
	for b.Loop() {
		ephemeral, first, _ := Initiate(p.initiator, p.left, seed(3))
		second, _, _ := Respond(p.responder, p.right, first, seed(4))
		if _, failure := Finish(p.initiator, p.left, ephemeral, second); failure != 0 {
			b.Fatal(failure)
		}
	}
}
