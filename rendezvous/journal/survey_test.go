package journal

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
)

func TestSurveySaysHowEveryFactStands(t *testing.T) {
	ana, ben, cat := trio(t)
	first, second, third := ben.note(start, "1"), ben.note(start, "2"), ben.note(start, "3")
	ana.learn(start, ben)
	ana.remove(start.Add(time.Second), ben)
	late := ben.note(start.Add(2*time.Second), "late")
	ana.learn(start.Add(3*time.Second), ben)
	want := map[messages.FactID]Held{
		first: {Counts: true}, second: {Counts: true}, third: {Counts: true}, late: {},
	}
	survey := ana.journal.Survey()
	if len(survey) != ana.journal.set.Len() || !slices.IsSortedFunc(survey, func(a, b Held) int { return int(a.HLC - b.HLC) }) {
		t.Errorf("%d facts of %d, or out of order", len(survey), ana.journal.set.Len())
	}
	var counted []messages.FactID
	for _, held := range survey {
		if w, asked := want[held.Fact]; asked && (held.Counts != w.Counts || held.Waits || held.Size == 0 || held.Epoch != 2) {
			t.Errorf("%s stands %+v", held.Fact.Short(), held)
		}
		if held.Counts {
			counted = append(counted, held.Fact)
		}
	}
	if Fingerprint(counted) != ana.view.Fingerprint {
		t.Error("the facts that count are not those of the fingerprint")
	}
	cat.step(start, messages.OfferFacts{Facts: [][]byte{ben.raw(third)}})
	if last := cat.journal.Survey(); !last[len(last)-1].Waits {
		t.Errorf("a fact without those before it stands %+v", last[len(last)-1])
	}
}

func TestVerifyFinds(t *testing.T) {
	tests := map[string]struct {
		spoil func(n *node)
		want  string
	}{
		"nothing in a sound journal": {func(*node) {}, ""},
		"a forged signature": {func(n *node) {
			n.rewrite(n.head(), func(f *messages.Fact) { f.Signature[0]++ })
		}, "did not sign"},
		"another body": {func(n *node) {
			n.rewrite(n.head(), func(f *messages.Fact) { f.Body[40]++ })
		}, "the body is not"},
		"a fact that is gone": {func(n *node) {
			delete(n.disk[messages.BucketFacts], string(messages.Place(5).Key()))
		}, "no fact is there"},
		"a fact that is there twice": {func(n *node) {
			n.disk.write([]messages.Record{factRecord(n.journal.set.last+1, n.raw(n.head()))})
		}, "held already"},
		"an index that says something else": {func(n *node) {
			for key, value := range n.disk[messages.BucketIndex] {
				s, err := messages.Decode[segment](value)
				if err != nil {
					n.t.Fatalf("index: %v", err)
				}
				s.Rows[rowSize-1]++ // the size of the first fact
				n.disk[messages.BucketIndex][key] = messages.Encode(s)
			}
		}, "the facts say"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			ana, _, _ := trio(t)
			var notes messages.Commit
			for range segmentSize {
				notes.Facts = append(notes.Facts, messages.ApplicationFact{Type: messages.FactApplication})
			}
			ana.do(start, notes)
			test.spoil(ana)
			flaw, err := Verify(ana.identity, ana.disk)
			switch {
			case err != nil:
				t.Fatal(err)
			case (flaw == nil) != (test.want == ""):
				t.Errorf("found %+v", flaw)
			case flaw != nil && !strings.Contains(flaw.What, test.want):
				t.Errorf("found %q", flaw.What)
			}
		})
	}
}

// rewrite changes a fact on disk behind the journal's back.
func (n *node) rewrite(id messages.FactID, change func(*messages.Fact)) {
	fact := mustParse(slices.Clone(n.raw(id)))
	change(&fact)
	n.disk.write([]messages.Record{factRecord(n.journal.set.entries[id].place, fact.Append(nil))})
}
