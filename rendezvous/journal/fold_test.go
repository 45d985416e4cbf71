package journal

import (
	"reflect"
	"slices"
	"testing"

	"github.com/waymeet/waymeet/messages"
)

// Of an author's descriptors the fold keeps those that a view takes and no more, in
// whatever order they come, so that one that comes costs the same however many there
// were.
func TestFoldKeepsTheDescriptorsThatAViewTakes(t *testing.T) {
	ana, ben, _ := trio(t)
	const said = maxOlderOwn + 40
	for n := range said {
		d := ben.descriptor(start, uint64(n+1), 1)
		d.Nonce = messages.Nonce{1, byte(n), byte(n >> 8)}
		d.PSKCommitment = ben.view.Keys[ben.view.Epoch].PSKCommitment(d.Nonce)
		ben.say(start, d)
		if n == said-3 { // it keeps its place, and is not named
			ben.say(start, messages.DescriptorRevoked{Authority: d.Authority, Nonce: d.Nonce})
		}
	}
	ana.learn(start, ben)
	for n, most := range map[*node]int{ben: 1 + maxOlderOwn, ana: 1 + maxOlder} {
		want := newNaive(n).view()
		s := n.journal.set
		entries := slices.Clone(s.chainOf(ben.identity.Authority()).entries)
		for order := range 3 {
			switch order {
			case 1:
				slices.Reverse(entries)
			case 2:
				slices.SortFunc(entries, func(a, b *entry) int { return a.id.Compare(b.id) })
			}
			f := newFold()
			for _, e := range entries {
				f.add(s, e)
			}
			if kept := len(f.descriptors[ben.identity.Authority()]); kept != most {
				t.Errorf("%s keeps %d descriptors, and a view takes %d", n, kept, most)
			}
			picked := f.pick(n.identity.Authority(), s.epochs.open().number)
			if len(picked.older) != most-2 || !reflect.DeepEqual(picked.older, want.Older) || !reflect.DeepEqual(picked.descriptors, want.Descriptors) {
				t.Errorf("%s, in order %d: %d older ones, want %d", n, order, len(picked.older), len(want.Older))
			}
		}
		if !reflect.DeepEqual(n.view.Older, want.Older) || !reflect.DeepEqual(n.view.Descriptors, want.Descriptors) {
			t.Errorf("%s shows %d older ones, want %d", n, len(n.view.Older), len(want.Older))
		}
	}
}

// SPEC 3.4: "appends them again in the new epoch …, reduced once": what names a fact
// of its own epoch repeats nothing, and is reduced.
func TestFactOfTheSameEpochIsNotRepeated(t *testing.T) {
	_, ben, _ := trio(t)
	ben.say(start, ben.descriptor(start, 1, 1))
	said := ben.head()
	_, raw := ben.nextFact(ben.descriptor(start, 2, 2), said)
	ben.step(start, messages.OfferFacts{Session: 1, Facts: [][]byte{raw}})
	if !ben.journal.set.has(mustParse(raw).ID()) {
		t.Fatal("it was not admitted: nothing is proved")
	}
	if got := ben.view.Descriptors[ben.identity.Authority()].Descriptor.Sequence; got != 2 {
		t.Errorf("the view takes descriptor %d, not 2", got)
	}
}
