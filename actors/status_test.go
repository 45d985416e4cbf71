package actors

import (
	"testing"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

// SPEC 9.7: "the state stays at the last finalized one". Only the status says why.
func TestStatusTellsOfAConflict(t *testing.T) {
	n := &Node{identity: membership.NewIdentity(messages.SecretKey{1})}
	for _, conflict := range []bool{false, true} {
		cx := messages.ContextID{1}
		n.views.publish(&rendezvous.View{Context: cx, Conflict: conflict}, messages.JournalState{})
		if told := n.contextStatus(cx).Conflict; told != conflict {
			t.Errorf("conflict %t, and the status says %t", conflict, told)
		}
	}
}
