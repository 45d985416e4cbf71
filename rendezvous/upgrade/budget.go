package upgrade

import "github.com/waymeet/waymeet/messages"

// DefaultAttempts is how many attempts a cycle has (SPEC 10.2).
const DefaultAttempts = 5

// AttemptBudget bounds the upgrade attempts of one cycle, those that the peer
// began and we joined included.
//
// SPEC 10.2: "Out of budget: stay on the relay, silent." Only a newer
// generation gives a new budget, and only for a token of the Bucket; a restart
// never does (SPEC 10.3).
type AttemptBudget struct {
	Max, Used uint64
}

// Left reports whether another attempt may begin.
func (b AttemptBudget) Left() bool { return b.Used < b.Max }

// Status is the budget as a node shows it.
func (b AttemptBudget) Status() messages.AttemptStatus {
	return messages.AttemptStatus{Used: b.Used, Max: b.Max}
}
