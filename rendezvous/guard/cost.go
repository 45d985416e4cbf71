package guard

import (
	"strconv"

	"github.com/waymeet/waymeet/messages"
)

// Operation names what an authority wants to do in a context.
type Operation uint8

// The operations. Establishing a channel is two of them at each end: the
// initiator pays when it connects and completes for nothing; the responder
// answers for nothing and pays when it accepts (SPEC 6.2).
const (
	PublishDescriptor Operation = iota + 1
	RefreshDescriptor
	RevokeDescriptor
	ConnectDirect
	ConnectRelay
	CompleteChannel
	AnswerHandshake
	AcceptDirect
	AcceptRelay
	UpgradePath
	ForwardRelay
	ExchangeSync
	VoteAsWitness
	DepositHold
	RetrieveHold
)

// Price is what an operation needs, costs and tells.
type Price struct {
	Capability messages.Capability
	Cost       messages.FlowCost
	Leak       messages.Leakage
	// Fact is the type of the one fact that must be appended with it, or zero.
	Fact messages.FactType
}

var (
	inGroup  = messages.Leakage{InGroup: 1}
	neighbor = messages.Leakage{Neighbor: 1}
	none     = messages.Leakage{}
)

// prices is the one table of capabilities, costs and leakage (SPEC 5.3, 5.6).
//
// SPEC 5.3: "publish and revoke 1 (own entry), connect direct 2, connect relay
// 3, relay forward 1, hold 1; sync, consensus and upgrade cycles 0, bounded by
// their own limits. Unknown names fail closed."
var prices = map[Operation]Price{
	PublishDescriptor: {messages.CapPublish, messages.CostPublish, inGroup, messages.FactDescriptor},
	RefreshDescriptor: {messages.CapPublish, messages.CostPublish, inGroup, messages.FactDescriptor},
	RevokeDescriptor:  {messages.CapPublish, messages.CostPublish, none, messages.FactDescriptorRevoked},
	ConnectDirect:     {messages.CapConnect, messages.CostConnectDirect, none, 0},
	ConnectRelay:      {messages.CapConnect, messages.CostConnectRelay, none, 0},
	CompleteChannel:   {messages.CapConnect, 0, none, messages.FactChannelEstablished},
	AnswerHandshake:   {messages.CapConnect, 0, none, 0},
	AcceptDirect:      {messages.CapConnect, messages.CostConnectDirect, none, messages.FactChannelEstablished},
	AcceptRelay:       {messages.CapConnect, messages.CostConnectRelay, none, messages.FactChannelEstablished},
	UpgradePath:       {messages.CapConnect, 0, none, 0},
	ForwardRelay:      {messages.CapRelayForward, messages.CostRelayForward, neighbor, 0},
	ExchangeSync:      {messages.CapSync, 0, none, 0},
	VoteAsWitness:     {messages.CapWitness, 0, none, 0},
	DepositHold:       {messages.CapHoldDeposit, messages.CostHold, neighbor, 0},
	RetrieveHold:      {messages.CapHoldRetrieve, messages.CostHold, none, 0},
}

var operationNames = map[Operation]string{
	PublishDescriptor: "publish descriptor", RefreshDescriptor: "refresh descriptor", RevokeDescriptor: "revoke descriptor",
	ConnectDirect: "connect directly", ConnectRelay: "connect through a relay", CompleteChannel: "complete a channel",
	AnswerHandshake: "answer a handshake", AcceptDirect: "accept a direct channel", AcceptRelay: "accept a relayed channel",
	UpgradePath: "upgrade a path", ForwardRelay: "forward for a relay", ExchangeSync: "exchange facts",
	VoteAsWitness: "vote as a witness", DepositHold: "deposit with a holder", RetrieveHold: "retrieve from a holder",
}

// String is the operation in words.
func (o Operation) String() string {
	if name, ok := operationNames[o]; ok {
		return name
	}
	return "operation " + strconv.Itoa(int(o))
}
