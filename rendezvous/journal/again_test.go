package journal

import (
	"testing"

	"github.com/waymeet/waymeet/messages"
)

// SPEC 3.4: "An author in the roster that sees own facts beyond a cut appends them
// again": also one that another member claims to have said again.
func TestOthersAgainDoesNotSilenceUs(t *testing.T) {
	ana, ben, cat := trio(t)
	lost := ben.note(start, "beyond the cut")
	ana.ask(start, rotation)
	cat.learn(start, ana)
	cat.step(start, messages.OfferFacts{Session: 1, Facts: [][]byte{ben.raw(lost)}})
	b := &batch{}
	keys, _ := cat.journal.ownKeys()
	claimed := draft{kind: messages.FactApplication, schema: 1, plaintext: []byte("mine"), again: lost}
	id, err := cat.journal.append(messages.MillisOf(start), claimed, keys, b)
	if err != nil {
		t.Fatal(err)
	}
	cat.journal.sign(b)
	ben.step(start, messages.OfferFacts{Session: 1, Facts: append(ana.facts(), b.records[0].Value)})
	if !ben.journal.set.has(id) {
		t.Fatal("ben does not hold what claims to be his fact: nothing is proved")
	}
	if head := mustParse(ben.raw(ben.head())); head.Header.Again != messages.Again(lost) {
		t.Error("our acknowledged fact is not said again")
	}
}
