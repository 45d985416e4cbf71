package messages

import (
	"reflect"
	"testing"
)

// An outcome splits into what must be on disk first, and what leaves then.
func TestOutcomeSplits(t *testing.T) {
	peer := AuthorityID{1}
	charge := ChargeFlowBudget{Peer: peer, Cost: CostConnectRelay}
	fact := DescriptorRevoked{Authority: peer, Nonce: Nonce{2}}
	o := GuardOutcome{Effects: []EffectCommand{charge, JournalAppend{Fact: fact}, SendHandshake{Peer: peer}}}
	want := Commit{Operation: OperationID{3}, Charges: []ChargeFlowBudget{charge}, Facts: []RendezvousFact{fact}}
	if got := o.Commit(OperationID{3}); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := o.Sends(); !reflect.DeepEqual(got, []EffectCommand{SendHandshake{Peer: peer}}) {
		t.Errorf("sends %+v", got)
	}
}

func TestDecision(t *testing.T) {
	if d := (Decision{}); !d.Allowed() || d.String() != "allowed" {
		t.Errorf("%s", d)
	}
	d := Decision{Refused: GuardFlow, Reason: "spent"}
	if d.Allowed() || d.String() != "refused by flow budget: spent" {
		t.Errorf("%s", d)
	}
}
