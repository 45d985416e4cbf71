package journal

import (
	"bytes"
	"cmp"
	"iter"
	"slices"

	"github.com/waymeet/waymeet/messages"
)

// Bounds of a set reconciliation.
const (
	// A range in which more than maxNamed facts are held is split into parts of
	// about partSize, at most maxParts; in one with fewer they are named. More
	// parts mean fewer turns and more bytes: with 16, a difference among 100 000
	// facts costs a sixth more than with 8.
	maxNamed = 16
	partSize = 8
	maxParts = 8
	// maxCompared bounds the parts and names of one turn. What does not fit is
	// found in a later round, when what did fit has moved.
	maxCompared = 4096
)

// compare is our turn in a reconciliation.
//
// SPEC 13.1: "if fingerprints still differ, range-based set reconciliation
// finds the rest." It runs over the facts that are whole, those beyond a cut too:
// what counts may stand on one of them. What waits for others is not shown, for
// nobody knows whether it ever will be whole, and a member could make very much
// of it; but what is held is not asked for. So whoever lacks one fact in the
// middle of a chain is told the names of those behind it, too. Ranges are over
// one author's facts, in the order (seq, id).
//
// A turn costs walks over the ranges that the other side speaks of, and those of one
// kind are apart from each other: at most three walks over all facts for splits, two
// for lists, one each for extras and wants.
func (s *set) compare(q messages.CompareRanges) messages.RangesCompared {
	t := turn{set: s, salt: q.Salt, authors: map[messages.AuthorPrefix]messages.AuthorityID{}, room: maxCompared}
	for _, author := range s.authors() {
		t.authors[messages.Prefix(author)] = author
	}
	for _, r := range q.Begin {
		t.begin(r)
	}
	for _, split := range q.Theirs.Splits {
		t.split(split)
	}
	for _, list := range q.Theirs.Lists {
		t.list(list)
	}
	for _, extras := range q.Theirs.Extras {
		t.want(extras, t.lacking(extras))
	}
	for _, wants := range q.Theirs.Wants {
		t.give(wants)
	}
	slices.SortFunc(t.ours.Wants, func(a, b messages.RangeList) int {
		return cmp.Or(bytes.Compare(a.Author[:], b.Author[:]), compareBounds(a.From, b.From))
	})
	slices.SortFunc(t.send, byHLC)
	result := messages.RangesCompared{
		Session: q.Session, Peer: q.Peer, Ours: t.ours, Walked: uint64(t.walked), Held: uint64(s.len()),
	}
	for _, e := range t.send {
		result.Send = append(result.Send, e.id)
	}
	return result
}

// turn is a Comparison in the making.
type turn struct {
	set     *set
	salt    messages.RangeSalt
	authors map[messages.AuthorPrefix]messages.AuthorityID
	// room is how many parts and names may still be said.
	room int
	// walked is how many facts were looked at.
	walked int
	ours   messages.Comparison
	send   []*entry
}

// take reports whether n more parts and names may be said, and takes them.
func (t *turn) take(n int) bool {
	if n > t.room {
		return false
	}
	t.room -= n
	return true
}

// begin shows a range as one part.
func (t *turn) begin(r messages.AuthorRange) {
	to := messages.RangeBound{Seq: r.To + 1}
	if !t.take(1) {
		return
	}
	t.ours.Splits = append(t.ours.Splits, messages.RangeSplit{Author: r.Author, Parts: []messages.RangePart{
		{To: to, Fingerprint: t.sum(r.Author, messages.RangeBound{}, to).fingerprint()},
	}})
}

// split answers those parts of a split that are other here.
func (t *turn) split(r messages.RangeSplit) {
	from := r.From
	for _, part := range r.Parts {
		if t.sum(r.Author, from, part.To).fingerprint() != part.Fingerprint {
			t.show(r.Author, from, part.To)
		}
		from = part.To
	}
}

// show names what is held in the range, or splits it.
func (t *turn) show(author messages.AuthorPrefix, from, to messages.RangeBound) {
	held := slices.Collect(t.whole(author, from, to))
	if len(held) > maxNamed {
		t.walked += len(held)
		if parts := divide(held, to, t.salt); len(parts) > 1 {
			if t.take(len(parts)) {
				t.ours.Splits = append(t.ours.Splits, messages.RangeSplit{Author: author, From: from, Parts: parts})
			}
			return
		}
	}
	if t.take(1 + len(held)) {
		list := messages.RangeList{Author: author, From: from, To: to, Facts: namesOf(held)}
		t.ours.Lists = append(t.ours.Lists, list)
	}
}

