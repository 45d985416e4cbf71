package journal

import (
	"slices"
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// No member whose clock is ahead keeps the facts of others out of quarantine.
func TestEarlyFactsAreBoundedPerAuthor(t *testing.T) {
	a := newAside()
	early := func(author, n byte) *candidate {
		fact := messages.Fact{Header: messages.Header{Chained: messages.Chained{Author: messages.AuthorityID{author}, HLC: messages.HLC(n) << 40}}}
		return &candidate{fact: fact, id: messages.FactID{author, n}}
	}
	kept := 0
	for n := range byte(maxQuarantined + 10) {
		if a.await(clockCheck, early(1, n)) {
			kept++
		}
	}
	if kept != maxQuarantined || !a.await(clockCheck, early(2, 0)) {
		t.Errorf("%d facts of one author are kept, and then none of another", kept)
	}
	if due := a.takeDue(early(1, 2).fact.Header.HLC.Millis().Add(-maxAhead)); len(due) != 4 { // of the other author, too
		t.Errorf("%d facts came to their hour first", len(due))
	}
	for n := range byte(10) {
		if a.await(clockCheck, early(1, 200+n)) != (n < 3) {
			t.Errorf("fact %d after three have left: there is room for %d", n, maxQuarantined-a.quarantined[messages.AuthorityID{1}])
		}
	}
	if due := a.takeDue(messages.HLC(1 << 50).Millis()); len(due) != maxQuarantined || len(a.quarantined) != 0 {
		t.Errorf("%d facts came to their hour, and %d authors still have some", len(due), len(a.quarantined))
	}
	if !a.await(clockCheck, early(1, 0)) {
		t.Error("there is no room again")
	}
}

// The journal is woken for the fact that comes to its hour first, and for its own chain if
// that is sooner.
func TestJournalIsWokenForWhatIsDueFirst(t *testing.T) {
	f := forge(t)
	var due []time.Time
	for _, minutes := range []time.Duration{50, 20, 70, 30, 60, 40} {
		ahead := start.Add(minutes * time.Minute)
		f.at.Seq, f.at.HLC = f.at.Seq+1, messages.HLC(0).Next(messages.MillisOf(ahead))
		f.at.Prev = messages.FactID{byte(minutes)}
		f.ana.step(start, messages.OfferFacts{Facts: [][]byte{f.fact().Append(nil)}})
		due = append(due, ahead.Add(-maxAhead))
		if first := slices.MinFunc(due, time.Time.Compare); !f.ana.journal.Deadline().Equal(first) {
			t.Errorf("deadline %v, want %v", f.ana.journal.Deadline(), first)
		}
	}
	f.ana.claim(start, f.ben, f.ana.journal.own().head+1)
	if lapse := start.Add(proveWithin); !f.ana.journal.Deadline().Equal(lapse) {
		t.Errorf("deadline %v, want that of our own chain, %v", f.ana.journal.Deadline(), lapse)
	}
	late := start.Add(17 * time.Minute)
	f.ana.claim(late, f.ben, 0)
	if f.ana.claim(late, newNode(t, 3, nil), f.ana.journal.own().head+1); !f.ana.journal.Deadline().Equal(start.Add(19 * time.Minute)) {
		t.Errorf("deadline %v, want that of the first fact", f.ana.journal.Deadline())
	}
}
