package journal

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/waymeet/waymeet/messages"
)

// A set has one fingerprint in whatever order its facts come, and every other
// set another one.
func TestFingerprintIsOfTheSet(t *testing.T) {
	of := func(ids ...byte) [32]byte {
		var h setHash
		for _, id := range ids {
			h.add(messages.FactID{id})
		}
		return h.fingerprint()
	}
	if of(1, 2, 3) != of(3, 1, 2) {
		t.Error("the order counts")
	}
	// The lanes of 1 and 4 are not those of 2 and 3, though the ids add up to the same.
	if of(1, 4) == of(2, 3) || of(1) == of(1, 1) || of() == of(0) {
		t.Error("two sets have one fingerprint")
	}
}

// Nobody who makes facts knows what ranges are summed up with: it is other in
// every session, and both sides have a part in it.
func TestRangesAreSaltedBySession(t *testing.T) {
	of := func(initiator, responder byte) [16]byte {
		var h rangeHash
		h.add(rangeSalt([16]byte{initiator}, [16]byte{responder}), messages.FactID{9})
		return h.fingerprint()
	}
	if of(1, 2) == of(2, 1) || of(1, 2) == of(1, 3) || of(1, 2) == of(3, 2) {
		t.Error("the salt is not that of the session")
	}
	ours := &session{initiator: true, nonce: [16]byte{1}, theirNonce: [16]byte{2}}
	theirs := &session{nonce: [16]byte{2}, theirNonce: [16]byte{1}}
	if ours.salt() != theirs.salt() {
		t.Error("the two sides have two salts")
	}
}

// heldOf draws entries of one author, many with one seq, sorted.
func heldOf(t *rapid.T) []*entry {
	var held []*entry
	for range rapid.IntRange(1, 200).Draw(t, "facts") {
		e := &entry{seq: messages.Seq(rapid.IntRange(1, 40).Draw(t, "seq"))}
		e.id[0] = rapid.SampledFrom([]byte{0, 1, 255}).Draw(t, "id")
		e.id[boundSize] = rapid.Byte().Draw(t, "behind the bound")
		held = append(held, e)
	}
	slices.SortFunc(held, compareEntries)
	return slices.CompactFunc(held, func(a, b *entry) bool { return compareEntries(a, b) == 0 })
}

// The parts of a split cover it without gaps, and each describes what lies
// between its bounds.
func TestSplitCoversItsRange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		held := heldOf(t)
		to := messages.RangeBound{Seq: 41}
		parts := divide(held, to, messages.RangeSalt{1})
		if len(parts) == 0 || len(parts) > maxParts || compareBounds(parts[len(parts)-1].To, to) != 0 {
			t.Fatalf("%d parts up to %v", len(parts), parts[len(parts)-1].To)
		}
		split := messages.RangeSplit{Parts: parts}
		if err := checkComparison(messages.Comparison{Splits: []messages.RangeSplit{split}}); err != nil {
			t.Fatal(err)
		}
		from := split.From
		for _, part := range parts {
			var sum rangeHash
			for _, e := range held {
				if compareBound(e, from) >= 0 && compareBound(e, part.To) < 0 {
					sum.add(messages.RangeSalt{1}, e.id)
				}
			}
			if sum.fingerprint() != part.Fingerprint {
				t.Fatalf("the part up to %v does not describe its facts", part.To)
			}
			from = part.To
		}
	})
}

// Facts with one number are split by their ids.
func TestForkIsSplit(t *testing.T) {
	var held []*entry
	for n := range byte(4 * partSize) {
		held = append(held, &entry{seq: 7, id: messages.FactID{n}})
	}
	if parts := divide(held, messages.RangeBound{Seq: 8}, messages.RangeSalt{}); len(parts) != 4 {
		t.Errorf("%d parts", len(parts))
	}
}

