package journal

import (
	"errors"
	"iter"
	"testing"

	"github.com/waymeet/waymeet/messages"
)

// SPEC 3.3: "Journals of different contexts never merge": a fact in the file that is
// another context's was not written by this journal.
func TestLoadRefusesAFactOf(t *testing.T) {
	for name, fact := range map[string]func(other *node) []byte{
		"another context": func(other *node) []byte { return other.facts()[0] },
		"no context":      func(*node) []byte { return []byte{1} },
	} {
		ana := found(t, 1)
		last := ana.note(start, "a note")
		key := string(ana.journal.set.graph.entries[last].place.Key())
		ana.disk[messages.BucketFacts][key] = fact(found(t, 2))
		if _, err := Load(Config{Identity: ana.identity, Random: ana.random}, ana.disk); !errors.Is(err, ErrRecord) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// short gives no fact that it has lost, and says so in the end, as the store does.
type short struct{ disk }

var errShort = errors.New("fewer records than were written")

func (s short) RecordsFrom(bucket messages.Bucket, key []byte, before uint64) iter.Seq2[messages.Record, error] {
	return func(yield func(messages.Record, error) bool) {
		for record, err := range s.disk.RecordsFrom(bucket, key, before) {
			if !yield(record, err) {
				return
			}
		}
		yield(messages.Record{}, errShort)
	}
}

// SPEC 3.5: "damage is one clear error". A fact that does not follow the one before it
// follows one that the store has lost: that is the error, and the store's to tell.
func TestLoadTellsOfALostFactAsTheStoreDoes(t *testing.T) {
	ana := found(t, 1)
	lost := ana.note(start, "lost")
	ana.note(start, "behind it")
	delete(ana.disk[messages.BucketFacts], string(ana.journal.set.graph.entries[lost].place.Key()))
	if _, err := Load(Config{Identity: ana.identity, Random: ana.random}, short{ana.disk}); !errors.Is(err, errShort) {
		t.Errorf("the store has lost a fact: %v", err)
	}
	if _, err := Load(Config{Identity: ana.identity, Random: ana.random}, ana.disk); !errors.Is(err, ErrRecord) {
		t.Errorf("the store has lost none: %v", err)
	}
}
