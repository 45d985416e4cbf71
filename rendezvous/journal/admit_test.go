package journal

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

// forger makes facts of ben's with any fault.
type forger struct {
	t    *testing.T
	ana  *node
	ben  *node
	at   messages.Chained
	sign membership.Identity
	key  [32]byte
}

// forge prepares what would be ben's next good fact.
func forge(t *testing.T) *forger {
	ana, ben, _ := trio(t)
	keys := ben.view.Keys[ben.view.Epoch]
	return &forger{t: t, ana: ana, ben: ben, sign: ben.identity, key: keys.Payload, at: messages.Chained{
		Version: messages.FactVersion, Context: ben.view.Context, Author: ben.identity.Authority(), Seq: 1,
		HLC: messages.HLC(0).Next(messages.MillisOf(start)), Epoch: keys.Epoch, KeyID: keys.KeyID,
		Type: messages.FactApplication, Schema: 1,
	}}
}

func (f *forger) fact() messages.Fact {
	fact, err := Seal(f.sign, f.at, f.key, []byte("text"), seeded(5))
	if err != nil {
		f.t.Fatal(err)
	}
	return fact
}

// SPEC 3.4: "Admission, in this order: size ≤ 64 KiB, canonical, known major
// version, context, author in the roster of that epoch, signature, body hash,
// HLC ≤ 60 s ahead".
func TestAdmissionRefuses(t *testing.T) {
	tests := []struct {
		step check
		name string
		raw  func(f *forger) []byte
	}{
		{0, "nothing of a good fact", func(f *forger) []byte { return f.fact().Append(nil) }},
		{0, "59 s ahead", func(f *forger) []byte {
			f.at.HLC = messages.HLC(0).Next(messages.MillisOf(start.Add(59 * time.Second)))
			return f.fact().Append(nil)
		}},
		{0, "an unknown type", func(f *forger) []byte { f.at.Type = 99; return f.fact().Append(nil) }},
		{0, "a newer schema", func(f *forger) []byte {
			f.at.Type, f.at.Schema = messages.FactDescriptor, 9
			return f.fact().Append(nil)
		}},
		{0, "missing parents", func(f *forger) []byte { f.at.Parents = []messages.FactID{{9}}; return f.fact().Append(nil) }},
		{sizeCheck, "64 KiB and one", func(f *forger) []byte { return make([]byte, messages.MaxFactSize+1) }},
		{canonicalCheck, "a byte more", func(f *forger) []byte { return append(f.fact().Append(nil), 0) }},
		{canonicalCheck, "no fact", func(f *forger) []byte { return []byte("fact") }},
		{versionCheck, "another major version", func(f *forger) []byte { f.at.Version = 2; return f.fact().Append(nil) }},
		{contextCheck, "another context", func(f *forger) []byte { f.at.Context[0]++; return f.fact().Append(nil) }},
		{epochCheck, "an epoch to come", func(f *forger) []byte { f.at.Epoch++; return f.fact().Append(nil) }},
		{epochCheck, "a rival epoch", func(f *forger) []byte { f.at.KeyID[0]++; return f.fact().Append(nil) }},
		{authorCheck, "an outsider", func(f *forger) []byte {
			f.sign = membership.NewIdentity([32]byte{66})
			f.at.Author = f.sign.Authority()
			return f.fact().Append(nil)
		}},
		{authorCheck, "a member in an epoch before it joined", func(f *forger) []byte {
			keys := f.ana.view.Keys[0]
			f.at.Epoch, f.at.KeyID, f.key = 0, keys.KeyID, keys.Payload
			return f.fact().Append(nil)
		}},
		{signatureCheck, "another signer", func(f *forger) []byte { f.sign = f.ana.identity; return f.fact().Append(nil) }},
		{signatureCheck, "a signature for another fact", func(f *forger) []byte {
			fact := f.fact()
			f.at.HLC++
			other := f.fact()
			fact.Signature = other.Signature
			return fact.Append(nil)
		}},
		{bodyCheck, "another body", func(f *forger) []byte {
			fact := f.fact()
			fact.Body = bytes.Clone(fact.Body)
			fact.Body[40]++
			return fact.Append(nil)
		}},
		{clockCheck, "61 s ahead", func(f *forger) []byte {
			f.at.HLC = messages.HLC(0).Next(messages.MillisOf(start.Add(61 * time.Second)))
			return f.fact().Append(nil)
		}},
		{heldCheck, "a fact that is held", func(f *forger) []byte {
			raw := f.fact().Append(nil)
			f.ana.step(start, messages.OfferFacts{Facts: [][]byte{raw}})
			return raw
		}},
	}
	for _, test := range tests {
		t.Run(fmt.Sprintf("%s: %s", test.step, test.name), func(t *testing.T) {
			f := forge(t)
			raw := test.raw(f)
			_, refusal := f.ana.journal.set.check(messages.MillisOf(start), raw)
			if refusal.check != test.step {
				t.Fatalf("got %q", refusal)
			}
			before := len(f.ana.facts())
			f.ana.step(start, messages.OfferFacts{From: f.ben.identity.Authority(), Facts: [][]byte{raw}})
			if stored := len(f.ana.facts()) - before; (stored == 1) != refusal.admits() {
				t.Errorf("%d facts stored", stored)
			}
		})
	}
}

