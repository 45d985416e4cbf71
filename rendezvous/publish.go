package rendezvous

import (
	"fmt"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/guard"
)

// ServiceOffer is one service that an authority wants to advertise.
type ServiceOffer struct {
	Kind   messages.ServiceKind
	Limits messages.ServiceLimits
}

// Publication is what an authority wants its next descriptor to say.
type Publication struct {
	Endpoints []messages.LinkEndpoint
	Services  []ServiceOffer
	// Nonce is 32 fresh random bytes; it is never used for two descriptors.
	Nonce messages.Nonce
	// Validity from now on; zero: that of the service's configuration.
	Validity time.Duration
	// Nickname is what the authority suggests to be called, or "".
	Nickname string
}

// PreparePublishDescriptor prepares the authority's first descriptor in the
// context, or any later one: charge, then the fact.
func (s RendezvousService) PreparePublishDescriptor(
	snapshot messages.GuardSnapshot, view *View, p Publication,
) messages.GuardOutcome {
	return s.publish(guard.PublishDescriptor, snapshot, view, p)
}

// PrepareRefreshDescriptor prepares the descriptor that replaces the
// authority's newest one; there must be one.
func (s RendezvousService) PrepareRefreshDescriptor(
	snapshot messages.GuardSnapshot, view *View, p Publication,
) messages.GuardOutcome {
	if _, published := view.Descriptors[s.local]; !published {
		return refuse("there is no descriptor of ours to refresh: publish one first")
	}
	return s.publish(guard.RefreshDescriptor, snapshot, view, p)
}

// PrepareRevokeDescriptor prepares to take back a descriptor of our own, for
// ever. An unknown nonce is refused: it could only be a mistake.
func (s RendezvousService) PrepareRevokeDescriptor(
	snapshot messages.GuardSnapshot, view *View, nonce messages.Nonce,
) messages.GuardOutcome {
	if reason := s.foreign(snapshot, view); reason != "" {
		return refuse(reason)
	}
	record, ok := view.Named(s.local, nonce)
	if !ok {
		return refuse(fmt.Sprintf("we hold no descriptor of ours with the nonce %s", nonce.Short()))
	}
	if record.Revoked {
		return refuse(fmt.Sprintf("the descriptor %s is revoked already", nonce.Short()))
	}
	return guard.Evaluate(snapshot, guard.Request{
		Operation: guard.RevokeDescriptor,
		Peer:      s.local,
		Facts:     []messages.RendezvousFact{messages.DescriptorRevoked{Authority: s.local, Nonce: nonce}},
	})
}

func (s RendezvousService) publish(
	operation guard.Operation, snapshot messages.GuardSnapshot, view *View, p Publication,
) messages.GuardOutcome {
	if reason := s.foreign(snapshot, view); reason != "" {
		return refuse(reason)
	}
	if p.Validity == 0 {
		p.Validity = s.config.validity()
	}
	descriptor, err := buildDescriptor(view, p, snapshot.Now)
	if err != nil {
		return refuse(fmt.Sprintf("our descriptor would not be valid: %v", err))
	}
	return guard.Evaluate(snapshot, guard.Request{
		Operation: operation,
		Peer:      s.local,
		Facts:     []messages.RendezvousFact{descriptor},
	})
}
