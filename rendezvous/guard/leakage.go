package guard

import (
	"fmt"

	"github.com/waymeet/waymeet/messages"
)

// exceedsLeakage is the third guard.
//
// SPEC 5.6: "Leakage budgets per context {external, neighbor, in-group}".
func exceedsLeakage(s messages.GuardSnapshot, p Price, r Request) string {
	if s.LeakageRemaining.Covers(p.Leak) {
		return ""
	}
	left := s.LeakageRemaining
	return fmt.Sprintf("to %s tells more than the leakage budget of this day allows (left: %d external, %d neighbor, %d in-group)",
		r.Operation, left.External, left.Neighbor, left.InGroup)
}
