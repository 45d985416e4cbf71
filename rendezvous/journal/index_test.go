package journal

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/waymeet/waymeet/messages"
)

// summary is everything that a journal says of its facts.
func (n *node) summary() string {
	s := n.journal.set
	text := fmt.Sprintf("%+v\nstate %+v\nlast %d, clock %d, numbered %v\n", n.view, n.state, s.last, s.clock, s.numbered)
	for _, id := range n.order() {
		e := s.graph.entries[id]
		text += fmt.Sprintf("%s at %d: %d bytes, waits for %d, kept %t, covers %d, says %+v\n",
			id.Short(), e.place, e.size, e.missing, e.retained, e.covers, e.body())
	}
	return text
}

// order are all facts by (author, seq, id).
func (n *node) order() []messages.FactID {
	var ids []messages.FactID
	for _, raw := range n.facts() {
		ids = append(ids, mustParse(raw).ID())
	}
	return ids
}

// uncovered says what is missing in the index: it has all segments that the facts on
// disk fill, and these facts in them.
func (n *node) uncovered() string {
	places := slices.Sorted(maps.Keys(n.disk[messages.BucketFacts]))
	size, segments := n.journal.index.size, n.disk[messages.BucketIndex]
	if len(segments) != len(places)/size {
		return fmt.Sprintf("%d segments of %d for %d facts", len(segments), size, len(places))
	}
	for ; len(places) >= size; places = places[size:] {
		s, err := messages.Decode[segment](segments[places[0]])
		if err != nil || len(s.Rows) != size*rowSize {
			return fmt.Sprintf("%d bytes of rows at %x: %v", len(s.Rows), places[0], err)
		}
		for at, place := range places[:size] {
			fact := mustParse(n.disk[messages.BucketFacts][place]).ID()
			if row := parseIndexRow(s.Rows[at*rowSize:][:rowSize]); row.id != fact {
				return fmt.Sprintf("%s at %x, and not %s", row.id.Short(), place, fact.Short())
			}
		}
	}
	return ""
}

// A journal that was opened with its index is the one that was opened without,
// and the one that never closed.
func TestIndexSaysWhatTheFactsSay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := makeHistory(t)
		n, facts := h.listeners[0].twin(7), h.facts
		n.journal.index.size = rapid.IntRange(1, 9).Draw(t, "segment")
		for len(facts) > 0 {
			piece := rapid.IntRange(1, len(facts)).Draw(t, "piece")
			n.step(start.Add(time.Minute), messages.OfferFacts{Session: 1, From: messages.AuthorityID{1}, Facts: facts[:piece]})
			facts = facts[piece:]
		}
		if flaw := n.uncovered(); flaw != "" {
			t.Fatal(flaw)
		}
		n.restart(start.Add(time.Minute)) // what peers have shown is forgotten
		indexed := n.summary()
		delete(n.disk, messages.BucketIndex)
		n.restart(start.Add(time.Minute))
		if diff := cmp.Diff(n.summary(), indexed); diff != "" {
			t.Fatal(diff)
		}
	})
}

// indexed is a founder whose index has segments of four, and the number of
// them.
func indexed(t *testing.T) (n *node, segments int) {
	t.Helper()
	n = found(t, 1)
	n.journal.index.size = 4
	for at := range 10 {
		n.note(start.Add(time.Duration(at)*time.Second), fmt.Sprint(at))
	}
	if segments = len(n.disk[messages.BucketIndex]); segments != 2 {
		t.Fatalf("%d segments of 11 facts", segments)
	}
	return n, segments
}

// What the index covers is not read from the facts.
func TestIndexedFactsAreNotRead(t *testing.T) {
	n, _ := indexed(t)
	want := n.view
	for place := messages.Place(1); place <= 8; place++ {
		delete(n.disk[messages.BucketFacts], string(place.Key()))
	}
	n.restart(start)
	if n.view.Fingerprint != want.Fingerprint || n.view.Count != want.Count {
		t.Errorf("%d facts, want %d", n.view.Count, want.Count)
	}
}

// A version that understands other facts reads all of them again, and writes
// the index anew.
func TestIndexOfAnotherVersionIsReplaced(t *testing.T) {
	n, segments := indexed(t)
	want := maps.Clone(n.disk[messages.BucketIndex])
	for key, raw := range want {
		s, err := messages.Decode[segment]([]byte(raw))
		if err != nil {
			t.Fatal(err)
		}
		s.Known[0]++
		s.Rows = make([]byte, len(s.Rows)) // nobody may look at them
		n.disk[messages.BucketIndex][key] = messages.Encode(s)
	}
	view := n.view
	n.restart(start)
	if n.view.Fingerprint != view.Fingerprint {
		t.Fatal("the facts were not read")
	}
	n.journal.index.size = 4
	n.note(start.Add(time.Minute), "the next batch")
	if got := n.disk[messages.BucketIndex]; len(got) != segments+1 || !maps.EqualFunc(want, sub(got, want), bytes.Equal) {
		t.Errorf("the index was not written anew: %d segments", len(got))
	}
}

// sub is the part of a map that another has keys for.
func sub(all, of map[string][]byte) map[string][]byte {
	part := maps.Clone(all)
	maps.DeleteFunc(part, func(key string, _ []byte) bool { _, there := of[key]; return !there })
	return part
}

func TestBadIndexIsRefused(t *testing.T) {
	n, _ := indexed(t)
	key := string(messages.Place(1).Key())
	good, err := messages.Decode[segment](n.disk[messages.BucketIndex][key])
	if err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*segment){
		"half a row":      func(s *segment) { s.Rows = s.Rows[1:] },
		"half a parent":   func(s *segment) { s.Parents = []byte{0} },
		"no such tenure":  func(s *segment) { s.Tenures = nil },
		"no such row":     func(s *segment) { s.Parents = append([]byte{0xff, 0xff}, make([]byte, 32)...) },
		"says nothing":    func(s *segment) { s.Sayings = []storedSaying{{Row: 0xffff}} },
		"says what isn't": func(s *segment) { s.Sayings = []storedSaying{{Type: messages.FactDescriptor, Body: []byte{1}}} },
	} {
		bad := good
		spoil(&bad)
		n.disk[messages.BucketIndex][key] = messages.Encode(bad)
		if _, err := Load(Config{Identity: n.identity, Random: n.random}, n.disk); !errors.Is(err, ErrRecord) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whatever stands in a record of the index is read or refused.
func FuzzSegment(f *testing.F) {
	n := found(f, 1)
	n.journal.index.size = 4
	for at := range 4 {
		n.note(start.Add(time.Duration(at)*time.Second), fmt.Sprint(at))
	}
	for _, raw := range n.disk[messages.BucketIndex] {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := messages.Decode[segment](raw)
		if err != nil {
			return
		}
		if facts, err := s.gists(1); err == nil && len(facts)*rowSize != len(s.Rows) {
			t.Errorf("%d facts of %d bytes", len(facts), len(s.Rows))
		}
		if again := messages.Encode(s); !bytes.Equal(again, raw) {
			t.Errorf("%x is written as %x", raw, again)
		}
	})
}
