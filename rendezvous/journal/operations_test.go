package journal

import (
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// What was done is forgotten some minutes later, and what a ticket asked for a day
// after the longest ticket has expired; in that order, whatever was done first.
func TestOperationsAreForgotten(t *testing.T) {
	ana := found(t, 1)
	ana.admit(start, 2)
	ana.note(start, "a commit, after an invitation")
	minutes, days := 20*time.Minute, messages.MaxTicketLifetime+24*time.Hour
	for _, step := range []struct {
		after time.Duration
		held  int
	}{
		{minutes, 3}, {minutes + time.Millisecond, 3}, {2*minutes + time.Millisecond, 3}, {days, 2},
		{days + time.Millisecond, 2},
	} {
		now := start.Add(step.after)
		ana.note(now, "another one")
		if held, stored := len(ana.journal.done.results), len(ana.disk[messages.BucketOperations]); held != step.held || stored != held {
			t.Errorf("after %v, %d operations are remembered, %d on disk", step.after, held, stored)
		}
		ana.restart(now)
	}
}
