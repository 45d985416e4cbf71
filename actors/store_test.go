package actors

import (
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/journal"
)

// SPEC 3.1: "at every start, before its first own fact in a context with other
// members, a node syncs once or waits 5 s for a peer". A context that was
// founded after the start has no chain of ours elsewhere to be waited for.
func TestOnlyAnOlderContextWaitsForAPeer(t *testing.T) {
	n := &Node{started: time.Unix(1, 0)}
	founded, older := messages.ContextID{1}, messages.ContextID{2}
	n.databases.found(founded)
	if got := n.writeAfter(founded); !got.IsZero() {
		t.Errorf("a context founded now waits until %v", got)
	}
	if got, want := n.writeAfter(older), n.started.Add(journal.WaitForPeer); got != want {
		t.Errorf("an older context waits until %v, not %v", got, want)
	}
}
