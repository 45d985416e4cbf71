package journal

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/waymeet/waymeet/messages"
)

// content reads the node's application facts after a cursor, a few at a time, to
// the end.
func (n *node) content(after messages.FactCursor, author messages.AuthorityID) (texts []string, next messages.FactCursor) {
	n.t.Helper()
	for {
		before := len(n.given)
		n.step(start, messages.ReadContent{Request: 5, After: after, Author: author, MaxFacts: 2, MaxBytes: 4096})
		if len(n.given) != before+1 || n.given[before].Request != 5 || len(n.given[before].Facts) > 2 {
			n.t.Fatalf("answers %+v", n.given[before:])
		}
		give := n.given[before]
		facts, err := n.disk.Facts(give.Facts)
		if err != nil {
			n.t.Fatalf("read: %v", err)
		}
		for at, raw := range facts {
			fact := mustParse(raw)
			text, err := Open(fact, give.Keys[fact.Header.KeyID].Payload)
			if err != nil || give.Cursors[at] <= after || give.Cursors[at] > give.Next {
				n.t.Fatalf("cursor %d of %d after %d, %v", give.Cursors[at], give.Next, after, err)
			}
			if fact.Header.Type.IsApplication() {
				texts = append(texts, string(text))
			}
		}
		if give.Next == after {
			return texts, after
		}
		after = give.Next
	}
}

func (n *node) expectContent(after messages.FactCursor, want ...string) (next messages.FactCursor) {
	n.t.Helper()
	got, next := n.content(after, messages.AuthorityID{})
	if !slices.Equal(got, want) || next != n.view.Ready {
		n.t.Fatalf("%s reads %q up to %d of %d, want %q", n, got, next, n.view.Ready, want)
	}
	return next
}

func TestContentIsWhatHostsHaveSaid(t *testing.T) {
	ana, ben, _ := trio(t)
	ben.say(start, ben.descriptor(start, 1, 1))
	for at := range 5 {
		ben.note(start, fmt.Sprint("ben ", at))
	}
	ana.note(start, "ana")
	ana.learn(start, ben)
	next := ana.expectContent(0, "ana", "ben 0", "ben 1", "ben 2", "ben 3", "ben 4")
	ana.expectContent(next)
	ana.expectContent(next-2, "ben 3", "ben 4")
	ana.expectContent(next-2, "ben 3", "ben 4")
	if got, _ := ana.content(0, ana.identity.Authority()); !slices.Equal(got, []string{"ana"}) {
		t.Errorf("ana said %q", got)
	}
	ana.restart(start)
	ana.expectContent(next-2, "ben 3", "ben 4")
	if got, next := ana.content(1<<63, messages.AuthorityID{}); len(got) != 0 || next != 1<<63 {
		t.Errorf("behind the end: %q, then %d", got, next)
	}
}

// A fact that waits for others gets its place when they are here: who has read
// on meanwhile does not miss it.
func TestFactThatComesLateIsReadLate(t *testing.T) {
	ana, ben, _ := trio(t)
	first, second := ben.note(start, "first"), ben.note(start, "second")
	offer := func(id messages.FactID) {
		ana.step(start, messages.OfferFacts{From: ben.identity.Authority(), Facts: [][]byte{ben.raw(id)}})
	}
	offer(second)
	ana.note(start, "own")
	next := ana.expectContent(0, "own")
	offer(first)
	ana.expectContent(next, "first", "second")
	ana.restart(start)
	ana.expectContent(next, "first", "second")
	ana.expectContent(0, "own", "first", "second")
}

func TestQuarantinedAndPendingFactsAreNoContent(t *testing.T) {
	f := forge(t)
	f.at.HLC = messages.HLC(0).Next(messages.MillisOf(start.Add(time.Hour)))
	early := f.fact()
	f.ana.step(start, messages.OfferFacts{From: f.ben.identity.Authority(), Facts: [][]byte{early.Append(nil)}})
	f.at.HLC, f.at.Epoch = 1, 9
	pending := f.fact()
	f.ana.step(start, messages.OfferFacts{From: f.ben.identity.Authority(), Facts: [][]byte{pending.Append(nil)}})
	f.ana.expectContent(0)
}

// SPEC 3.4: what lies beyond a cut is "never reduced"; its author says it again.
func TestContentBeyondACutIsReadAsItIsSaidAgain(t *testing.T) {
	ana, ben, cat := trio(t)
	ben.note(start, "within")
	ana.learn(start, ben)
	late := ben.note(start, "late")
	cat.learn(start, ben)
	next := cat.expectContent(0, "within", "late")
	ana.ask(start, rotation)
	ben.learn(start, ana)
	cat.learn(start, ana)
	cat.expectContent(0, "within")
	cat.learn(start, ben)
	cat.expectContent(0, "within", "late")
	cat.expectContent(next, "late")
	again := cat.given[len(cat.given)-2].Facts[0].Fact
	if fact := mustParse(cat.raw(again)); messages.FactID(fact.Header.Again) != late {
		t.Errorf("it is read as %s", again.Short())
	}
	ana.learn(start, ben)
	ana.remove(start, ben)
	ben.note(start, "too late")
	ana.learn(start, ben)
	ana.expectContent(0, "within", "late")
}

