package rendezvous

import (
	"fmt"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/guard"
)

// DefaultValidity is how long a descriptor is valid if nothing else is said.
//
// SPEC 4.1: "Default validity 1 h".
const DefaultValidity = time.Hour

// RendezvousConfig is what an authority may choose for itself. The zero value
// is the default of everything.
type RendezvousConfig struct {
	// Validity of published descriptors; zero: DefaultValidity.
	Validity time.Duration
	// FlowLimit per (context, peer), per epoch and day; zero:
	// messages.FlowLimit.
	FlowLimit messages.FlowCost
	// LeakageLimit per context and rolling day; zero: messages.LeakageLimit.
	LeakageLimit messages.Leakage
}

func (c RendezvousConfig) validity() time.Duration {
	if c.Validity > 0 {
		return c.Validity
	}
	return DefaultValidity
}

func (c RendezvousConfig) flowLimit() messages.FlowCost {
	if c.FlowLimit > 0 {
		return c.FlowLimit
	}
	return messages.FlowLimit
}

func (c RendezvousConfig) leakageLimit() messages.Leakage {
	if c.LeakageLimit != (messages.Leakage{}) {
		return c.LeakageLimit
	}
	return messages.LeakageLimit
}

// RendezvousService prepares the operations of one authority. It holds nothing
// that changes: the same arguments give the same outcome, and any number of
// goroutines may use it.
type RendezvousService struct {
	local  messages.AuthorityID
	config RendezvousConfig
}

// NewRendezvousService makes the service of the local authority.
func NewRendezvousService(local messages.AuthorityID, config RendezvousConfig) RendezvousService {
	return RendezvousService{local: local, config: config}
}

// Snapshot copies out of the view what the guards may look at for one decision
// about the peer, at now. For what the authority publishes, the peer is the
// authority itself (SPEC 5.2, 5.3).
func (s RendezvousService) Snapshot(view *View, peer messages.AuthorityID, now messages.Millis) messages.GuardSnapshot {
	snapshot := messages.GuardSnapshot{
		Authority: s.local,
		Context:   view.Context,
		Epoch:     view.Epoch,
		Now:       now,
		FlowRemaining: view.Ledger.FlowRemaining(
			messages.FlowKey{Peer: peer, Epoch: view.Epoch, Day: now.Day()}, s.config.flowLimit()),
		LeakageRemaining: view.Ledger.LeakageRemaining(now, s.config.leakageLimit()),
	}
	if _, member := view.memberKey(s.local); member {
		snapshot.Capabilities = guard.MemberCapabilities()
	}
	return snapshot
}

// foreign says why a snapshot and a view do not belong together, or "".
//
// SPEC 2.5: "State, budgets, capabilities, receipts, channels and keys of one
// context NEVER serve another".
func (s RendezvousService) foreign(snapshot messages.GuardSnapshot, view *View) string {
	switch {
	case snapshot.Authority != s.local || view.Self != s.local:
		return "the snapshot is of another authority"
	case snapshot.Context != view.Context:
		return "the snapshot is of another context"
	case snapshot.Epoch != view.Epoch:
		return fmt.Sprintf("the snapshot is of epoch %d, the context is in epoch %d", snapshot.Epoch, view.Epoch)
	}
	return ""
}

// refuse is a refusal by the rules of the operation itself.
func refuse(reason string) messages.GuardOutcome {
	return guard.Refuse(messages.GuardRules, reason)
}