// The order of the steps decides what is told when two things are wrong.
func TestAdmissionKeepsItsOrder(t *testing.T) {
	f := forge(t)
	f.at.HLC = messages.HLC(0).Next(messages.MillisOf(start.Add(time.Hour)))
	faults := []struct {
		step  check
		spoil func()
	}{
		{clockCheck, func() {}},
		{bodyCheck, func() {}},
		{signatureCheck, func() { f.sign = f.ana.identity }},
		{authorCheck, func() { f.at.Author = messages.AuthorityID{1} }},
		{epochCheck, func() { f.at.Epoch = 9 }},
		{contextCheck, func() { f.at.Context[0]++ }},
		{versionCheck, func() { f.at.Version++ }},
		{canonicalCheck, func() { f.at.Seq = 0 }},
	}
	for _, fault := range faults {
		fault.spoil()
		fact := f.fact()
		if fault.step != clockCheck {
			fact.Body = append([]byte{1}, fact.Body...)
		}
		if _, refusal := f.ana.journal.set.check(messages.MillisOf(start), fact.Append(nil)); refusal.check != fault.step {
			t.Errorf("want %s, got %q", fault.step, refusal)
		}
	}
}

// SPEC 3.4: "HLC ≤ 60 s ahead (else quarantined and offered again later, not
// dropped). … A quarantine is told to the host".
func TestFactAheadOfOurClockWaitsForItsHour(t *testing.T) {
	f := forge(t)
	f.at.HLC = messages.HLC(0).Next(messages.MillisOf(start.Add(372 * time.Second)))
	fact := f.fact()
	offer := messages.OfferFacts{From: f.ben.identity.Authority(), Facts: [][]byte{fact.Append(nil)}}
	f.ana.step(start, offer)
	f.ana.step(start, offer)
	if len(f.ana.notices) != 1 || f.ana.notices[0] != (ClockAhead{Author: f.ben.identity.Authority(), Ahead: 372 * time.Second}) {
		t.Errorf("the host hears %v", f.ana.notices)
	}
	due := start.Add(312 * time.Second)
	if got := f.ana.journal.Deadline(); !got.Equal(due) {
		t.Fatalf("deadline %v, want %v", got, due)
	}
	f.ana.step(due.Add(-time.Second), messages.Tick{})
	if f.ana.journal.set.has(fact.ID()) {
		t.Error("admitted too early")
	}
	f.ana.step(due, messages.Tick{})
	if !f.ana.journal.set.has(fact.ID()) || !f.ana.journal.Deadline().IsZero() {
		t.Error("not admitted when its hour had come")
	}
}

// SPEC 3.4: "Epoch not known yet: pending until its op arrives …, bounded per
// *sending* peer, not counted in the fingerprint."
func TestFactsOfAnUnknownEpochWaitForTheOp(t *testing.T) {
	ana, ben, cat := trio(t)
	before := cat.view.Fingerprint
	dan := ana.admit(start, 4)
	ben.learn(start, ana)
	note := ben.note(start, "in epoch 3")
	raw := ben.raw(note)
	cat.step(start, messages.OfferFacts{From: ben.identity.Authority(), Facts: [][]byte{raw}})
	if cat.journal.set.has(note) || cat.view.Fingerprint != before {
		t.Fatal("a fact of an unknown epoch counts")
	}
	cat.learn(start, ana)
	if !cat.journal.set.has(note) || cat.view.Epoch != 3 {
		t.Errorf("the op came, and the fact was not admitted (epoch %d)", cat.view.Epoch)
	}
	same(t, cat, ben)
	_ = dan
}

// SPEC 3.4: "Epoch not known yet: pending until its op arrives". Nobody can say
// before that which of two copies its author has signed.
func TestForgedCopyDisplacesNoFactOfAnUnknownEpoch(t *testing.T) {
	ana, ben, cat := trio(t)
	ana.admit(start, 4)
	ben.learn(start, ana)
	note := ben.note(start, "in epoch 3")
	good := ben.raw(note)
	fact, err := messages.ParseFact(good)
	if err != nil {
		t.Fatal(err)
	}
	signature, body := fact, fact
	signature.Signature[0]++
	body.Body = append(bytes.Clone(fact.Body), 0)
	from := ben.identity.Authority()
	facts := [][]byte{signature.Append(nil), body.Append(nil), good}
	for range 2 {
		cat.step(start, messages.OfferFacts{From: from, Facts: facts})
	}
	if waiting := len(cat.journal.aside.pending[from]); waiting != len(facts) {
		t.Errorf("%d facts wait, want %d: each once", waiting, len(facts))
	}
	cat.learn(start, ana)
	if held := cat.journal.set.has(note); !held || !bytes.Equal(cat.raw(note), good) {
		t.Errorf("the fact was displaced by a forged copy (held: %t)", held)
	}
	same(t, cat, ben)
}

