package journal

import (
	"testing"

	"github.com/waymeet/waymeet/messages"
)

// A stream that does not open in time is tried again.
func TestStreamThatDoesNotOpenIsTriedAgain(t *testing.T) {
	ana, ben, _ := trio(t)
	ana.stepSync(start, messages.SyncPeerUp{Peer: ben.identity.Authority()})
	opens := func() (n int) {
		for _, effect := range ana.syncOut {
			if _, ok := effect.(OpenSession); ok {
				n++
			}
		}
		return n
	}
	due := ana.sync.Deadline()
	if opens() != 1 || !due.Equal(start.Add(openWithin)) {
		t.Fatalf("%d streams are opened, deadline %v", opens(), due)
	}
	ana.stepSync(due, messages.Tick{})
	if next := ana.sync.Deadline(); opens() != 1 || next.Sub(due) > 2*retryBase {
		t.Fatalf("%d streams are opened, the next try is in %v", opens(), next.Sub(due))
	}
	if ana.stepSync(ana.sync.Deadline(), messages.Tick{}); opens() != 2 {
		t.Errorf("%d streams are opened", opens())
	}
}