// begin is the question with which a comparison of an author's chain begins.
func begin(author messages.AuthorityID) messages.CompareRanges {
	return messages.CompareRanges{Begin: []messages.AuthorRange{{Author: messages.Prefix(author), To: 1 << 20}}}
}

// listed is what a node names of an author, to one that holds nothing.
func listed(n *node, author messages.AuthorityID) []messages.FactPrefix {
	theirs := messages.Comparison{Splits: n.journal.set.compare(begin(author)).Ours.Splits}
	for at := range theirs.Splits {
		for part := range theirs.Splits[at].Parts {
			theirs.Splits[at].Parts[part].Fingerprint[0] ^= 1
		}
	}
	var names []messages.FactPrefix
	for _, list := range n.journal.set.compare(messages.CompareRanges{Theirs: theirs}).Ours.Lists {
		names = append(names, list.Facts...)
	}
	return names
}

// What counts may stand on facts beyond a cut, so a comparison shows them; what
// waits for others it does not show. But what is held is not asked for.
func TestComparisonIsOverWhatIsWhole(t *testing.T) {
	ana, ben, cat := trio(t)
	within := cat.note(start, "within the cut")
	ana.learn(start, cat)
	beyond := cat.note(start, "beyond the cut")
	ana.admit(start, 4)
	ben.learn(start, cat)
	ben.learn(start, ana)
	author := cat.identity.Authority()
	late := cat.note(start, "behind a gap")
	cat.note(start, "of one fact")
	waits := cat.head()
	ben.step(start, messages.OfferFacts{Facts: [][]byte{cat.raw(waits)}})
	names := []messages.FactPrefix{messages.NameOf(within), messages.NameOf(beyond)}
	slices.SortFunc(names, compareNames)
	if shown := listed(ben, author); !slices.Equal(shown, names) {
		t.Errorf("ben shows %x", shown)
	}
	ben.step(start, messages.OfferFacts{Facts: [][]byte{cat.raw(late)}})
	if shown := listed(ben, author); len(shown) != 4 {
		t.Errorf("without the gap ben shows %x", shown)
	}
	extras := messages.RangeList{
		Author: messages.Prefix(author), To: messages.RangeBound{Seq: 9}, Facts: []messages.FactPrefix{messages.NameOf(beyond)},
	}
	answer := ben.journal.set.compare(messages.CompareRanges{Theirs: messages.Comparison{Extras: []messages.RangeList{extras}}})
	if len(answer.Ours.Wants) != 0 {
		t.Errorf("ben asks for what he holds: %v", answer.Ours.Wants)
	}
	answer = ana.journal.set.compare(messages.CompareRanges{Theirs: messages.Comparison{Extras: []messages.RangeList{extras}}})
	if len(answer.Ours.Wants) != 1 {
		t.Errorf("ana does not ask for what she lacks: %v", answer.Ours.Wants)
	}
}

// What is asked for goes out in causal order, whosever it is.
func TestAskedFactsGoInCausalOrder(t *testing.T) {
	a, ana, _ := newArchive(t, 3)
	facts := a.append(30, true)
	hold(ana, facts)
	ranges := map[messages.AuthorPrefix]messages.RangeList{}
	for _, fact := range facts {
		author := messages.Prefix(fact.Header.Author)
		r := ranges[author]
		r.Author, r.To = author, messages.RangeBound{Seq: 1 << 20}
		r.Facts = append(r.Facts, messages.NameOf(fact.ID()))
		slices.SortFunc(r.Facts, compareNames)
		ranges[author] = r
	}
	answer := ana.journal.set.compare(messages.CompareRanges{Theirs: messages.Comparison{Wants: slices.Collect(maps.Values(ranges))}})
	var want []messages.FactID
	for _, fact := range facts {
		want = append(want, fact.ID())
	}
	if !slices.Equal(answer.Send, want) {
		t.Errorf("%d facts in another order than they were written", len(answer.Send))
	}
}