// list answers a list of all that the other side holds in a range.
func (t *turn) list(theirs messages.RangeList) {
	t.want(theirs, t.lacking(theirs))
	var extras []*entry
	for e := range t.whole(theirs.Author, theirs.From, theirs.To) {
		if !names(theirs, e) {
			extras = append(extras, e)
		}
	}
	extras = extras[:min(len(extras), max(t.room-1, 0))]
	if len(extras) > 0 && t.take(1+len(extras)) {
		theirs.Facts = namesOf(extras)
		t.ours.Extras = append(t.ours.Extras, theirs)
	}
}

// lacking are the facts of the list that are not held.
func (t *turn) lacking(list messages.RangeList) []messages.FactPrefix {
	missing := map[messages.FactPrefix]bool{}
	for _, name := range list.Facts {
		missing[name] = true
	}
	for _, e := range t.span(list.Author, list.From, list.To) {
		delete(missing, messages.NameOf(e.id))
	}
	return slices.DeleteFunc(slices.Clone(list.Facts), func(name messages.FactPrefix) bool { return !missing[name] })
}

// want asks for facts in the range of the list.
func (t *turn) want(list messages.RangeList, lacking []messages.FactPrefix) {
	lacking = lacking[:min(len(lacking), max(t.room-1, 0))]
	if len(lacking) > 0 && t.take(1+len(lacking)) {
		list.Facts = lacking
		t.ours.Wants = append(t.ours.Wants, list)
	}
}

// give sends what is asked for.
func (t *turn) give(wants messages.RangeList) {
	for _, e := range t.span(wants.Author, wants.From, wants.To) {
		if names(wants, e) {
			t.send = append(t.send, e)
		}
	}
}

// span is what is held in a range, whole or not.
func (t *turn) span(author messages.AuthorPrefix, from, to messages.RangeBound) []*entry {
	c := t.set.chains[t.authors[author]]
	if c == nil {
		return nil
	}
	begin, _ := slices.BinarySearchFunc(c.entries, from, compareBound)
	end, _ := slices.BinarySearchFunc(c.entries, to, compareBound)
	end = max(begin, end)
	t.walked += end - begin
	return c.entries[begin:end]
}

// whole is what is whole in a range.
func (t *turn) whole(author messages.AuthorPrefix, from, to messages.RangeBound) iter.Seq[*entry] {
	return func(yield func(*entry) bool) {
		for _, e := range t.span(author, from, to) {
			if e.isWhole() && !yield(e) {
				return
			}
		}
	}
}

// sum describes what is whole in a range.
func (t *turn) sum(author messages.AuthorPrefix, from, to messages.RangeBound) (sum rangeHash) {
	for e := range t.whole(author, from, to) {
		sum.add(t.salt, e.id)
	}
	return sum
}

// divide splits what is held up to a bound into parts of about equal size.
// Facts with one seq and one beginning of the id stay together.
func divide(held []*entry, to messages.RangeBound, salt messages.RangeSalt) []messages.RangePart {
	n := min(maxParts, (len(held)+partSize-1)/partSize)
	var parts []messages.RangePart
	begin := 0
	for part := 1; part <= n; part++ {
		end, bound := len(held), to
		if part < n {
			end = part * len(held) / n
			bound = boundBefore(held, end)
			for end > begin && compareBound(held[end-1], bound) >= 0 {
				end--
			}
		}
		if end == begin {
			continue
		}
		var sum rangeHash
		for _, e := range held[begin:end] {
			sum.add(salt, e.id)
		}
		parts = append(parts, messages.RangePart{To: bound, Fingerprint: sum.fingerprint()})
		begin = end
	}
	return parts
}

// boundBefore is a bound before the entry at that place, as short as can be.
func boundBefore(held []*entry, at int) messages.RangeBound {
	e := held[at]
	if held[at-1].seq != e.seq {
		return messages.RangeBound{Seq: e.seq}
	}
	return messages.RangeBound{Seq: e.seq, ID: slices.Clone(e.id[:boundSize])}
}

// compareBound tells an entry that lies before a bound (-1) from one that does
// not.
func compareBound(e *entry, b messages.RangeBound) int { return e.position().compare(lowest(b)) }

// namesOf are the names of the facts, sorted.
func namesOf(facts []*entry) []messages.FactPrefix {
	all := make([]messages.FactPrefix, len(facts))
	for at, e := range facts {
		all[at] = messages.NameOf(e.id)
	}
	slices.SortFunc(all, compareNames)
	return slices.Compact(all)
}

// names reports whether the list names the fact.
func names(list messages.RangeList, e *entry) bool {
	_, named := slices.BinarySearchFunc(list.Facts, messages.NameOf(e.id), compareNames)
	return named
}
