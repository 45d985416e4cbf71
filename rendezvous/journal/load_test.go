package journal

import (
	"errors"
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
