package journal

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// large commits a fact of about that many bytes.
func (n *node) large(now time.Time, size int) {
	n.t.Helper()
	n.say(now, messages.ApplicationFact{Type: messages.FactApplication, Body: bytes.Repeat([]byte{1}, size)})
}

// ordered are the facts that a read gives.
func (n *node) ordered(read messages.ReadRanges) (facts []messages.FactID) {
	for _, at := range n.journal.set.inOrder(read) {
		facts = append(facts, at.Fact)
	}
	return facts
}

// SPEC 13.2: "Bounded: 128 facts or 256 KiB a batch".
func TestReadIsBoundedAndInCausalOrder(t *testing.T) {
	ana, ben, _ := trio(t)
	for n := range 10 {
		ana.large(start.Add(time.Duration(2*n)*time.Second), 50_000)
		ben.large(start.Add(time.Duration(2*n+1)*time.Second), 50_000)
	}
	ana.learn(start.Add(time.Minute), ben)
	all := messages.ReadRanges{MaxFacts: 1000, MaxBytes: 1 << 30, Ranges: []messages.FactRange{
		{Author: ben.identity.Authority(), To: 100}, {Author: ana.identity.Authority(), To: 100},
	}}
	order := ana.ordered(all)
	if len(order) != 23 || !slices.IsSortedFunc(order, func(a, b messages.FactID) int {
		return byHLC(ana.journal.set.graph.entries[a], ana.journal.set.graph.entries[b])
	}) {
		t.Fatalf("%d facts, or not in HLC order", len(order))
	}
	read := func(facts, size int) []messages.FactID {
		some := all
		some.MaxFacts, some.MaxBytes = facts, size
		return ana.ordered(some)
	}
	size := 0
	some := read(MaxBatchFacts, MaxBatchBytes)
	for _, id := range some {
		size += len(ana.raw(id))
	}
	if size > MaxBatchBytes || !slices.Equal(some, order[:len(some)]) || len(some) < 5 {
		t.Errorf("%d facts of %d bytes", len(some), size)
	}
	if got := read(4, 1<<30); !slices.Equal(got, order[:4]) {
		t.Errorf("%d facts, not 4", len(got))
	}
	if got := read(4, 1); !slices.Equal(got, order[:1]) {
		t.Errorf("a fact that is larger than the bound: %d facts", len(got))
	}
}

func TestRangeBeginsAfterItsPlace(t *testing.T) {
	ana, _, _ := trio(t)
	second, third := ana.note(start, "4"), ana.note(start, "5")
	author := ana.identity.Authority()
	for name, test := range map[string]struct {
		r    messages.FactRange
		want []messages.FactID
	}{
		"after a seq":        {messages.FactRange{Author: author, After: 3, AfterFact: lastFact, To: 5}, []messages.FactID{second, third}},
		"after a fact":       {messages.FactRange{Author: author, After: 4, AfterFact: second, To: 5}, []messages.FactID{third}},
		"up to a seq":        {messages.FactRange{Author: author, After: 3, AfterFact: lastFact, To: 4}, []messages.FactID{second}},
		"after the end":      {messages.FactRange{Author: author, After: 5, AfterFact: lastFact, To: 9}, nil},
		"upside down":        {messages.FactRange{Author: author, After: 9, To: 2}, nil},
		"of an unknown name": {messages.FactRange{Author: messages.AuthorityID{1}, To: 9}, nil},
	} {
		got := ana.ordered(messages.ReadRanges{Ranges: []messages.FactRange{test.r}, MaxFacts: 9, MaxBytes: 1 << 20})
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: %d facts, want %d", name, len(got), len(test.want))
		}
	}
}

// offered is what the journal answers to an offer, all of it being written.
func (n *node) offered(offer messages.OfferFacts) (result messages.FactsOffered) {
	n.t.Helper()
	effects := n.journal.Step(start, offer)
	for len(effects) > 0 {
		effect := effects[0]
		effects = effects[1:]
		switch e := effect.(type) {
		case Write:
			n.disk.write(e.Records)
			effects = append(effects, n.journal.Step(start, messages.Written{Batch: e.Batch})...)
		case Publish:
			n.view, n.state = e.View, e.State
		case TellSync:
			result = e.Message.(messages.FactsOffered)
		}
	}
	return result
}

// Nobody answers for what another member has sent before: a forged fact waits for its
// epoch, and the honest member who brings the op is not at fault.
func TestForgedFactThatWaitedIsTheFaultOfItsSender(t *testing.T) {
	ana, ben, cat := trio(t)
	ana.admit(start, 4)
	ben.learn(start, ana)
	forged := mustParse(ben.raw(ben.note(start, "in epoch 3")))
	forged.Signature[0]++
	wait := messages.OfferFacts{From: ben.identity.Authority(), Facts: [][]byte{forged.Append(nil)}}
	if waits := cat.offered(wait); waits.Waiting != 1 {
		t.Fatalf("%+v: nothing is proved", waits)
	}
	twin := cat.twin(9)
	twin.offered(wait)
	for who, test := range map[*node]struct {
		sender *node
		faults int
	}{cat: {ana, 0}, twin: {ben, 1}} {
		got := who.offered(messages.OfferFacts{From: test.sender.identity.Authority(), Facts: ana.facts()})
		if got.Refused != test.faults || (got.Fault != "") != (test.faults > 0) || who.view.Epoch != 3 {
			t.Errorf("%s brings the op of epoch %d: %+v", test.sender, who.view.Epoch, got)
		}
	}
}

// The op of its epoch comes in the same offer before it: its signature could not be
// checked before.
func TestForgedFactBehindItsOpIsRefused(t *testing.T) {
	ana, ben, cat := trio(t)
	ana.admit(start, 4)
	ben.learn(start, ana)
	note := ben.note(start, "in epoch 3")
	forged := mustParse(ben.raw(note))
	forged.Signature[0]++
	got := cat.offered(messages.OfferFacts{From: ana.identity.Authority(), Facts: append(ana.facts(), forged.Append(nil))})
	if cat.journal.set.has(note) || !strings.Contains(got.Fault, "refused by signature") || cat.view.Epoch != 3 {
		t.Errorf("in epoch %d: %+v", cat.view.Epoch, got)
	}
}

// What waits is counted when it comes, and not once more with every op.
func TestWhatWaitsIsCountedOnce(t *testing.T) {
	ana, ben, cat := trio(t)
	e := &enemy{node: ben, victim: cat, now: start}
	at := e.next()
	at.Seq, at.Prev, at.Epoch, at.KeyID = 2, messages.FactID{1}, 999, messages.EpochKeyID{9}
	raw := [][]byte{e.sealed(e.identity, at).Append(nil)}
	from := ben.identity.Authority()
	if got := cat.offered(messages.OfferFacts{From: from, Facts: raw}); got.Waiting != 1 || got.Peer != from {
		t.Errorf("offered: %+v", got)
	}
	ana.step(start, rotation(messages.OperationID{90}))
	if got := cat.offered(messages.OfferFacts{From: from, Facts: [][]byte{ana.raw(ana.head())}}); got.Admitted != 1 || got.Waiting != 0 {
		t.Errorf("offered with the op: %+v", got)
	}
}
