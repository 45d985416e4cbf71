package messages

import (
	"fmt"
	"time"
)

// Capability names a right inside one context (SPEC 5.3). Unknown names fail
// closed.
type Capability string

// The capabilities.
const (
	CapPublish      Capability = "rendezvous:publish"
	CapConnect      Capability = "rendezvous:connect"
	CapRelay        Capability = "rendezvous:relay"
	CapRelayForward Capability = "relay:forward"
	CapSync         Capability = "sync:exchange"
	CapWitness      Capability = "consensus:witness"
	CapHoldDeposit  Capability = "hold:deposit"
	CapHoldRetrieve Capability = "hold:retrieve"
)

// FlowCost is a price in units of the flow budget (SPEC 5.3, 5.5).
type FlowCost uint32

// The costs (SPEC 5.3).
const (
	CostPublish       FlowCost = 1
	CostConnectDirect FlowCost = 2
	CostConnectRelay  FlowCost = 3
	CostRelayForward  FlowCost = 1
	CostHold          FlowCost = 1
)

// GuardSnapshot is all that a guard may look at: a copy, made for one decision
// (SPEC 5.2).
type GuardSnapshot struct {
	Authority    AuthorityID
	Context      ContextID
	Epoch        Epoch
	Now          Millis
	Capabilities []Capability
	// FlowRemaining is what is left toward the peer that is asked about. No
	// budget is zero (SPEC 5.5: "Missing budget = none").
	FlowRemaining    FlowCost
	LeakageRemaining Leakage
}

// Guard names one link of the guard chain, in its order (SPEC 5.1).
type Guard uint8

// The guards. GuardRules stands before the chain: the rules of the operation
// itself (a descriptor missing, revoked, of another key).
const (
	GuardRules      Guard = 1
	GuardCapability Guard = 2
	GuardFlow       Guard = 3
	GuardLeakage    Guard = 4
	GuardJournal    Guard = 5
)

var guardNames = map[Guard]string{
	GuardRules: "rules", GuardCapability: "capability", GuardFlow: "flow budget",
	GuardLeakage: "leakage budget", GuardJournal: "journal",
}

// String is the guard's name.
func (g Guard) String() string { return guardNames[g] }

// Decision is what a guard chain decided. The zero Decision allows.
type Decision struct {
	// Refused is the guard that refused first, or zero.
	Refused Guard
	// Reason says why, for the host alone; it is never sent.
	Reason string
}

// Allowed reports whether nothing refused.
func (d Decision) Allowed() bool { return d.Refused == 0 }

// String is "allowed" or who refused and why.
func (d Decision) String() string {
	if d.Allowed() {
		return "allowed"
	}
	return fmt.Sprintf("refused by %s: %s", d.Refused, d.Reason)
}

// GuardOutcome is a decision and what follows from it. A refusal has no
// effects (SPEC 5.1). The caller executes the effects in order and stops at
// the first that fails (SPEC 5.2).
type GuardOutcome struct {
	Decision Decision
	Effects  []EffectCommand
}

// EffectCommand is one thing to do after a decision (SPEC 6.1).
type EffectCommand interface{ effectCommand() }

// JournalAppend appends a fact of ours to the context's journal.
type JournalAppend struct{ Fact RendezvousFact }

// ChargeFlowBudget takes Cost from the budget toward Peer, and Leak from the
// context's leakage budget. What an authority publishes is charged to its own
// entry: Peer is then the authority itself (SPEC 5.3).
type ChargeFlowBudget struct {
	Peer AuthorityID
	Cost FlowCost
	Leak Leakage
}

// SendHandshake sends Noise message 1 to the peer.
type SendHandshake struct{ Peer AuthorityID }

// SendHandshakeResponse sends Noise message 2; it is the one send that needs
// no charge before it (SPEC 5.2, 6.2).
type SendHandshakeResponse struct{ Peer AuthorityID }

// SendRelay hands an envelope to a relay.
type SendRelay struct{ Peer AuthorityID }

// RecordReceipt records what was paid for an operation.
type RecordReceipt struct {
	Operation OperationID
	Peer      AuthorityID
}

func (JournalAppend) effectCommand()         {}
func (ChargeFlowBudget) effectCommand()      {}
func (SendHandshake) effectCommand()         {}
func (SendHandshakeResponse) effectCommand() {}
func (SendRelay) effectCommand()             {}
func (RecordReceipt) effectCommand()         {}

// Commit is the durable part of an outcome: one message to the store, one
// transaction (SPEC 6.2). The store compares and charges inside it, and does
// nothing when it has seen the operation before (SPEC 5.5).
type Commit struct {
	Operation OperationID
	Charges   []ChargeFlowBudget
	Facts     []RendezvousFact
}

// Commit gathers the durable effects of an allowed outcome.
func (o GuardOutcome) Commit(operation OperationID) Commit {
	c := Commit{Operation: operation}
	for _, effect := range o.Effects {
		switch e := effect.(type) {
		case ChargeFlowBudget:
			c.Charges = append(c.Charges, e)
		case JournalAppend:
			c.Facts = append(c.Facts, e.Fact)
		}
	}
	return c
}

// Sends are the effects that leave the node. They follow Journaled, never go
// before it (SPEC 6.2).
func (o GuardOutcome) Sends() []EffectCommand {
	var sends []EffectCommand
	for _, effect := range o.Effects {
		switch effect.(type) {
		case SendHandshake, SendHandshakeResponse, SendRelay:
			sends = append(sends, effect)
		}
	}
	return sends
}

// AskWithin is how long after an operation was first asked for it may be asked for
// again. The journal remembers twice as long what it has done.
const AskWithin = 10 * time.Minute

// Journaled tells a machine that the commit of an operation is on disk; its
// sends may go.
type Journaled struct{ Operation OperationID }

// JournalRefused tells a machine that the store would not commit an operation:
// a budget ran out since the snapshot, or the journal has stopped. Nothing was
// charged and nothing appended.
type JournalRefused struct {
	Operation OperationID
	Reason    string
}
