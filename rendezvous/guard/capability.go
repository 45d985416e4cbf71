package guard

import (
	"fmt"
	"slices"

	"github.com/waymeet/waymeet/messages"
)

// memberCapabilities need no token.
//
// SPEC 5.3: "In a context every finalized participant has publish, connect,
// relay, sync and witness without a token."
var memberCapabilities = []messages.Capability{
	messages.CapPublish, messages.CapConnect, messages.CapRelay, messages.CapSync, messages.CapWitness,
}

// MemberCapabilities is what a member of the last finalized roster may do
// without a token. Everything else needs one from the authority whose resource
// is used.
func MemberCapabilities() []messages.Capability { return slices.Clone(memberCapabilities) }

// lacksCapability is the first guard.
func lacksCapability(s messages.GuardSnapshot, p Price, r Request) string {
	if slices.Contains(s.Capabilities, p.Capability) {
		return ""
	}
	return fmt.Sprintf("to %s takes the capability %s, which %s does not have here", r.Operation, p.Capability, s.Authority.Short())
}
