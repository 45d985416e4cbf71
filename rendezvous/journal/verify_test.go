package journal

import (
	"slices"
	"strings"
	"testing"

	"github.com/waymeet/waymeet/messages"
)

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
		"an index with another size": {func(n *node) {
			n.reindex(func(s *segment) { s.Rows[rowSize-1]++ })
		}, "size of a fact is not what the facts say"},
		"an index with another clock": {func(n *node) {
			n.reindex(func(s *segment) { s.Rows[2*rowSize-5]++ })
		}, "clock of a fact is not"},
		"an index with another author": {func(n *node) {
			n.reindex(func(s *segment) { s.Tenures[len(s.Tenures)-1].Author[0]++ })
		}, "author of a fact is not"},
		"an index with another key": {func(n *node) {
			n.reindex(func(s *segment) { s.Tenures[0].KeyID[0]++ })
		}, "key of a fact is not"},
		"an index with a chain that is torn": {func(n *node) {
			n.reindex(func(s *segment) { s.Rows[10*rowSize+32]++ })
		}, "predecessor of a fact is not"},
		"an index with a segment too many": {func(n *node) {
			n.reindex(func(s *segment) {
				n.disk.write([]messages.Record{{Bucket: messages.BucketIndex, Key: messages.Place(9000).Key(), Value: messages.Encode(*s)}})
			})
		}, "goes on here"},
		"an index with more facts than there are": {func(n *node) {
			n.reindex(func(s *segment) {
				for range 100 {
					s.Rows = append(s.Rows, s.Rows[:rowSize]...)
				}
			})
		}, "facts that are not there"},
		"an index with a fact that is another": {func(n *node) {
			n.reindex(func(s *segment) { s.Rows[len(s.Rows)-rowSize]++ })
		}, "id of a fact is not"},
		"an index without a parent": {func(n *node) {
			n.reindex(func(s *segment) { s.Parents = s.Parents[parentRowSize:] })
		}, "list of parents of a fact is not"},
		"an index that has lost what a fact says": {func(n *node) {
			n.reindex(func(s *segment) {
				for at := range s.Sayings {
					if s.Sayings[at].Type == messages.FactDescriptor {
						s.Sayings[at].Type, s.Sayings[at].Body = 0, nil
					}
				}
			})
		}, "content of a fact is not"},
		"an index that repeats what was said once": {func(n *node) {
			n.reindex(func(s *segment) { s.Sayings[len(s.Sayings)-1].Again[0]++ })
		}, "content of a fact is not"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			ana, ben, _ := trio(t)
			ana.learn(start, ben)
			ben.note(start, "a parent")
			ana.learn(start, ben)
			ana.say(start, ana.descriptor(start, 1, 1))
			var notes messages.Commit
			for range segmentSize {
				notes.Facts = append(notes.Facts, messages.ApplicationFact{Type: messages.FactApplication})
			}
			ana.do(start, notes)
			test.spoil(ana)
			flaw, err := ana.verify()
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

// What two sets add up to is compared, too.
func TestVerifyComparesTheViews(t *testing.T) {
	ana, ben, _ := trio(t)
	ben.note(start, "a note")
	ana.learn(start, ben)
	loaded := ana.twin(1).journal
	if flaw, err := loaded.Verify(ana.disk); flaw != nil || err != nil {
		t.Fatalf("a journal and its facts: %+v, %v", flaw, err)
	}
	loaded.set.fold.covered[ben.identity.Authority()]++
	if flaw, err := loaded.Verify(ana.disk); flaw == nil || err != nil || !strings.Contains(flaw.What, "add up to") {
		t.Errorf("two views that differ: %+v, %v", flaw, err)
	}
}

// verify has a journal that is loaded from the node's disk verify that.
func (n *node) verify() (*Flaw, error) {
	loaded, err := Load(Config{Identity: n.identity}, n.disk)
	if err != nil {
		return nil, err
	}
	return loaded.Verify(n.disk)
}

// reindex changes the index behind the journal's back.
func (n *node) reindex(change func(*segment)) {
	for key, value := range n.disk[messages.BucketIndex] {
		s, err := messages.Decode[segment](value)
		if err != nil {
			n.t.Fatalf("index: %v", err)
		}
		change(&s)
		n.disk[messages.BucketIndex][key] = messages.Encode(s)
	}
}

// rewrite changes a fact on disk behind the journal's back.
func (n *node) rewrite(id messages.FactID, change func(*messages.Fact)) {
	fact := mustParse(slices.Clone(n.raw(id)))
	change(&fact)
	n.disk.write([]messages.Record{factRecord(n.journal.set.graph.entries[id].place, fact.Append(nil))})
}