// Nothing is shown before it is on disk.
func TestComparisonWaitsForTheDisk(t *testing.T) {
	ana, _, _ := trio(t)
	ana.hold = true
	ana.step(start, messages.Commit{Operation: ana.operation(1), Facts: []messages.RendezvousFact{
		messages.ApplicationFact{Type: messages.FactApplication, Body: []byte("under way")},
	}})
	if len(ana.kept) != 1 {
		t.Fatal("no write is under way")
	}
	isAnswer := func(e Effect) bool {
		tell, _ := e.(TellSync)
		_, compared := tell.Message.(messages.RangesCompared)
		return compared
	}
	if slices.ContainsFunc(ana.journal.Step(start, begin(ana.identity.Authority())), isAnswer) {
		t.Error("compared before the disk has answered")
	}
	ana.hold = false
	effects := ana.journal.Step(start, messages.Written{Batch: ana.kept[0].Batch})
	if !slices.ContainsFunc(effects, isAnswer) {
		t.Errorf("not compared afterwards: %v", effects)
	}
}

func TestComparisonOfAStoppedJournal(t *testing.T) {
	ana, ben := forkedPair(t, 3)
	w := newNetwork(t, ana, ben)
	w.tamper = func(frame []byte) [][]byte {
		if frame[0] == kindState {
			ana.journal.stop("the disk is gone")
		}
		return [][]byte{frame}
	}
	w.link(0, 1)
	w.run(1000)
	if !slices.ContainsFunc(ana.ends, func(e SyncEnd) bool { return e.Reason == EndStopped }) {
		t.Errorf("ended with %v", ana.ends)
	}
}

// A member that signs very many facts with one number makes splits as fine as
// its facts.
func TestManyForksAtOnePlace(t *testing.T) {
	a, ana, ben := newArchive(t, 3)
	facts := a.append(30, true)
	hold(ana, facts)
	hold(ben, facts)
	var twins [2][]messages.Fact
	for n := range 300 {
		twins[n%2] = append(twins[n%2], a.twin(facts[12]))
	}
	hold(ana, twins[0])
	hold(ben, twins[1])
	w := newNetwork(t, ana, ben)
	w.link(0, 1)
	w.run(10_000)
	same(t, ana, ben)
}

// A gap costs what is missing, and the names of what comes after it: nobody can
// know that it counts.
func TestGapCostsWhatIsMissing(t *testing.T) {
	a, ana, ben := newArchive(t, 3)
	facts := a.append(3000, true)
	hold(ana, facts)
	gap := slices.Clone(facts[300:310])
	hold(ben, slices.Delete(slices.Clone(facts), 300, 310))
	w := newNetwork(t, ana, ben)
	w.link(0, 1)
	w.run(10_000)
	same(t, ana, ben)
	names := len(facts[310:]) * (len(messages.FactPrefix{}) + 1)
	if most := sizeOf(gap) + len(gap)*1024 + names; w.bytes > most {
		t.Errorf("%d bytes for a gap of %d, at most %d", w.bytes, sizeOf(gap), most)
	}
}

// More differences than one turn can name are found in rounds.
func TestMoreDifferencesThanATurnNames(t *testing.T) {
	a, ana, ben := newArchive(t, 20)
	facts := a.append(6000, true)
	var twins []messages.Fact
	for _, fact := range facts {
		twins = append(twins, a.twin(fact))
	}
	hold(ana, facts)
	hold(ana, twins)
	hold(ben, facts)
	hold(ben, slices.DeleteFunc(twins, func(twin messages.Fact) bool { return twin.Header.Seq%20 < 15 }))
	if missing := ana.view.Count - ben.view.Count; missing < maxCompared {
		t.Fatalf("only %d facts are missing", missing)
	}
	w := newNetwork(t, ana, ben)
	w.link(0, 1)
	w.run(100_000)
	same(t, ana, ben)
	w.expectEqualEnds()
}

