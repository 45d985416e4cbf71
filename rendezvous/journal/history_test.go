package journal

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous"
)

// descriptor is a good descriptor of the node in the epoch that it is in.
func (n *node) descriptor(now time.Time, sequence uint64, nonce byte) messages.RendezvousDescriptor {
	keys := n.view.Keys[n.view.Epoch]
	millis := messages.MillisOf(now)
	return messages.RendezvousDescriptor{
		Authority: n.identity.Authority(), Context: n.view.Context, PublicKey: n.identity.Public(),
		PSKCommitment: keys.PSKCommitment(messages.Nonce{nonce}), Nonce: messages.Nonce{nonce},
		Valid: messages.Window{From: millis, Until: millis.Add(time.Hour)}, Sequence: sequence,
		Candidates: messages.CandidateGeneration(sequence), Version: messages.CurrentVersion,
	}
}

func (n *node) say(now time.Time, fact messages.RendezvousFact) {
	n.t.Helper()
	if reply := n.do(now, messages.Commit{Facts: []messages.RendezvousFact{fact}}); reply.Refusal != "" {
		n.t.Fatalf("commit: %s", reply.Refusal)
	}
}

// history lets some members do anything in any order, exchanging facts now and
// then, and returns all facts that came of it. Three members do nothing: they
// are the listeners, who know nothing yet but their welcome. The base is what
// there was when the last of them joined.
func history(t *rapid.T) (listeners [3]*node, base, facts [][]byte) {
	ana := found(t, 1)
	ben := ana.admit(start, 2)
	cat := ana.admit(start, 3)
	listeners = [3]*node{cat, ana.admit(start, 4), ana.admit(start, 5)}
	ben.learn(start, ana)
	base = ana.facts()
	writers := []*node{ana, ben}
	now := start
	for step := range rapid.IntRange(1, 25).Draw(t, "steps") {
		now = now.Add(time.Second)
		who := writers[rapid.IntRange(0, len(writers)-1).Draw(t, "who")]
		other := writers[rapid.IntRange(0, len(writers)-1).Draw(t, "other")]
		what := rapid.SampledFrom([]string{"note", "publish", "revoke", "channel", "exchange", "exchange", "add", "remove", "rotate", "fork"}).Draw(t, "what")
		if !who.isMember() && what != "exchange" {
			continue // it knows that it was removed
		}
		switch what {
		case "note":
			who.note(now, fmt.Sprint(step))
		case "publish":
			who.journal.set.numbered = rendezvous.DescriptorNumbers{} // others may number as they like
			who.say(now, who.descriptor(now, uint64(rapid.IntRange(1, 6).Draw(t, "sequence")), byte(rapid.IntRange(1, 5).Draw(t, "nonce"))))
		case "revoke":
			who.say(now, messages.DescriptorRevoked{
				Authority: other.identity.Authority(), Nonce: messages.Nonce{byte(rapid.IntRange(1, 5).Draw(t, "nonce"))},
			})
		case "channel":
			who.say(now, messages.ChannelEstablished{
				Initiator: ana.identity.Authority(), Responder: cat.identity.Authority(),
				Channel: messages.ChannelID{byte(rapid.IntRange(1, 2).Draw(t, "channel"))}, Epoch: who.view.Epoch,
			})
		case "exchange":
			who.learn(now, other)
		case "add":
			if len(writers) < 4 {
				joiner := ana.admit(now, byte(4+len(writers)))
				joiner.learn(now, ana)
				writers = append(writers, joiner)
			}
		case "remove":
			if ana.view.Roster.Has(other.identity.Authority()) && other != ana {
				ana.remove(now, other)
			}
		case "rotate":
			ana.ask(now, rotation)
		case "fork":
			if who != ana && !slices.ContainsFunc(writers, func(w *node) bool { return w != who && w.identity.Authority() == who.identity.Authority() }) {
				writers = append(writers, who.twin(uint64(50+len(writers))))
			}
		}
	}
	all := map[string][]byte{}
	for _, writer := range writers {
		for _, raw := range writer.facts() {
			all[string(raw)] = raw
		}
	}
	for _, key := range slices.Sorted(maps.Keys(all)) {
		facts = append(facts, all[key])
	}
	return listeners, base, facts
}

// isMember reports whether the node is a member, for all that it knows.
func (n *node) isMember() bool { return n.view.Roster.Has(n.identity.Authority()) }

// twin is another node of the same authority, with a copy of its disk: what
// must never be, and what a backup is.
func (n *node) twin(seed uint64) *node {
	twin := &node{t: n.t, identity: n.identity, random: seeded(seed), disk: disk{}, ops: n.ops}
	for bucket, records := range n.disk {
		twin.disk[bucket] = maps.Clone(records)
	}
	twin.restart(start)
	return twin
}

// hear gives the facts to a copy of the listener, some of them twice, in the
// order that is drawn, in pieces.
func hear(t *rapid.T, listener *node, facts [][]byte, label string) *node {
	order := []int{}
	for n := range len(facts) + rapid.IntRange(0, len(facts)).Draw(t, label+" twice") {
		order = append(order, n%len(facts))
	}
	order = rapid.Permutation(order).Draw(t, label)
	n := listener.twin(7)
	n.mute = true
	now := time.Unix(1_800_000_100, 0)
	for len(order) > 0 {
		piece := rapid.IntRange(1, len(order)).Draw(t, label+" piece")
		offer := messages.OfferFacts{Session: 1, From: messages.AuthorityID{1}}
		for _, at := range order[:piece] {
			offer.Facts = append(offer.Facts, facts[at])
		}
		n.step(now, offer)
		order = order[piece:]
	}
	return n
}
