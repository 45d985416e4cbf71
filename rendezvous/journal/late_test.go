package journal

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// What a fact says of others does not depend on which of them came first: a
// repetition in another branch before what it repeats, that before its parent,
// and before the fact that the cut names.
func TestRepetitionBeforeWhatItRepeats(t *testing.T) {
	ana, ben, cat := trio(t)
	dan := ana.admit(start, 4)
	for _, n := range []*node{ben, cat, dan} {
		n.learn(start, ana)
	}
	before := len(ana.facts())
	dan.note(start, "the parent")
	ben.learn(start, dan)
	branch := ben.twin(8)
	ben.say(start, ben.descriptor(start, 1, 1)) // names dan's fact
	ana.learn(start, ben)
	original := ana.view.Descriptors[ben.identity.Authority()].Fact
	ben.note(start, "the end of the cut")
	ana.learn(start, ben)
	for _, n := range []*node{ana, branch} {
		for _, c := range n.journal.set.chains {
			c.named = 1 << 20 // they name nobody as parent from here on: they wait for nobody
		}
	}
	ana.admit(start, 5) // the cut holds all of it
	branch.step(start, messages.OfferFacts{Session: 1, Facts: [][]byte{ana.raw(ana.journal.set.open().op.id)}})
	if branch.view.Epoch != 4 {
		t.Fatalf("the branch is in epoch %d", branch.view.Epoch)
	}
	d := draftOf(ben.view.Descriptors[ben.identity.Authority()].Descriptor)
	d.again = original
	b := &batch{}
	if _, err := branch.journal.append(messages.MillisOf(start), d, branch.view.Keys[4], b); err != nil {
		t.Fatal(err)
	}
	branch.journal.sign(b)
	all := append(ana.facts()[before:], b.records[0].Value)
	for order := range permutations(len(all)) {
		n := cat.twin(9)
		for _, at := range order {
			n.step(start.Add(time.Minute), messages.OfferFacts{Session: 1, Facts: all[at : at+1]})
			if view := Reduce(n.twin(9).journal.set); !reflect.DeepEqual(view.Descriptors, n.view.Descriptors) || view.Fingerprint != n.view.Fingerprint {
				t.Fatalf("in the order %v, after %d: the fold is not that of the facts", order, at)
			}
		}
		record := n.view.Descriptors[ben.identity.Authority()]
		if record.Fact != original || record.Epoch != 3 || len(n.view.Older) != 0 {
			t.Errorf("in the order %v: the newest is %s of epoch %d, %d older ones", order, record.Fact.Short(), record.Epoch, len(n.view.Older))
		}
	}
}

// permutations gives all orders of 0 … n−1.
func permutations(n int) func(yield func([]int) bool) {
	var order []int
	var more func(yield func([]int) bool) bool
	more = func(yield func([]int) bool) bool {
		if len(order) == n {
			return yield(order)
		}
		for at := range n {
			if slices.Contains(order, at) {
				continue
			}
			order = append(order, at)
			goOn := more(yield)
			order = order[:len(order)-1]
			if !goOn {
				return false
			}
		}
		return true
	}
	return func(yield func([]int) bool) { more(yield) }
}

// A backup that was restored gets its own facts from its peers, after facts
// that name them.
func TestRestoredBackupKnowsWhoHoldsItsFacts(t *testing.T) {
	ana, ben, _ := trio(t)
	backup := ana.twin(9)
	lost := ana.note(start, "written after the backup")
	ben.learn(start, ana)
	witness := ben.note(start, "names it")
	for _, id := range []messages.FactID{witness, lost} {
		backup.step(start, messages.OfferFacts{Session: 1, Facts: [][]byte{ben.raw(id)}})
	}
	if got, want := backup.view.Covered[ben.identity.Authority()], ana.journal.ownHead(); got != want {
		t.Errorf("%s holds our facts up to %d, want %d", ben, got, want)
	}
	if named := backup.journal.set.chains[ben.identity.Authority()].named; named != 0 {
		t.Errorf("we have named fact %d of %s", named, ben)
	}
}

// Its own facts beyond a cut, of which it hears from its peers, are appended
// again like those that it held.
func TestRestoredBackupAppendsItsLateFactsAgain(t *testing.T) {
	ana, ben, cat := trio(t)
	ben.note(start, "in time")
	ana.learn(start, ben)
	late := ben.note(start, "late")
	cat.learn(start, ben)
	backup := &node{t: t, identity: ben.identity, random: seeded(9), disk: disk{}}
	backup.disk = cat.twin(9).disk // holds all that ben has held, but
	delete(backup.disk[messages.BucketFacts], string(cat.journal.set.entries[late].place.Key()))
	ana.admit(start.Add(time.Second), 4)
	backup.restart(start.Add(time.Second))
	backup.learn(start.Add(time.Second), ana)
	if backup.view.Epoch != 3 {
		t.Fatalf("epoch %d", backup.view.Epoch)
	}
	backup.step(start.Add(2*time.Second), messages.OfferFacts{Session: 1, Facts: [][]byte{ben.raw(late)}})
	if !slices.ContainsFunc(backup.facts(), func(raw []byte) bool { return messages.FactID(mustParse(raw).Header.Again) == late }) {
		t.Error("the late fact was not appended again")
	}
}
