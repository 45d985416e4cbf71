package journal

import (
	"cmp"
	"slices"
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
	if len(survey) != ana.journal.set.len() || !slices.IsSortedFunc(survey, func(a, b Held) int { return cmp.Compare(a.HLC, b.HLC) }) {
		t.Errorf("%d facts of %d, or out of order", len(survey), ana.journal.set.len())
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
	cat.step(start, messages.OfferFacts{Facts: [][]byte{ben.raw(late)}})
	for _, n := range []*node{ana, ben, cat} {
		waiting := 0
		for _, held := range n.journal.Survey() {
			if held.Waits {
				waiting++
			}
		}
		if n.view.Waiting != waiting || n == cat && waiting != 2 {
			t.Errorf("the view says that %d facts wait, the survey %d", n.view.Waiting, waiting)
		}
	}
}
