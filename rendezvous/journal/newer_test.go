package journal

import (
	"testing"

	"github.com/waymeet/waymeet/messages"
)

// SPEC 3.4: "Unknown type or minor schema: stored and synced, not reduced." SPEC
// 13.3: the same set "across minor versions".
func TestFactsOfANewerVersionTravelAndSayNothing(t *testing.T) {
	ana, ben, cat := trio(t)
	ben.say(start, ben.descriptor(start, 1, 1))
	revoked := messages.DescriptorRevoked{Authority: ben.identity.Authority(), Nonce: messages.Nonce{1}}
	drafts := []draft{
		{kind: 0x3fff, schema: 1, plaintext: []byte("a type to come")},
		{kind: messages.FactDescriptorRevoked, schema: 2, plaintext: append(messages.Encode(revoked), 3)},
		{kind: messages.FactMemberRemoved, schema: 9, plaintext: []byte("an op to come")},
		draftOf(messages.ApplicationFact{Type: messages.FactApplication, Body: []byte("a note")}),
	}
	b := &batch{}
	for _, d := range drafts {
		if _, err := ben.journal.append(messages.MillisOf(start), d, ben.view.Keys[2], b); err != nil {
			t.Fatal(err)
		}
	}
	ben.journal.sign(b)
	ben.disk.write(b.records)
	ben.restart(start)
	w := newNetwork(t, ana, ben, cat)
	w.link(0, 1)
	w.link(0, 2)
	w.settle(20)
	for _, n := range []*node{ana, ben, cat} {
		same(t, n, ben)
		if n.view.Count != ana.view.Count || int(n.view.Count) != 3+1+len(drafts) || n.view.Epoch != 2 {
			t.Errorf("%s: %d facts count in epoch %d", n, n.view.Count, n.view.Epoch)
		}
		if record := n.view.Descriptors[ben.identity.Authority()]; record.Revoked || record.Descriptor.Sequence != 1 {
			t.Errorf("%s: an unknown schema has revoked the descriptor", n)
		}
		n.expectContent(0, "a note")
		if n.restart(start); n.view.Fingerprint != ben.view.Fingerprint {
			t.Errorf("%s: another set after a restart", n)
		}
	}
}
