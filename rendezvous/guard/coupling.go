package guard

import (
	"fmt"

	"github.com/waymeet/waymeet/messages"
)

// breaksCoupling is the fourth guard: an operation that must be known to the
// context brings exactly its fact, and no operation brings another one.
func breaksCoupling(_ messages.GuardSnapshot, p Price, r Request) string {
	want := 1
	if p.Fact == 0 {
		want = 0
	}
	if len(r.Facts) != want {
		return fmt.Sprintf("to %s appends %d facts to the journal, not %d", r.Operation, want, len(r.Facts))
	}
	for _, fact := range r.Facts {
		if fact.FactType() != p.Fact {
			return fmt.Sprintf("to %s appends a fact of type %d, not %d", r.Operation, p.Fact, fact.FactType())
		}
	}
	return ""
}
