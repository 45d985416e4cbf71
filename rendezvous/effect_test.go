package rendezvous

import (
	"errors"
	"testing"

	"github.com/waymeet/waymeet/messages"
)

// SPEC 5.2: "A checker refuses any outcome in which a send comes before its
// charge, or has none (the handshake response of 6.2 excepted)."
func TestCheckOutcome(t *testing.T) {
	a, b := messages.AuthorityID{1}, messages.AuthorityID{2}
	charge := messages.ChargeFlowBudget{Peer: a, Cost: 3}
	free := messages.ChargeFlowBudget{Peer: a, Leak: messages.Leakage{InGroup: 1}}
	fact := messages.JournalAppend{Fact: messages.DescriptorRevoked{}}
	send, other := messages.SendHandshake{Peer: a}, messages.SendHandshake{Peer: b}
	relay, response := messages.SendRelay{Peer: a}, messages.SendHandshakeResponse{Peer: a}
	receipt := messages.RecordReceipt{Peer: a}
	effects := func(e ...messages.EffectCommand) messages.GuardOutcome { return messages.GuardOutcome{Effects: e} }
	cases := []struct {
		name    string
		outcome messages.GuardOutcome
		safe    bool
	}{
		{"nothing", effects(), true},
		{"charge, fact, send", effects(charge, fact, receipt, send), true},
		{"a fact alone", effects(fact), true},
		{"a response alone", effects(response), true},
		{"two charges, two sends", effects(charge, charge, send, relay), true},
		{"a send alone", effects(send), false},
		{"a relay send alone", effects(relay), false},
		{"a send before its charge", effects(send, charge), false},
		{"a send to another than was charged for", effects(charge, other), false},
		{"two sends for one charge", effects(charge, send, relay), false},
		{"a charge of nothing", effects(free, send), false},
		{"a fact after a send", effects(charge, send, fact), false},
		{"a charge after a response", effects(response, charge), false},
		{"a refusal with effects", messages.GuardOutcome{Decision: messages.Decision{Refused: messages.GuardFlow}, Effects: []messages.EffectCommand{charge}}, false},
		{"a refusal", messages.GuardOutcome{Decision: messages.Decision{Refused: messages.GuardFlow}}, true},
	}
	for _, c := range cases {
		if err := CheckOutcome(c.outcome); (err == nil) != c.safe || err != nil && !errors.Is(err, ErrOutcome) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
