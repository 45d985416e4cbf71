package guard

import "github.com/waymeet/waymeet/messages"

// Request asks the chain whether an operation may happen.
type Request struct {
	Operation Operation
	// Peer is whose budget is charged: the peer that is addressed, or the
	// authority itself for what it publishes.
	Peer messages.AuthorityID
	// Facts are what the operation appends to the journal.
	Facts []messages.RendezvousFact
	// Sends are what leaves the node once all of that is on disk.
	Sends []messages.EffectCommand
}

// link is one guard of the chain. It returns why it refuses, or "".
type link struct {
	guard   messages.Guard
	refuses func(messages.GuardSnapshot, Price, Request) string
}

// chain is the order of the guards; transport, the fifth, is whoever executes
// the sends.
//
// SPEC 5.1: "capability → flow budget → leakage budget → journal coupling →
// transport, in this order."
var chain = [...]link{
	{messages.GuardCapability, lacksCapability},
	{messages.GuardFlow, exceedsFlow},
	{messages.GuardLeakage, exceedsLeakage},
	{messages.GuardJournal, breaksCoupling},
}

// Evaluate asks every guard in its order and returns the effects of the
// operation: the charge, the facts, the sends.
//
// SPEC 5.1: "First refusal wins; a refusal has zero effects, sends nothing,
// charges nothing."
func Evaluate(s messages.GuardSnapshot, r Request) messages.GuardOutcome {
	price, known := prices[r.Operation]
	if !known {
		return Refuse(messages.GuardCapability, "nothing is known of "+r.Operation.String())
	}
	for _, l := range chain {
		if reason := l.refuses(s, price, r); reason != "" {
			return Refuse(l.guard, reason)
		}
	}
	return messages.GuardOutcome{Effects: effects(price, r)}
}

// Refuse is the outcome of a refusal: a reason, and nothing to do.
func Refuse(by messages.Guard, reason string) messages.GuardOutcome {
	return messages.GuardOutcome{Decision: messages.Decision{Refused: by, Reason: reason}}
}

func effects(p Price, r Request) []messages.EffectCommand {
	var out []messages.EffectCommand
	if p.Cost > 0 || p.Leak != (messages.Leakage{}) {
		out = append(out, messages.ChargeFlowBudget{Peer: r.Peer, Cost: p.Cost, Leak: p.Leak})
	}
	for _, fact := range r.Facts {
		out = append(out, messages.JournalAppend{Fact: fact})
	}
	return append(out, r.Sends...)
}
