package rendezvoustest

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/waymeet/waymeet/messages"
)

// A fact that cannot be read stops the journal that acknowledged it, also where it
// was read for a peer: a node does the same.
func TestAFactThatCannotBeReadStopsTheJournal(t *testing.T) {
	w := New(1)
	for _, line := range []string{
		"relay r", "node ana relay=r", "node ben relay=r", "found ana home", "advance 5s",
		"invite ana home", "join ben 1", "advance 30s", "halt ben", "write ana a-note", "advance 1s",
	} {
		if err := w.Do(line); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
	cx, err := w.context("home")
	if err != nil {
		t.Fatal(err)
	}
	facts := w.node("ana").process.disk.journals[cx].buckets[messages.BucketFacts]
	facts[slices.Max(slices.Collect(maps.Keys(facts)))] = []byte("no fact")
	for _, line := range []string{"restart ben", "advance 30s"} {
		if err := w.Do(line); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
	if faults := w.Faults(); len(faults) != 1 || !strings.Contains(faults[0], "ana: the journal stopped: facts cannot be read") {
		t.Errorf("it came to %q", faults)
	}
}
