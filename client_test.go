package waymeet

import (
	"testing"

	"github.com/waymeet/waymeet/actors"
	"github.com/waymeet/waymeet/messages"
)

func TestAPeerOfSeveralContextsIsMetWhereAChannelIs(t *testing.T) {
	bob, eve := AuthorityID{1}, AuthorityID{2}
	in := func(cx byte, peer AuthorityID, channel byte) messages.PeerStatus {
		return messages.PeerStatus{Context: ContextID{cx}, Peer: peer, Channel: messages.ChannelID{channel}}
	}
	for _, c := range []struct {
		name  string
		peers []messages.PeerStatus
		want  ContextID
	}{
		{"one", []messages.PeerStatus{in(1, eve, 9), in(2, bob, 0)}, ContextID{2}},
		{"none has a channel", []messages.PeerStatus{in(1, bob, 0), in(2, bob, 0)}, ContextID{1}},
		{"the second has one", []messages.PeerStatus{in(1, bob, 0), in(2, bob, 7), in(3, bob, 0)}, ContextID{2}},
		{"two have one", []messages.PeerStatus{in(1, bob, 6), in(2, bob, 7)}, ContextID{1}},
	} {
		if got := pairWith(bob, c.peers); got != (actors.Pair{Context: c.want, Peer: bob}) {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}
