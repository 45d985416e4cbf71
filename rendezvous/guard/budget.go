package guard

import (
	"fmt"

	"github.com/waymeet/waymeet/messages"
)

// exceedsFlow is the second guard. The store compares again when it charges:
// the snapshot may be older than the last charge (SPEC 6.2).
//
// SPEC 5.5: "Missing budget = none."
func exceedsFlow(s messages.GuardSnapshot, p Price, r Request) string {
	if p.Cost <= s.FlowRemaining {
		return ""
	}
	return fmt.Sprintf("to %s costs %d, and %d of today's flow budget toward %s is left", r.Operation, p.Cost, s.FlowRemaining, r.Peer.Short())
}