func TestPendingFactsAreBoundedPerSender(t *testing.T) {
	f := forge(t)
	f.at.Epoch = 9
	var facts [][]byte
	for n := range maxPending + 10 {
		f.at.HLC += messages.HLC(n + 1)
		facts = append(facts, f.fact().Append(nil))
	}
	f.ana.step(start, messages.OfferFacts{From: messages.AuthorityID{1}, Facts: facts})
	f.ana.step(start, messages.OfferFacts{From: messages.AuthorityID{2}, Facts: facts[:3]})
	pending := f.ana.journal.aside.pending
	if len(pending[messages.AuthorityID{1}]) != maxPending || len(pending[messages.AuthorityID{2}]) != 3 {
		t.Errorf("%d and %d are pending", len(pending[messages.AuthorityID{1}]), len(pending[messages.AuthorityID{2}]))
	}
}

// SPEC 3.4: "Missing parents: stored, not reduced until they arrive; bounded
// per author."
func TestOrphansAreBoundedPerAuthor(t *testing.T) {
	f := forge(t)
	c := f.ana.journal.set.chainOf(f.ben.identity.Authority())
	c.waiting = maxOrphans
	f.at.Parents, f.at.HLC = []messages.FactID{f.ana.head()}, f.ana.journal.set.clock+1
	good := f.fact()
	if _, refusal := f.ana.journal.set.check(messages.MillisOf(start), good.Append(nil)); !refusal.admits() {
		t.Errorf("a fact that waits for nothing: %s", refusal)
	}
	for name, wait := range map[string]func(at *messages.Chained){
		"for a prev":          func(at *messages.Chained) { at.Seq, at.Prev = 5, messages.FactID{1} },
		"for a parent":        func(at *messages.Chained) { at.Parents = []messages.FactID{{1}} },
		"for what it repeats": func(at *messages.Chained) { at.Again = messages.Again{1} },
	} {
		orphan := *f
		wait(&orphan.at)
		if _, refusal := f.ana.journal.set.check(messages.MillisOf(start), orphan.fact().Append(nil)); refusal.check != gapCheck {
			t.Errorf("one orphan more that waits %s: %s", name, refusal)
		}
	}
	f.ana.step(start, messages.OfferFacts{Facts: [][]byte{good.Append(nil)}})
	f.at.Seq, f.at.Prev = 2, good.ID()
	if _, refusal := f.ana.journal.set.check(messages.MillisOf(start), f.fact().Append(nil)); refusal.check != gapCheck {
		t.Errorf("one whose clock stands still: %s", refusal)
	}
}

// Which orphans are held depends on who came first, and so none of them may
// count: else a member who signs more than anybody keeps would hold honest ones
// apart for ever (SPEC 13.3).
func TestOrphansBeyondTheBoundKeepNobodyApart(t *testing.T) {
	f := forge(t)
	var orphans [][]byte
	for n := range 2 * maxOrphans {
		f.at.Seq, f.at.Prev = messages.Seq(5+n), messages.FactID{1, byte(n), byte(n >> 8)}
		orphans = append(orphans, f.fact().Append(nil))
	}
	one, two := f.ana.twin(70), f.ana.twin(71)
	one.step(start, messages.OfferFacts{Facts: orphans[:maxOrphans]})
	two.step(start, messages.OfferFacts{Facts: orphans[maxOrphans:]})
	same(t, one, two)
	f.at.Seq, f.at.Prev = 1, messages.FactID{}
	first := f.fact()
	one.step(start, messages.OfferFacts{Facts: [][]byte{first.Append(nil)}})
	two.learn(start, one)
	same(t, one, two)
	if !two.journal.set.counts(two.journal.set.graph.entries[first.ID()]) {
		t.Error("what waits for nothing was refused")
	}
}

// A body that does not open is its author's fault: stored and synced like any
// other, never reduced.
func TestBodyThatDoesNotOpenIsStoredAndNotReduced(t *testing.T) {
	f := forge(t)
	f.at.Type, f.key = messages.FactDescriptorRevoked, [32]byte{1}
	fact := f.fact()
	f.ana.step(start, messages.OfferFacts{Facts: [][]byte{fact.Append(nil)}})
	if e := f.ana.journal.set.graph.entries[fact.ID()]; e == nil || e.body() != nil {
		t.Errorf("entry %+v", e)
	}
}

func TestOpenRefusesAnotherPlace(t *testing.T) {
	f := forge(t)
	fact := f.fact()
	if text, err := Open(fact, f.key); err != nil || string(text) != "text" {
		t.Fatalf("%q, %v", text, err)
	}
	moved := fact
	moved.Header.Seq++
	moved.HeaderBytes = messages.Encode(moved.Header)
	if _, err := Open(moved, f.key); err == nil {
		t.Error("the body opens under another header")
	}
	if _, err := Open(fact, [32]byte{}); err == nil {
		t.Error("the body opens under another key")
	}
	fact.Body = fact.Body[:10]
	if _, err := Open(fact, f.key); err == nil {
		t.Error("a body cut short opens")
	}
}
