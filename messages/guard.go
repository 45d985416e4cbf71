package messages

import "fmt"

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

// FlowLimit is the default flow budget per (context, peer), per epoch and per
// 24 h (SPEC 5.5).
const FlowLimit FlowCost = 1024

// Leakage counts what an operation tells to whom (SPEC 5.6).
type Leakage struct {
	External uint32 `cbor:"1,keyasint"`
	Neighbor uint32 `cbor:"2,keyasint"`
	InGroup  uint32 `cbor:"3,keyasint"`
}

// LeakageLimit is the default leakage budget of a context per rolling 24 h
// (SPEC 5.6).
var LeakageLimit = Leakage{External: 1000, Neighbor: 500, InGroup: 100}

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

// ChargeFlowBudget takes Cost from the budget toward Peer.
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
