package messages

import (
	"bytes"
	"testing"
)

func testHello() Hello {
	return Hello{
		Kind: HelloInit, Sender: AuthorityID{1}, Major: 1, HighestMinor: 2, Suite: SuiteChaChaPoly,
		ReceiverNonce: Nonce{3}, SenderNonce: Nonce{4}, Epoch: 5, Boot: 6, N: 7, Noise: []byte("noise"),
	}
}

func TestHelloRoundTrip(t *testing.T) {
	want := testHello()
	got, err := ParseHello(want.Append(nil))
	if err != nil || !bytes.Equal(got.Append(nil), want.Append(nil)) || got.N != 7 || got.Suite != SuiteChaChaPoly {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestHelloRefusesWhatNoMemberWrites(t *testing.T) {
	for name, spoil := range map[string]func(*Hello){
		"no kind":       func(h *Hello) { h.Kind = 0 },
		"unknown kind":  func(h *Hello) { h.Kind = 3 },
		"no suite":      func(h *Hello) { h.Suite = 0 },
		"unknown suite": func(h *Hello) { h.Suite = 3 },
	} {
		h := testHello()
		spoil(&h)
		if _, err := ParseHello(h.Append(nil)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestPrologueBindsEveryTerm: SPEC 7.1.
func TestPrologueBindsEveryTerm(t *testing.T) {
	base := Prologue{Major: 1, Suite: SuiteAESGCM}
	for name, change := range map[string]func(*Prologue){
		"major": func(p *Prologue) { p.Major++ }, "minor": func(p *Prologue) { p.Minor++ },
		"suite": func(p *Prologue) { p.Suite++ }, "context": func(p *Prologue) { p.Context[0]++ },
		"epoch": func(p *Prologue) { p.Epoch++ }, "initiator": func(p *Prologue) { p.Initiator[0]++ },
		"responder": func(p *Prologue) { p.Responder[0]++ }, "initiator's fact": func(p *Prologue) { p.InitiatorFact[0]++ },
		"responder's fact": func(p *Prologue) { p.ResponderFact[0]++ },
	} {
		other := base
		change(&other)
		if bytes.Equal(other.Append(nil), base.Append(nil)) {
			t.Errorf("another %s gives the same prologue", name)
		}
	}
}

// TestRecordsOfBothEndsGiveOneFact: SPEC 9.6, "two with equal fields are the
// evidence".
func TestRecordsOfBothEndsGiveOneFact(t *testing.T) {
	a, b := AuthorityID{1}, AuthorityID{2}
	at := func(peer AuthorityID) ChannelRecord {
		return ChannelRecord{Channel: ChannelID{3}, Peer: peer, Initiator: a, Epoch: 4, Transcript: [32]byte{5}}
	}
	want := ChannelEstablished{Initiator: a, Responder: b, Channel: ChannelID{3}, Epoch: 4, Transcript: [32]byte{5}}
	if got := at(b).Established(a); got != want {
		t.Errorf("the initiator says %v", got)
	}
	if got := at(a).Established(b); got != want {
		t.Errorf("the responder says %v", got)
	}
}

func TestReasonsHaveNames(t *testing.T) {
	for r := ReasonClosedHere; r <= ReasonNotCaughtUp; r++ {
		if r.String() == "open" || r.IsError() != (r >= ReasonRefused) {
			t.Errorf("reason %d: %s, error %t", r, r, r.IsError())
		}
	}
	for f := FailTimeout; f <= FailCrashed; f++ {
		if f.String() == "no failure" {
			t.Errorf("failure %d has no name", f)
		}
	}
}
