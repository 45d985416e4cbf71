package rendezvous

import (
	"reflect"
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
)

func TestPublishChargesThenAppends(t *testing.T) {
	w := newWorld(t)
	p := Publication{Endpoints: both, Nonce: messages.Nonce{99}, Validity: 2 * time.Hour, Nickname: "bob"}
	s, snapshot, view := service(bob), w.snapshot(bob, bob), w.view(bob)
	for name, prepare := range map[string]func(messages.GuardSnapshot, *View, Publication) messages.GuardOutcome{
		"publish": s.PreparePublishDescriptor, "refresh": s.PrepareRefreshDescriptor,
	} {
		outcome := prepare(snapshot, view, p)
		wantAllowed(t, outcome)
		commit := outcome.Commit(messages.OperationID{})
		charge := messages.ChargeFlowBudget{Peer: bob.Authority(), Cost: 1, Leak: messages.Leakage{InGroup: 1}}
		if !reflect.DeepEqual(commit.Charges, []messages.ChargeFlowBudget{charge}) || len(commit.Facts) != 1 || len(outcome.Sends()) != 0 {
			t.Fatalf("%s: %+v", name, outcome)
		}
		d := commit.Facts[0].(messages.RendezvousDescriptor)
		if d.Valid.Length() != 2*time.Hour || d.NicknameSuggestion != "bob" || d.Nonce != p.Nonce {
			t.Errorf("%s: %+v", name, d)
		}
	}
}

func TestPublishRefusals(t *testing.T) {
	w := newWorld(t)
	good := Publication{Endpoints: both, Nonce: messages.Nonce{99}}
	publish := func(p Publication) messages.GuardOutcome {
		return service(bob).PreparePublishDescriptor(w.snapshot(bob, bob), w.view(bob), p)
	}
	without := good
	without.Nonce = messages.Nonce{}
	wantRefusal(t, publish(without), messages.GuardRules, "nonce is zero")
	long := good
	long.Validity = 25 * time.Hour
	wantRefusal(t, publish(long), messages.GuardRules, "24h0m0s is allowed")

	refresh := service(carol).PrepareRefreshDescriptor(w.snapshot(carol, carol), w.view(carol), good)
	wantRefusal(t, refresh, messages.GuardRules, "publish one first")

	stranger := service(mallo).PreparePublishDescriptor(w.snapshot(mallo, mallo), w.view(mallo), good)
	wantRefusal(t, stranger, messages.GuardRules, "not in the roster")

	w.ledger = spentToward(bob, messages.FlowLimit)
	wantRefusal(t, publish(good), messages.GuardFlow, "0 of today's flow budget")
	w.ledger = messages.Ledger{Leaked: map[messages.Hour]messages.Leakage{noon.Hour() - 20: {InGroup: 100}}}
	wantRefusal(t, publish(good), messages.GuardLeakage, "leakage")

	w.ledger = messages.Ledger{}
	delete(w.keys, epoch)
	wantRefusal(t, publish(good), messages.GuardRules, "keys of epoch 3")
}

func TestRevoke(t *testing.T) {
	w := newWorld(t)
	first := w.records[bob.Authority()].Descriptor.Nonce
	second := w.publish(bob, both).Descriptor.Nonce
	revoke := func(nonce messages.Nonce) messages.GuardOutcome {
		return service(bob).PrepareRevokeDescriptor(w.snapshot(bob, bob), w.view(bob), nonce)
	}
	for _, nonce := range []messages.Nonce{first, second} {
		outcome := revoke(nonce)
		wantAllowed(t, outcome)
		want := []messages.EffectCommand{
			messages.ChargeFlowBudget{Peer: bob.Authority(), Cost: 1},
			messages.JournalAppend{Fact: messages.DescriptorRevoked{Authority: bob.Authority(), Nonce: nonce}},
		}
		if !reflect.DeepEqual(outcome.Effects, want) {
			t.Errorf("%+v", outcome.Effects)
		}
	}
	wantRefusal(t, revoke(messages.Nonce{123}), messages.GuardRules, "no descriptor of ours")
	wantRefusal(t, revoke(w.records[alice.Authority()].Descriptor.Nonce), messages.GuardRules, "no descriptor of ours")
	wantRefusal(t, revoke(messages.Nonce{}), messages.GuardRules, "no descriptor of ours")
	w.change(bob, func(r *DescriptorRecord) { r.Revoked = true })
	wantRefusal(t, revoke(second), messages.GuardRules, "revoked already")
}

// The same thing done again has the same id; nothing else has it (SPEC 5.5).
func TestOperationIDs(t *testing.T) {
	w := newWorld(t)
	context, nonce, e := w.context, messages.Nonce{1}, w.established(alice, bob)
	rotated := e
	rotated.Transcript[0]++
	seen := map[messages.OperationID]bool{}
	for round := range 2 {
		for _, id := range []messages.OperationID{
			PublishOperation(context, nonce), PublishOperation(messages.ContextID{1}, nonce), RevokeOperation(context, nonce),
			EstablishOperation(context, bob.Authority(), 1, 2), EstablishOperation(context, bob.Authority(), 2, 1),
			EstablishOperation(context, alice.Authority(), 1, 2), CompletionOperation(context, e), CompletionOperation(context, rotated),
		} {
			if seen[id] != (round == 1) {
				t.Fatalf("round %d: %s", round, id.Short())
			}
			seen[id] = true
		}
	}
}