// What comes before its key is read when the key is here: who has read on
// meanwhile does not miss it.
func TestFactThatComesBeforeItsKeyIsReadLate(t *testing.T) {
	ana, ben, cat := trio(t)
	ana.remove(start, ben)
	ana.note(start, "locked")
	ben.learn(start, ana)
	cursor := ben.expectContent(0)
	ben.learn(start, cat)
	ben.giveKey(ana)
	for range 2 {
		ben.expectContent(cursor, "locked")
		ben.restart(start)
	}
}

// A rival op opens a closed epoch again. What the cut had left out counts then, and who
// has read on meanwhile does not miss it.
func TestFactThatARivalBringsBackIsReadLate(t *testing.T) {
	ana, rival, ben, cat := rivals(t)
	ben.note(start, "late")
	cat.learn(start, ana)
	cat.learn(start, ben)
	ana.learn(start, ben)
	cursor := cat.expectContent(0)
	cat.learn(start, rival)
	for range 2 {
		cat.expectContent(cursor, "late")
		cat.expectContent(0, "late")
		cat.expectFlawless()
	}
}

// Two rival ops come at once: what the cut of the first keeps was never left out, and is
// not read a second time.
func TestRivalsThatComeTogetherMoveNothing(t *testing.T) {
	ana, ben, cat := trio(t)
	ben.note(start, "kept")
	ana.learn(start, ben)
	rival := ana.twin(99)
	ana.ask(start, rotation)
	rival.ask(start.Add(time.Second), rotation)
	cat.learn(start, ben)
	next := cat.expectContent(0, "kept")
	cat.step(start, messages.OfferFacts{From: ana.identity.Authority(), Facts: [][]byte{ana.raw(ana.head()), rival.raw(rival.head())}})
	if !cat.view.Conflict {
		t.Fatal("cat knows no rivals: nothing is proved")
	}
	cat.expectContent(next)
}

// What is within the cut and said again all the same is read once.
func TestContentThatIsRepeatedIsReadOnce(t *testing.T) {
	ana, ben, _ := trio(t)
	d := draft{kind: messages.FactApplication, schema: 1, plaintext: []byte("once"), again: ben.note(start, "once")}
	ana.learn(start, ben)
	ana.ask(start, rotation)
	ben.learn(start, ana)
	if _, err := ben.journal.append(messages.MillisOf(start), d, ben.view.Keys[3], &batch{}); err != nil {
		t.Fatal(err)
	}
	if got, _ := ben.content(0, messages.AuthorityID{}); !slices.Equal(got, []string{"once"}) {
		t.Errorf("read %q", got)
	}
}

// The op with the cut may be here before the facts that it names, of whomever.
func TestContentWithinACutNeedNotWaitForItsEnd(t *testing.T) {
	for at := range 2 {
		ana, ben, cat := trio(t)
		writer, hearer := ben, cat
		if at == 1 {
			writer, hearer = cat, ben
		}
		first, second := writer.note(start, "first"), writer.note(start, "second")
		ana.learn(start, writer)
		ana.journal.set.chainOf(writer.identity.Authority()).named = 99 // as if there were more than 8 other heads to name
		ana.note(start, "ana's")
		ana.ask(start, rotation)
		op := ana.head()
		offer := func(from *node, id messages.FactID) {
			hearer.step(start, messages.OfferFacts{From: from.identity.Authority(), Facts: [][]byte{from.raw(id)}})
		}
		offer(writer, first)
		for _, raw := range ana.facts() {
			if id := mustParse(raw).ID(); id != second && id != op {
				offer(ana, id)
			}
		}
		offer(ana, op)
		if hearer.view.Epoch != 3 || hearer.journal.set.counts(hearer.journal.set.graph.entries[first]) {
			t.Fatalf("epoch %d; the cut's last fact is missing, and what leads to it counts", hearer.view.Epoch)
		}
		next := hearer.expectContent(0, "first", "ana's")
		offer(writer, second)
		hearer.expectContent(next, "second")
		same(t, ana, hearer)
	}
}

// Another fact with the seq of the one that a cut names is beyond it, though that one is
// missing.
func TestForkOfACutsEndIsNoContent(t *testing.T) {
	ana, ben, cat := trio(t)
	cat.mute = true
	twin := ben.twin(9)
	end, fork := ben.note(start, "end"), twin.note(start, "fork")
	ana.learn(start, ben)
	ana.journal.set.chainOf(ben.identity.Authority()).named = 1 // as if there were more than 8 other heads to name
	ana.ask(start, rotation)
	cat.step(start, messages.OfferFacts{From: twin.identity.Authority(), Facts: [][]byte{twin.raw(fork)}})
	for _, raw := range ana.facts() {
		if mustParse(raw).ID() != end {
			cat.step(start, messages.OfferFacts{From: ana.identity.Authority(), Facts: [][]byte{raw}})
		}
	}
	next := cat.expectContent(0)
	cat.step(start, messages.OfferFacts{From: ben.identity.Authority(), Facts: [][]byte{ben.raw(end)}})
	cat.expectContent(next, "end")
	same(t, ana, cat)
}

