package journal

import (
	"reflect"
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// SPEC 5.1: "a refusal has zero effects, sends nothing, charges nothing."
func TestCommitOverBudgetChargesNothing(t *testing.T) {
	tests := map[string][]messages.ChargeFlowBudget{
		"flow":          {{Cost: 1}, {Cost: messages.FlowLimit}},
		"flow of peers": {{Peer: messages.AuthorityID{1}, Cost: 5}, {Peer: messages.AuthorityID{2}, Cost: messages.FlowLimit + 1}},
		"leakage":       {{Cost: 1, Leak: messages.Leakage{InGroup: 60}}, {Cost: 1, Leak: messages.Leakage{InGroup: 60}}},
	}
	for name, charges := range tests {
		t.Run(name, func(t *testing.T) {
			ana := found(t, 1)
			reply := ana.do(start, messages.Commit{Charges: charges, Facts: []messages.RendezvousFact{
				messages.ApplicationFact{Type: messages.FactApplication},
			}})
			if reply.Refusal == "" || ana.view.Count != 1 || len(ana.disk[messages.BucketCharges]) != 0 {
				t.Errorf("reply %+v, %d facts, charges %v", reply, ana.view.Count, ana.disk[messages.BucketCharges])
			}
		})
	}
}

func TestBudgetComesBackWithDayAndEpoch(t *testing.T) {
	ana := found(t, 1)
	all := []messages.ChargeFlowBudget{{Cost: messages.FlowLimit}}
	one := []messages.ChargeFlowBudget{{Cost: 1}}
	if reply := ana.do(start, messages.Commit{Charges: all}); reply.Refusal != "" {
		t.Fatal(reply.Refusal)
	}
	if reply := ana.do(start, messages.Commit{Charges: one}); reply.Refusal == "" {
		t.Error("charged above the limit")
	}
	if reply := ana.do(start.Add(24*time.Hour), messages.Commit{Charges: one}); reply.Refusal != "" {
		t.Errorf("the next day: %s", reply.Refusal)
	}
	ben := ana.admit(start, 2)
	ana.step(start, messages.PeerHolds{Peer: ben.identity.Authority(), Done: true})
	if reply := ana.do(start, messages.Commit{Charges: all}); reply.Refusal != "" {
		t.Errorf("the next epoch: %s", reply.Refusal)
	}
}

// SPEC 5.5: "spent is a grow-only counter keyed by (epoch, day)". It is forgotten when no
// clock that is put back a little could ask for it any more, on disk, too.
func TestSpentIsForgottenAfterAMonth(t *testing.T) {
	ana := found(t, 1)
	charge := func(now time.Time) int {
		one := messages.ChargeFlowBudget{Cost: 1, Leak: messages.Leakage{InGroup: 1}}
		if reply := ana.do(now, messages.Commit{Charges: []messages.ChargeFlowBudget{one}}); reply.Refusal != "" {
			t.Fatal(reply.Refusal)
		}
		return len(ana.disk[messages.BucketCharges])
	}
	day := 24 * time.Hour
	charge(start)
	if kept := charge(start.Add(keepDays * day)); kept != 4 {
		t.Errorf("after %d days %d counters are kept", keepDays, kept)
	}
	if kept := charge(start.Add((keepDays + 1) * day)); kept != 4 || len(ana.view.Ledger.Flow) != 2 || len(ana.view.Ledger.Leaked) != 2 {
		t.Errorf("a day later %d counters are kept, %+v in memory", kept, ana.view.Ledger)
	}
	before := ana.view.Ledger
	if ana.restart(start); !reflect.DeepEqual(ana.view.Ledger, before) {
		t.Errorf("after a restart %+v, before %+v", ana.view.Ledger, before)
	}
}
