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
	branch.step(start, messages.OfferFacts{Session: 1, Facts: [][]byte{ana.raw(ana.journal.set.epochs.open().op.id)}})
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
			if view := n.twin(9).journal.set.view(); !reflect.DeepEqual(view.Descriptors, n.view.Descriptors) || view.Fingerprint != n.view.Fingerprint {
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
	if got, want := backup.view.Covered[ben.identity.Authority()], ana.journal.own().head; got != want {
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
	delete(backup.disk[messages.BucketFacts], string(cat.journal.set.graph.entries[late].place.Key()))
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

// parted is a founder who has removed ben, cat who does not know it yet, and ben,
// who has gone on: cat holds so many facts that the cut leaves out.
func parted(t *testing.T, late int) (ana, ben, cat *node) {
	t.Helper()
	ana, ben, cat = trio(t)
	ben.note(start, "in time")
	ana.learn(start, ben)
	ana.remove(start.Add(time.Second), ben)
	for range late {
		ben.note(start.Add(time.Second), "late")
	}
	cat.learn(start.Add(time.Second), ben)
	return ana, ben, cat
}

// What a removed member goes on writing is held up to a bound, whatever order it
// comes in; no peer is at fault for having more.
func TestLateFactsAreBounded(t *testing.T) {
	ana, ben, _ := parted(t, maxLate+50)
	facts := ben.facts()
	last := len(facts) - 50
	for _, raw := range facts[last:] {
		_, refusal := ana.journal.set.check(messages.MillisOf(start.Add(time.Second)), raw)
		if refusal.check != lateCheck || refusal.isFault() || refusal.waits() {
			t.Fatalf("beyond the bound: %v", refusal)
		}
	}
	slices.Reverse(facts[last-10 : last])
	held := ana.journal.set.len()
	ana.step(start.Add(time.Second), messages.OfferFacts{Session: 1, Facts: facts})
	if got := ana.journal.set.len() - held; got != maxLate {
		t.Fatalf("%d late facts are held", got)
	}
	ana.ask(start.Add(time.Second), rotation) // the next cut names what is held
	if _, refusal := ana.journal.set.check(messages.MillisOf(start.Add(time.Second)), ben.facts()[last]); refusal.check != lateCheck {
		t.Errorf("in the next epoch: %v", refusal)
	}
}

// The last fact of a removed member that the cut keeps is named as a parent like every
// other; what it goes on writing is not.
func TestWhatTheCutKeepsIsNamed(t *testing.T) {
	ana, ben, cat := trio(t)
	kept := ben.note(start, "in time")
	ana.learn(start, ben)
	ana.remove(start, ben)
	cat.learn(start, ana)
	if parents := cat.header(cat.note(start, "names it")).Parents; !slices.Contains(parents, kept) {
		t.Errorf("parents %v", parents)
	}
	late := ben.note(start, "late")
	cat.learn(start, ben)
	if parents := cat.header(cat.note(start, "does not")).Parents; slices.Contains(parents, late) || !cat.journal.set.has(late) {
		t.Errorf("parents %v; the late fact is held: %t", parents, cat.journal.set.has(late))
	}
}

// Nor does one who was removed before it had written anything lift the bound, with
// a fact behind a gap that nobody ever fills.
func TestOneWhoNeverWroteLiftsNoBound(t *testing.T) {
	ana, ben, cat := parted(t, maxLate+50)
	ana.remove(start.Add(time.Second), cat)
	e := &enemy{node: cat}
	at := e.next()
	at.Seq, at.Prev = 5, messages.FactID{1}
	ana.step(start.Add(time.Second), messages.OfferFacts{Session: 1, Facts: [][]byte{e.sealed(cat.identity, at).Append(nil)}})
	if waiting := ana.journal.set.chainOf(cat.identity.Authority()).waiting; waiting != 1 {
		t.Fatalf("%d facts of cat's wait for others: nothing is proved", waiting)
	}
	held := ana.journal.set.len()
	ana.step(start.Add(time.Second), messages.OfferFacts{Session: 1, Facts: ben.facts()})
	if late := ana.journal.set.len() - held; late != maxLate {
		t.Errorf("%d late facts are held", late)
	}
}

// Who did not know of the removal when they came cannot tell that they are late;
// the facts add up to the same when it can.
func TestLateFactsThatCameInGoodFaithStay(t *testing.T) {
	ana, ben, cat := trio(t)
	ana.remove(start, ben)
	for range maxLate + 5 {
		ben.note(start.Add(time.Second), "late")
	}
	cat.learn(start.Add(time.Second), ben)
	cat.learn(start.Add(time.Second), ana)
	if late := len(cat.journal.set.chainOf(ben.identity.Authority()).entries); late != maxLate+5 || cat.view.Epoch != 3 {
		t.Fatalf("cat holds %d late facts in epoch %d: nothing is proved", late, cat.view.Epoch)
	}
	same(t, ana, cat)
	cat.restart(start.Add(time.Second))
	same(t, ana, cat)
	if flaw, err := cat.verify(); flaw != nil || err != nil {
		t.Errorf("%+v, %v", flaw, err)
	}
}

// Our own facts take our signature: we hold them all, and whoever brings them is
// not at fault.
func TestOwnLateFactsFindNoBound(t *testing.T) {
	ana, ben, cat := parted(t, maxLate+50)
	backup := &node{t: t, identity: ben.identity, random: seeded(9), disk: cat.twin(9).disk}
	backup.disk[messages.BucketFacts] = ana.twin(9).disk[messages.BucketFacts]
	delete(backup.disk, messages.BucketIndex)
	backup.restart(start)
	if backup.isMember() || backup.journal.own().head != 1 {
		t.Fatalf("the backup holds %d facts of its own", backup.journal.own().head)
	}
	w := newNetwork(t, backup, cat)
	w.link(0, 1)
	w.settle(20)
	if got := backup.journal.own().head; got != 1+maxLate+50 {
		t.Errorf("it holds %d facts of its own", got)
	}
	if slices.ContainsFunc(backup.ends, func(end SyncEnd) bool { return end.Reason == EndFault }) {
		t.Errorf("ends %v", backup.ends)
	}
}

// takeBack adds a member again that the founder has removed, and gives it the
// facts.
func (n *node) takeBack(now time.Time, who *node) {
	n.t.Helper()
	reply := n.ask(now, func(operation messages.OperationID) messages.JournalMessage {
		return messages.AddMember{Operation: operation, Member: who.identity.Public(), Role: messages.RoleParticipant}
	})
	_, secret, err := reply.Welcome.Accept(who.identity, n.view.Context, n.identity.Public())
	if err != nil {
		n.t.Fatalf("welcome: %v", err)
	}
	who.learn(now, n)
	who.ask(now, func(operation messages.OperationID) messages.JournalMessage {
		return messages.GiveKeys{Operation: operation, Records: Join(*reply.Welcome, secret)}
	})
}

// Who heard more of them before it knew of the removal holds more, and agrees all
// the same; and it does not send them over and over.
func TestLateFactsBeyondTheBoundKeepNobodyApart(t *testing.T) {
	ana, ben, cat := parted(t, maxLate+200)
	w := newNetwork(t, ana, cat)
	w.link(0, 1)
	w.settle(20)
	if had := cat.journal.set.len() - ana.journal.set.len(); had != 200 {
		t.Fatalf("cat holds %d facts more: nothing is proved", had)
	}
	for range 3 {
		ana.note(w.now, "news")
		cat.note(w.now, "news")
		before := w.bytes
		w.settle(20)
		if sent := w.bytes - before; sent > 10_000 {
			t.Errorf("%d bytes for two facts", sent)
		}
	}
	if s := cat.journal.set; s.chainOf(ben.identity.Authority()).needed > 1 {
		t.Error("what cat has written stands on late facts")
	}
	// It comes back, and what it writes stands on all of them.
	ana.takeBack(w.now, ben)
	back := ben.note(w.now, "back")
	w = newNetwork(t, ana, cat, ben)
	w.link(0, 1)
	w.link(0, 2)
	w.settle(50)
	for _, n := range w.nodes {
		if e := n.journal.set.graph.entries[back]; e == nil || e.missing > 0 || !n.journal.set.counts(e) {
			t.Errorf("%s does not read what ben wrote after it had come back", n)
		}
	}
}

// SPEC 13.3. Who did not know of the removal has named a fact beyond the bound: nobody
// gets what it has said without all that this stands on.
func TestLateFactsThatOthersStandOnFindNoBound(t *testing.T) {
	ana, ben, cat := parted(t, maxLate+20)
	note := cat.note(start.Add(2*time.Second), "in good faith")
	if parents := cat.header(note).Parents; !slices.Contains(parents, ben.head()) {
		t.Fatal("it does not name the last late fact: nothing is proved")
	}
	w := newNetwork(t, ana, cat)
	w.now = start.Add(3 * time.Second)
	w.link(0, 1)
	w.settle(20)
	if e := ana.journal.set.graph.entries[note]; e == nil || !e.isWhole() {
		t.Error("the founder lacks what the fact stands on")
	}
	ana.expectContent(0, "in time", "in good faith")
}
