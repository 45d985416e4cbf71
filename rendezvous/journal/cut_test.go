package journal

import (
	"testing"

	"github.com/waymeet/waymeet/messages"
)

// SPEC 3.4: a cut names "per author the last seq and FactID". An entry whose FactID
// is another author's fact, or has another seq, says nothing.
func TestCutThatNamesAnotherFactKeepsNothing(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(entry *messages.CutEntry, ben *node)
		keeps bool
	}{
		"nothing is wrong":      {func(*messages.CutEntry, *node) {}, true},
		"it is another's fact":  {func(entry *messages.CutEntry, ben *node) { entry.Author = ben.identity.Authority() }, false},
		"it is of another seq":  {func(entry *messages.CutEntry, _ *node) { entry.Seq++ }, false},
		"it is of no such fact": {func(entry *messages.CutEntry, _ *node) { entry.Fact[0]++ }, false},
	} {
		t.Run(name, func(t *testing.T) {
			ana, ben, cat := trio(t)
			note := cat.note(start, "a note")
			ana.learn(start, cat)
			cut := messages.CutEntry{Author: cat.identity.Authority(), Seq: 1, Fact: note}
			test.spoil(&cut, ben)
			op, _ := ana.rotationWith([]messages.CutEntry{cut})
			_, raw := ana.nextFact(op, messages.FactID{})
			ana.mute = true
			ana.step(start, messages.OfferFacts{Session: 1, Facts: [][]byte{raw}})
			if ana.view.Epoch != 3 {
				t.Fatalf("epoch %d: nothing is proved", ana.view.Epoch)
			}
			if s := ana.journal.set; s.counts(s.graph.entries[note]) != test.keeps {
				t.Errorf("the note counts: %t", !test.keeps)
			}
		})
	}
}
