package journal

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/waymeet/waymeet/messages"
)

// summary is everything that a journal says of its facts.
func (n *node) summary() string {
	s := n.journal.set
	text := fmt.Sprintf("%+v\nstate %+v\nlast %d, clock %d, numbered %v\n", n.view, n.state, s.last, s.clock, s.numbered)
	for _, id := range n.order() {
		e := s.entries[id]
		text += fmt.Sprintf("%s at %d: %d bytes, waits for %d, connected %t, kept %t, covers %d, says %+v\n",
			id.Short(), e.place, e.size, e.missing, e.connected, e.kept, e.covers, e.body())
	}
	return text
}

// order are all facts by (author, seq, id).
func (n *node) order() []messages.FactID {
	var ids []messages.FactID
	for _, raw := range n.facts() {
		ids = append(ids, mustParse(raw).ID())
	}
	return ids
}

// A journal that was opened with its index is the one that was opened without,
// and the one that never closed.
func TestIndexSaysWhatTheFactsSay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		listeners, _, facts := history(t)
		n := listeners[0].twin(7)
		n.journal.index.size = rapid.IntRange(1, 9).Draw(t, "segment")
		for len(facts) > 0 {
			piece := rapid.IntRange(1, len(facts)).Draw(t, "piece")
			n.step(start.Add(time.Minute), messages.OfferFacts{Session: 1, From: messages.AuthorityID{1}, Facts: facts[:piece]})
			facts = facts[piece:]
		}
		if held := len(n.facts()); held >= n.journal.index.size && len(n.disk[messages.BucketIndex]) == 0 {
			t.Fatalf("%d facts and no segment", held)
		}
		n.restart(start.Add(time.Minute)) // what peers have shown is forgotten
		indexed := n.summary()
		delete(n.disk, messages.BucketIndex)
		n.restart(start.Add(time.Minute))
		if diff := cmp.Diff(n.summary(), indexed); diff != "" {
			t.Fatal(diff)
		}
	})
}
