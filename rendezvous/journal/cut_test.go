package journal

import (
	"slices"
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

// SPEC 3.3: "never retracting". A later cut that names less of a chain than the one before
// takes nothing away of what that one keeps.
func TestLaterCutTakesNothingAway(t *testing.T) {
	ana, ben, cat := trio(t)
	notes := []messages.FactID{ben.note(start, "first"), ben.note(start, "last")}
	ana.learn(start, ben)
	ana.ask(start, rotation)
	op, _ := ana.rotationWith([]messages.CutEntry{{Author: ben.identity.Authority(), Seq: 1, Fact: notes[0]}})
	_, raw := ana.nextFact(op, messages.FactID{})
	ana.step(start, messages.OfferFacts{Session: 1, Facts: [][]byte{raw}})
	cat.learn(start, ana)
	for _, n := range []*node{ana, cat} {
		s := n.journal.set
		if first, last := s.counts(s.graph.entries[notes[0]]), s.counts(s.graph.entries[notes[1]]); n.view.Epoch != 4 || !first || !last {
			t.Errorf("%s: in epoch %d the first note counts: %t, the last: %t", n, n.view.Epoch, first, last)
		}
		n.expectNaive()
	}
}

// A cut names who may have written in the epoch that it closes, and nobody else, so
// that members who come and go do not end a context by the size of its ops.
func TestCutNamesTheMembersOfItsEpoch(t *testing.T) {
	ana := found(t, 1)
	sizes := map[int]bool{}
	for n := range byte(8) {
		guest := ana.admit(start, 2+n)
		guest.learn(start, ana)
		guest.note(start, "a note")
		ana.learn(start, guest)
		ana.remove(start, guest)
		cut := ana.journal.set.epochs.open().change.Cut
		sizes[len(cut)] = true
		if last := cut[slices.IndexFunc(cut, func(c messages.CutEntry) bool { return c.Author == guest.identity.Authority() })]; last.Fact != guest.head() {
			t.Errorf("what the guest has said is cut at %d", last.Seq)
		}
	}
	if len(sizes) != 1 || !sizes[2] {
		t.Errorf("cuts of %v entries, and two were in each epoch", sizes)
	}
	if want := uint64(1 + 8 + 16); ana.view.Count != want { // founded, said, added and removed
		t.Errorf("%d facts count, not %d", ana.view.Count, want)
	}
	ana.expectNaive()
	ana.expectFlawless()
}
