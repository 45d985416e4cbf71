package guard

import (
	"reflect"
	"strings"
	"testing"

	"github.com/waymeet/waymeet/messages"
	"pgregory.net/rapid"
)

var (
	self = messages.AuthorityID{1}
	peer = messages.AuthorityID{2}
)

// rich may do everything.
func rich() messages.GuardSnapshot {
	return messages.GuardSnapshot{
		Authority: self,
		Capabilities: append(MemberCapabilities(),
			messages.CapRelayForward, messages.CapHoldDeposit, messages.CapHoldRetrieve),
		FlowRemaining: messages.FlowLimit, LeakageRemaining: messages.LeakageLimit,
	}
}

// request is one that the chain allows to the rich.
func request(o Operation) Request {
	r := Request{Operation: o, Peer: peer}
	switch prices[o].Fact {
	case messages.FactDescriptor:
		r.Facts = []messages.RendezvousFact{messages.RendezvousDescriptor{}}
	case messages.FactDescriptorRevoked:
		r.Facts = []messages.RendezvousFact{messages.DescriptorRevoked{}}
	case messages.FactChannelEstablished:
		r.Facts = []messages.RendezvousFact{messages.ChannelEstablished{}}
	}
	return r
}

// SPEC 5.3 and 5.6, written out a second time.
func TestPrices(t *testing.T) {
	const none, in, near = "0/0/0", "0/0/1", "0/1/0"
	want := map[Operation]struct {
		capability string
		cost       messages.FlowCost
		leak       string
		fact       messages.FactType
	}{
		PublishDescriptor: {"rendezvous:publish", 1, in, 2}, RefreshDescriptor: {"rendezvous:publish", 1, in, 2},
		RevokeDescriptor: {"rendezvous:publish", 1, none, 4},
		ConnectDirect:    {"rendezvous:connect", 2, none, 0}, ConnectRelay: {"rendezvous:connect", 3, none, 0},
		CompleteChannel: {"rendezvous:connect", 0, none, 3}, AnswerHandshake: {"rendezvous:connect", 0, none, 0},
		AcceptDirect: {"rendezvous:connect", 2, none, 3}, AcceptRelay: {"rendezvous:connect", 3, none, 3},
		UpgradePath:  {"rendezvous:connect", 0, none, 0},
		ForwardRelay: {"relay:forward", 1, near, 0},
		ExchangeSync: {"sync:exchange", 0, none, 0}, VoteAsWitness: {"consensus:witness", 0, none, 0},
		DepositHold: {"hold:deposit", 1, near, 0}, RetrieveHold: {"hold:retrieve", 1, none, 0},
	}
	leaks := map[string]messages.Leakage{none: {}, in: {InGroup: 1}, near: {Neighbor: 1}}
	if len(want) != len(prices) || len(prices) != len(operationNames) {
		t.Errorf("%d prices are wanted, %d are there, %d have a name", len(want), len(prices), len(operationNames))
	}
	for o, w := range want {
		p := prices[o]
		if string(p.Capability) != w.capability || p.Cost != w.cost || p.Leak != leaks[w.leak] || p.Fact != w.fact {
			t.Errorf("%s: %+v, want %+v", o, p, w)
		}
	}
}

// SPEC 5.3: "In a context every finalized participant has publish, connect,
// relay, sync and witness without a token".
func TestMemberCapabilities(t *testing.T) {
	want := []messages.Capability{
		"rendezvous:publish", "rendezvous:connect", "rendezvous:relay", "sync:exchange", "consensus:witness",
	}
	if got := MemberCapabilities(); !reflect.DeepEqual(got, want) {
		t.Errorf("%q", got)
	}
	MemberCapabilities()[0] = "changed"
	if MemberCapabilities()[0] != want[0] {
		t.Error("a caller can change what members may do")
	}
}