// Long branches of one chain, more facts than may wait for others, cost little
// more than they are (SPEC 13.4).
func TestLongBranchesMeet(t *testing.T) {
	a, ana, ben := newArchive(t, 2)
	common := a.append(100, true)
	other := a.branch()
	branches := [2][]messages.Fact{a.append(3*maxOrphans, true), other.append(3*maxOrphans, true)}
	for at, n := range []*node{ana, ben} {
		hold(n, common)
		hold(n, branches[at])
	}
	w := newNetwork(t, ana, ben)
	w.link(0, 1)
	w.run(100_000)
	same(t, ana, ben)
	if size := sizeOf(branches[0]) + sizeOf(branches[1]); w.bytes > size*115/100 {
		t.Errorf("%d bytes for facts of %d", w.bytes, size)
	}
}

// FuzzCompare asks a journal anything about one author: it answers what a peer
// takes.
func FuzzCompare(f *testing.F) {
	a, ana, _ := newArchive(f, 2)
	facts := a.append(100, true)
	hold(ana, facts)
	for range 30 {
		hold(ana, []messages.Fact{a.twin(facts[7])})
	}
	f.Add(messages.Encode(vectorComparison))
	f.Add(messages.Encode(ana.journal.set.compare(begin(facts[7].Header.Author)).Ours))
	f.Fuzz(func(t *testing.T, b []byte) {
		theirs, err := messages.Decode[messages.Comparison](b)
		if err != nil {
			return
		}
		author := messages.Prefix(facts[7].Header.Author)
		for at := range theirs.Splits {
			theirs.Splits[at].Author = author
		}
		for _, lists := range [][]messages.RangeList{theirs.Lists, theirs.Extras, theirs.Wants} {
			for at := range lists {
				lists[at].Author = author
			}
		}
		if checkComparison(theirs) != nil {
			return
		}
		answer := ana.journal.set.compare(messages.CompareRanges{Theirs: theirs})
		// Who lists a range and names extras in it gets wants that overlap.
		overlap := len(theirs.Lists) > 0 && len(theirs.Extras) > 0
		if err := checkComparison(answer.Ours); err != nil && !overlap {
			t.Errorf("%v: %+v", err, answer.Ours)
		}
		if len(answer.Send) > ana.journal.set.len() {
			t.Errorf("sends %d facts of %d", len(answer.Send), ana.journal.set.len())
		}
	})
}

// Facts with one seq and one beginning of the id, which no bound parts, are one part;
// what lies on both sides of them is not lost.
func TestFactsThatNoBoundPartsStayTogether(t *testing.T) {
	for name, test := range map[string]struct {
		outside []*entry
		parts   int
	}{
		"nothing else": {nil, 1}, "one before": {[]*entry{{seq: 6}}, 2}, "one behind": {[]*entry{{seq: 8}}, 1},
	} {
		held := slices.Clone(test.outside)
		for n := range byte(3 * partSize) {
			e := &entry{seq: 7}
			e.id[boundSize] = n
			held = append(held, e)
		}
		slices.SortFunc(held, compareEntries)
		to := messages.RangeBound{Seq: 9}
		parts := divide(held, to, messages.RangeSalt{})
		if len(parts) != test.parts || compareBounds(parts[len(parts)-1].To, to) != 0 {
			t.Errorf("%s: parts %+v", name, parts)
		}
		// A split of one part would be split again and again: they are named instead.
		ana := found(t, 1)
		author := ana.identity.Authority()
		ana.journal.set.chains[author].entries = held
		whole := messages.RangeSplit{Author: messages.Prefix(author), Parts: []messages.RangePart{{To: to}}}
		answer := ana.journal.set.compare(messages.CompareRanges{Theirs: messages.Comparison{Splits: []messages.RangeSplit{whole}}}).Ours
		if splits := test.parts - 1; len(answer.Splits) != splits || len(answer.Lists) != 1-splits {
			t.Errorf("%s: answered with %d splits and %d lists", name, len(answer.Splits), len(answer.Lists))
		}
	}
}
