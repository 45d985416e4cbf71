package actors

import (
	"testing"
	"time"

	"github.com/waymeet/waymeet/actors/tree"
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

// SPEC 3.1: "a peer that shows more of *its* chain than it holds stops its writing until
// fetched". The next life of a store that dies meanwhile knows it, and that the node has
// synced since its start.
func TestClaimsOutliveTheStore(t *testing.T) {
	founder := newFounder(t, 1)
	n := newNode(t, founder.settle(2))
	cx, peer := founder.context, founder.identity.Authority()
	tell := func(m messages.JournalMessage) func() { return func() { n.tellStore(cx, m) } }
	marks := byte(0)
	expect := func(mayWrite bool, what string, do func()) {
		t.Helper()
		do()
		marks++
		mark := messages.AuthorityID{marks}
		n.tellStore(cx, messages.PeerHolds{Peer: mark}) // a view says so in its turn
		eventually(t, what, func() bool { _, there := n.views.View(cx).Covered[mark]; return there })
		if view := n.views.View(cx); view.MayWrite != mayWrite {
			t.Errorf("after %s: it may write: %t", what, view.MayWrite)
		}
	}
	expect(false, "the start", tell(messages.OfferFacts{Session: 1, From: peer, Facts: founder.facts(1)}))
	expect(true, "a sync", tell(messages.PeerHolds{Peer: peer, Done: true}))
	expect(false, "a claim", tell(messages.PeerHolds{Peer: peer, Last: 9}))
	expect(false, "the death of the store", func() { n.Kill(tree.AtStore(cx)) })
	expect(true, "the claim taken back", tell(messages.PeerHolds{Peer: peer}))
}