// SPEC 5.1: "capability → flow budget → leakage budget → journal coupling →
// transport, in this order. First refusal wins".
func TestFirstRefusalWins(t *testing.T) {
	spoil := []struct {
		guard messages.Guard
		do    func(*messages.GuardSnapshot, *Request)
	}{
		{messages.GuardCapability, func(s *messages.GuardSnapshot, _ *Request) { s.Capabilities = nil }},
		{messages.GuardFlow, func(s *messages.GuardSnapshot, _ *Request) { s.FlowRemaining = 0 }},
		{messages.GuardLeakage, func(s *messages.GuardSnapshot, _ *Request) { s.LeakageRemaining.InGroup = 0 }},
		{messages.GuardJournal, func(_ *messages.GuardSnapshot, r *Request) { r.Facts = nil }},
	}
	for first := range spoil {
		s, r := rich(), request(PublishDescriptor)
		for _, later := range spoil[first:] {
			later.do(&s, &r)
		}
		o := Evaluate(s, r)
		if o.Decision.Refused != spoil[first].guard || o.Decision.Reason == "" || len(o.Effects) > 0 {
			t.Errorf("spoiled from %s on: %+v", spoil[first].guard, o)
		}
	}
}

func TestAllowedEffectsInOrder(t *testing.T) {
	r := request(PublishDescriptor)
	r.Sends = []messages.EffectCommand{messages.SendHandshake{Peer: peer}}
	got := Evaluate(rich(), r).Effects
	want := []messages.EffectCommand{
		messages.ChargeFlowBudget{Peer: peer, Cost: 1, Leak: messages.Leakage{InGroup: 1}},
		messages.JournalAppend{Fact: messages.RendezvousDescriptor{}},
		messages.SendHandshake{Peer: peer},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
}

// SPEC 5.3: "Unknown names fail closed."
func TestUnknownFailsClosed(t *testing.T) {
	for _, o := range []Operation{0, RetrieveHold + 1, 255} {
		if d := Evaluate(rich(), Request{Operation: o}).Decision; d.Allowed() || !strings.Contains(d.Reason, "operation") {
			t.Errorf("%s: %s", o, d)
		}
	}
	s := rich()
	s.Capabilities = []messages.Capability{"rendezvous:*", "", "Rendezvous:publish"}
	if Evaluate(s, request(PublishDescriptor)).Decision.Allowed() {
		t.Error("a name that nobody knows opened something")
	}
}

func TestForeignFactIsRefused(t *testing.T) {
	for name, facts := range map[string][]messages.RendezvousFact{
		"of another type": {messages.DescriptorRevoked{}},
		"twice":           {messages.RendezvousDescriptor{}, messages.RendezvousDescriptor{}},
	} {
		r := request(PublishDescriptor)
		r.Facts = facts
		if d := Evaluate(rich(), r).Decision; d.Refused != messages.GuardJournal {
			t.Errorf("%s: %s", name, d)
		}
	}
	r := request(ConnectDirect)
	r.Facts = []messages.RendezvousFact{messages.ChannelEstablished{}}
	if d := Evaluate(rich(), r).Decision; d.Refused != messages.GuardJournal {
		t.Errorf("a fact that the operation does not bring: %s", d)
	}
}

// SPEC 5.1: "a refusal has zero effects, sends nothing, charges nothing"; and
// what is allowed never charges more than was there.
func TestEvaluateIsSafe(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := request(Operation(rapid.Uint8Range(0, 20).Draw(t, "operation")))
		s := messages.GuardSnapshot{
			Capabilities:  rapid.SliceOf(rapid.SampledFrom(append(rich().Capabilities, "other"))).Draw(t, "capabilities"),
			FlowRemaining: messages.FlowCost(rapid.Uint32Range(0, 4).Draw(t, "flow")),
			LeakageRemaining: messages.Leakage{
				Neighbor: rapid.Uint32Range(0, 1).Draw(t, "neighbor"), InGroup: rapid.Uint32Range(0, 1).Draw(t, "group"),
			},
		}
		o := Evaluate(s, r)
		if !o.Decision.Allowed() {
			if len(o.Effects) > 0 || o.Decision.Reason == "" {
				t.Fatalf("%+v", o)
			}
			return
		}
		for _, e := range o.Effects {
			if c, ok := e.(messages.ChargeFlowBudget); ok && (c.Cost > s.FlowRemaining || !s.LeakageRemaining.Covers(c.Leak)) {
				t.Fatalf("%+v of %+v", c, s)
			}
		}
	})
}