// A walk down from the fact that a cut names goes on when the gap in it closes.
func TestCutIsFollowedOverAGapThatCloses(t *testing.T) {
	ana, ben, cat := trio(t)
	ids := []messages.FactID{ben.note(start, "first"), ben.note(start, "second"), ben.note(start, "third")}
	ana.learn(start, ben)
	ana.journal.set.chainOf(ben.identity.Authority()).named = 3 // as if there were more than 8 other heads to name
	ana.ask(start, rotation)
	for _, raw := range ana.facts() {
		if !slices.Contains(ids, mustParse(raw).ID()) {
			cat.step(start, messages.OfferFacts{From: ana.identity.Authority(), Facts: [][]byte{raw}})
		}
	}
	for _, at := range []int{0, 2, 1} {
		cat.step(start, messages.OfferFacts{From: ben.identity.Authority(), Facts: [][]byte{ben.raw(ids[at])}})
	}
	cat.expectContent(0, "first", "second", "third")
	same(t, ana, cat)
}

// However facts come, and whenever somebody reads on, everybody who follows
// reads what counts in the end, and after a restart goes on where it was.
func TestFollowerReadsAllThatCounts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := makeHistory(t)
		order := rapid.Permutation(h.facts).Draw(t, "order")
		n := h.hearer(t).twin(7)
		n.mute = true
		var cursor messages.FactCursor
		var read []string
		for len(order) > 0 {
			piece := rapid.IntRange(1, len(order)).Draw(t, "piece")
			n.step(start.Add(time.Hour), messages.OfferFacts{Session: 1, From: messages.AuthorityID{1}, Facts: order[:piece]})
			order = order[piece:]
			if rapid.Bool().Draw(t, "restart") {
				n.learnPending(start.Add(time.Hour))
			}
			var some []string
			some, cursor = n.content(cursor, messages.AuthorityID{})
			read = append(read, some...)
		}
		all, end := n.content(0, messages.AuthorityID{})
		if end != cursor {
			t.Fatalf("the follower is at %d, the end is %d", cursor, end)
		}
		for _, text := range all {
			if !slices.Contains(read, text) {
				t.Fatalf("the follower has missed %q of %q", text, all)
			}
		}
		n.restart(start)
		if again, _ := n.content(0, messages.AuthorityID{}); !slices.Equal(again, all) {
			t.Fatalf("after a restart %q, before %q", again, all)
		}
	})
}

// learnPending restarts the node, and offers again what only its memory held.
func (n *node) learnPending(now time.Time) {
	var facts [][]byte
	for _, waiting := range n.journal.aside.pending[messages.AuthorityID{1}] {
		facts = append(facts, waiting.raw)
	}
	n.restart(now)
	n.step(now, messages.OfferFacts{Session: 1, From: messages.AuthorityID{1}, Facts: facts})
}

// What is passed over is bounded, too: who reads one author goes on behind it.
func TestContentThatIsPassedOverIsBounded(t *testing.T) {
	a, ana, _ := newArchive(t, 2)
	hold(ana, a.append(contentScan+20, false))
	whom := messages.AuthorityID{77}
	ana.step(start, messages.ReadContent{Request: 5, Author: whom, MaxFacts: 9, MaxBytes: 4096})
	if give := ana.given[len(ana.given)-1]; give.Next != contentScan || len(give.Facts) != 0 {
		t.Errorf("it reads up to %d of %d", give.Next, ana.view.Ready)
	}
	if got, next := ana.content(0, whom); len(got) != 0 || next != ana.view.Ready {
		t.Errorf("%d facts up to %d of %d", len(got), next, ana.view.Ready)
	}
}

// What a host reads at once is bounded by facts and by bytes. A fact that is larger
// than the bound is read alone.
func TestContentIsBounded(t *testing.T) {
	ana := found(t, 1)
	var size int
	for range 4 {
		size = len(ana.raw(ana.note(start, "note")))
	}
	for _, test := range []struct{ facts, bytes, want int }{
		{9, 9 * size, 4}, {3, 9 * size, 3}, {9, 3 * size, 3}, {9, 3*size - 1, 2}, {9, size, 1}, {9, size - 1, 1}, {9, 0, 1},
	} {
		ana.step(start, messages.ReadContent{Request: 5, MaxFacts: test.facts, MaxBytes: test.bytes})
		give := ana.given[len(ana.given)-1]
		if len(give.Facts) != test.want || give.Next == 0 {
			t.Errorf("%d facts of %d bytes: %d, then %d", test.facts, test.bytes, len(give.Facts), give.Next)
		}
	}
}
