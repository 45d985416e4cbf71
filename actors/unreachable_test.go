package actors

import (
	"crypto/rand"
	"errors"
	"testing"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous"
	"github.com/waymeet/waymeet/rendezvous/channel"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

// Who was removed is said so, whether it has ever said something or not; who has said
// something, and is no member because rival ops contest it, may become one.
func TestOnlyWhoWasRemovedIsSaidToBe(t *testing.T) {
	n := &Node{identity: membership.NewIdentity(messages.SecretKey{1})}
	op, _, err := membership.Found(n.identity, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cx, contested := op.Context(), messages.AuthorityID{2}
	silent := membership.Member{PublicKey: membership.NewIdentity(messages.SecretKey{2}).Public(), Role: messages.RoleParticipant}
	n.views.publish(&rendezvous.View{
		Context: cx, Roster: membership.FoundedRoster(op).With(silent).Without(silent.Authority()),
		Frontier: map[messages.AuthorityID]messages.CutEntry{contested: {Author: contested, Seq: 1}},
	}, messages.JournalState{})

	var told messages.Problem
	if err := n.unreachable(channel.Pair{Context: cx, Peer: silent.Authority()}); !errors.As(err, &told) || told.Whose != "it was removed from "+cx.Short() {
		t.Errorf("of who was removed before it said something: %v", err)
	}
	if err := n.unreachable(channel.Pair{Context: cx, Peer: contested}); err != nil {
		t.Errorf("of who is contested: %v", err)
	}
}
