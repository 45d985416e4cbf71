package journal

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous"
)

// SPEC 3.3: "merge is set union: commutative, associative, idempotent, never
// retracting. … Reduction is a pure function of the set: same facts in any
// order, same state".
func TestReductionDoesNotDependOnTheOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := makeHistory(t)
		hearer := h.hearer(t)
		one := hear(t, hearer, h.facts, "one")
		two := hear(t, hearer, h.facts, "two")
		if held := len(one.facts()); hearer != h.ben && held != len(h.facts)-h.void {
			t.Fatalf("%d of %d facts were admitted, %d name no key", held, len(h.facts), h.void)
		}
		one.sameView(two)
		one.expectNaive()
		one.expectFlawless()
	})
}

// SPEC 3.3: "merge is set union: commutative, associative, idempotent".
func TestMergeIsAUnion(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := makeHistory(t)
		hearer := h.hearer(t)
		var parts [3][][]byte
		for _, fact := range h.facts {
			in := rapid.IntRange(1, 7).Draw(t, "in") // each fact is in one part at least
			for n := range parts {
				if in&(1<<n) != 0 {
					parts[n] = append(parts[n], fact)
				}
			}
		}
		merge := func(parts ...[][]byte) *node {
			n := hearer.twin(7)
			n.mute = true
			for _, part := range parts {
				n.step(start.Add(time.Hour), messages.OfferFacts{Session: 1, From: messages.AuthorityID{1}, Facts: part})
			}
			return n
		}
		// A merged set holds what waits for its epoch, too.
		all := func(n *node) (facts [][]byte) {
			for _, waiting := range n.journal.aside.pending[messages.AuthorityID{1}] {
				facts = append(facts, waiting.raw)
			}
			return append(facts, n.facts()...)
		}
		a, b, c := parts[0], parts[1], parts[2]
		want := merge(a, b, c)
		for name, n := range map[string]*node{
			"commuted":   merge(c, b, a),
			"associated": merge(a, all(merge(b, c))),
			"repeated":   merge(a, b, c, b, a),
		} {
			t.Log(name)
			n.sameView(want)
		}
	})
}

// The incremental fold is the naive one, whatever is missing.
func TestReductionIsTheNaiveFold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := makeHistory(t)
		some := rapid.Permutation(h.facts).Draw(t, "facts")[:rapid.IntRange(1, len(h.facts)).Draw(t, "some")]
		n := hear(t, h.hearer(t), some, "order")
		n.expectNaive()
		n.expectFlawless()
	})
}

// SPEC 4.2: "A revocation removes the descriptor with that nonce for ever,
// whatever the order of arrival."
func TestRevocationWinsInEveryOrder(t *testing.T) {
	ana, ben, cat := trio(t)
	ben.say(start, ben.descriptor(start, 1, 1))
	ben.say(start, ben.descriptor(start, 2, 2))
	ben.say(start, messages.DescriptorRevoked{Authority: ben.identity.Authority(), Nonce: messages.Nonce{2}})
	// Another member cannot revoke it.
	cat.say(start, messages.DescriptorRevoked{Authority: ben.identity.Authority(), Nonce: messages.Nonce{1}})
	cat.learn(start, ben)
	facts := cat.facts()
	base := ana.facts()
	var news [][]byte
	for _, raw := range facts {
		if !slices.ContainsFunc(base, func(b []byte) bool { return string(b) == string(raw) }) {
			news = append(news, raw)
		}
	}
	permute(news, func(order [][]byte) {
		n := ana.twin(7)
		for _, raw := range order {
			n.step(start, messages.OfferFacts{Facts: [][]byte{raw}})
		}
		record := n.view.Descriptors[ben.identity.Authority()]
		if record.Descriptor.Sequence != 2 || !record.Revoked {
			t.Errorf("the view takes sequence %d, revoked %t", record.Descriptor.Sequence, record.Revoked)
		}
		if older := n.view.Older[messages.Nonce{1}]; older.Descriptor.Sequence != 1 {
			t.Errorf("the older one that was not revoked is gone")
		}
		if _, there := n.view.Older[messages.Nonce{2}]; there {
			t.Error("the revoked one stands among the older ones")
		}
	})
}

func permute(items [][]byte, visit func([][]byte)) {
	var walk func(int)
	walk = func(at int) {
		if at == len(items) {
			visit(slices.Clone(items))
			return
		}
		for next := at; next < len(items); next++ {
			items[at], items[next] = items[next], items[at]
			walk(at + 1)
			items[at], items[next] = items[next], items[at]
		}
	}
	walk(0)
}

// SPEC 9.6: "two with equal fields are the evidence …. The current one of a
// pair: highest (epoch, seq of the smaller id's fact)."
func TestChannelIsEstablishedWhenBothEndsSaySo(t *testing.T) {
	ana, ben, _ := trio(t)
	channel := func(n byte) messages.ChannelEstablished {
		return messages.ChannelEstablished{
			Initiator: ana.identity.Authority(), Responder: ben.identity.Authority(), Channel: messages.ChannelID{n}, Epoch: 2,
		}
	}
	peer := ben.identity.Authority()
	ana.say(start, channel(1))
	if len(ana.view.Established) != 0 {
		t.Error("one end is enough")
	}
	other := channel(1)
	other.Transcript[0]++
	ben.say(start, other)
	ana.learn(start, ben)
	if len(ana.view.Established) != 0 {
		t.Error("two that differ are enough")
	}
	ben.say(start, channel(1))
	ana.learn(start, ben)
	if ana.view.Established[peer] != channel(1) {
		t.Errorf("established %v", ana.view.Established[peer])
	}
	ana.say(start, channel(2))
	ben.say(start, channel(2))
	ana.learn(start, ben)
	ben.learn(start, ana)
	if ana.view.Established[peer] != channel(2) || ben.view.Established[ana.identity.Authority()] != channel(2) {
		t.Error("the newer channel is not the current one, or not at both ends")
	}
}

// SPEC 3.4: "facts of the closed epoch beyond the cut are never reduced, so
// that a removed member cannot write history."
func TestForkBelowACutIsNeverReduced(t *testing.T) {
	ana, ben, cat := trio(t)
	ben.say(start, ben.descriptor(start, 1, 1))
	twin := ben.twin(98)
	ben.say(start, ben.descriptor(start, 2, 2))
	ben.note(start, "third")
	ana.learn(start, ben)
	ana.admit(start, 4)
	// The twin writes history: seq 2, below the cut at seq 3.
	twin.say(start, twin.descriptor(start, 9, 9))
	for _, n := range []*node{ana, cat} {
		n.learn(start, twin)
		n.learn(start, ana)
		if record := n.view.Descriptors[ben.identity.Authority()]; record.Descriptor.Sequence != 2 {
			t.Errorf("%s takes sequence %d", n, record.Descriptor.Sequence)
		}
	}
	same(t, ana, cat)
}

// A descriptor that a cut has left out is said again in the new epoch; what it
// commits to is still the old one, and it must be seen to be old.
func TestDescriptorSaidAgainIsOfItsFirstEpoch(t *testing.T) {
	ana, ben, _ := trio(t)
	ben.say(start, ben.descriptor(start, 1, 1))
	ana.admit(start, 4)
	ben.learn(start, ana)
	record := ben.view.Descriptors[ben.identity.Authority()]
	raw := ben.raw(record.Fact)
	if mustParse(raw).Header.Epoch != 3 || record.Epoch != 2 || ben.view.Epoch != 3 {
		t.Errorf("a fact of epoch %d gives a descriptor of epoch %d", mustParse(raw).Header.Epoch, record.Epoch)
	}
}

// SPEC 15.3: "no generation" is lost: until it is said again, the number of a
// descriptor that a cut has left out is known.
func TestNumberOfADescriptorOutlivesTheCut(t *testing.T) {
	ana, ben, _ := trio(t)
	ben.say(start, ben.descriptor(start, 7, 1))
	ana.admit(start, 4)
	ben.published = nil
	ben.learn(start, ana)
	leftOut := 0
	for _, view := range ben.published {
		if _, there := view.Descriptors[ben.identity.Authority()]; !there {
			leftOut++
		}
		if view.Numbered != (rendezvous.DescriptorNumbers{Sequence: 7, Candidates: 7}) {
			t.Errorf("numbered up to %+v", view.Numbered)
		}
	}
	if leftOut == 0 {
		t.Error("no cut has left it out")
	}
}

func TestRevokedDescriptorIsNotAmongTheOlderOnes(t *testing.T) {
	_, ben, _ := trio(t)
	for n := range byte(4) {
		ben.say(start, ben.descriptor(start, uint64(n+1), n+1))
	}
	ben.say(start, messages.DescriptorRevoked{Authority: ben.identity.Authority(), Nonce: messages.Nonce{2}})
	older := ben.view.Older
	if _, there := older[messages.Nonce{2}]; there || len(older) != 2 || ben.view.Descriptors[ben.identity.Authority()].Revoked {
		t.Errorf("%d older ones, the revoked one among them: %t", len(older), there)
	}
}

// SPEC 7.8: a hello names what its sender saw "for 8 epochs". What is older than that no
// view takes.
func TestOlderDescriptorsAreKeptForEightEpochs(t *testing.T) {
	ana := found(t, 1)
	ana.say(start, ana.descriptor(start, 1, 1))
	ana.say(start, ana.descriptor(start, 2, 2))
	for n := range maxOlderEpochs + 2 {
		_, there := ana.view.Older[messages.Nonce{1}]
		if want := n <= maxOlderEpochs; there != want || ana.view.Descriptors[ana.identity.Authority()].Descriptor.Sequence != 2 {
			t.Errorf("%d epochs later it is there: %t", n, there)
		}
		ana.ask(start, rotation)
	}
}

// SPEC 7.8: a peer that was away for a month names the descriptor of ours that
// it saw last.
func TestOwnDescriptorsAreKeptForAMonth(t *testing.T) {
	ana, ben, _ := trio(t)
	const month = 30 * 24 * 60 / 54
	for n := range month {
		d := ben.descriptor(start, uint64(n+1), 1)
		d.Nonce = messages.Nonce{1, byte(n), byte(n >> 8)}
		d.PSKCommitment = ben.view.Keys[ben.view.Epoch].PSKCommitment(d.Nonce)
		ben.say(start, d)
	}
	if _, there := ben.view.Older[messages.Nonce{1}]; !there {
		t.Errorf("the first of %d descriptors of ours is gone", month)
	}
	ana.learn(start, ben)
	if len(ana.view.Older) > 2*maxOlder {
		t.Errorf("%d older descriptors of others are kept", len(ana.view.Older))
	}
}

// SPEC 4.1: an invalid descriptor is "refused everywhere"; nobody publishes for
// another, or one context's descriptor in another.
func TestDescriptorIsNotTakenWhen(t *testing.T) {
	tests := map[string]func(d *messages.RendezvousDescriptor, other *node){
		"it is another's": func(d *messages.RendezvousDescriptor, other *node) {
			*d = other.descriptor(start, 1, 1)
		},
		"it is of another context":     func(d *messages.RendezvousDescriptor, _ *node) { d.Context[0]++ },
		"its sequence is zero":         func(d *messages.RendezvousDescriptor, _ *node) { d.Sequence = 0 },
		"its window begins in an hour": func(d *messages.RendezvousDescriptor, _ *node) { d.Valid.From += 3_599_000; d.Valid.Until += 3_599_000 },
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			_, ben, cat := trio(t)
			d := ben.descriptor(start, 1, 1)
			spoil(&d, cat)
			if _, err := ben.journal.append(messages.MillisOf(start), draftOf(d), ben.view.Keys[2], &batch{}); err != nil {
				t.Fatal(err)
			}
			ben.view = ben.journal.set.view()
			if len(ben.view.Descriptors) != 0 {
				t.Errorf("the view takes %+v", ben.view.Descriptors)
			}
		})
	}
}

// SPEC 2.1: "a witness holds the secret, votes and forwards facts, but offers no
// services". What it is in the epoch of the fact counts.
func TestWitnessOffersNoServices(t *testing.T) {
	ana := found(t, 1)
	for role, want := range map[messages.Role]uint64{messages.RoleWitness: 1, messages.RoleParticipant: 2} {
		member := ana.admitAs(start, 1+byte(role), role)
		member.learn(start, ana)
		member.say(start, member.descriptor(start, 1, 1))
		d := member.descriptor(start, 2, 2)
		d.Services = []messages.ServiceDescriptor{{Kind: messages.ServiceMove, Header: messages.ServiceHeader{
			Provider: d.Authority, Scope: d.Context, Valid: d.Valid, Epoch: member.view.Epoch,
		}}}
		member.say(start, d)
		if got := member.view.Descriptors[d.Authority].Descriptor.Sequence; got != want {
			t.Errorf("of role %d the view takes descriptor %d, not %d", role, got, want)
		}
	}
}

// SPEC 3.4: "(same body, field `again` = old FactID, reduced once)".
func TestFactThatIsRepeatedIsReducedOnce(t *testing.T) {
	ana, ben, _ := trio(t)
	ben.say(start, ben.descriptor(start, 1, 1))
	ana.learn(start, ben)
	original := ana.view.Descriptors[ben.identity.Authority()].Fact
	ana.admit(start, 4)
	ben.learn(start, ana)
	d := draftOf(ben.view.Descriptors[ben.identity.Authority()].Descriptor)
	d.again = original
	if _, err := ben.journal.append(messages.MillisOf(start), d, ben.view.Keys[3], &batch{}); err != nil {
		t.Fatal(err)
	}
	view := ben.journal.set.view()
	if record := view.Descriptors[ben.identity.Authority()]; record.Fact != original || len(view.Older) != 0 {
		t.Errorf("the repetition of a fact within the cut was reduced too")
	}
}

// Also if it turns out only afterwards that the cut leads to it.
func TestFactThatWasRepeatedBeforeItWasKeptIsReducedOnce(t *testing.T) {
	ana, ben, cat := trio(t)
	ben.say(start, ben.descriptor(start, 1, 1))
	original, branch := ben.head(), ben.twin(97)
	end := ben.note(start, "where the cut ends")
	ana.learn(start, ben)
	ana.journal.set.chainOf(ben.identity.Authority()).named = 2 // as if there were more than 8 other heads to name
	ana.ask(start, rotation)
	for _, n := range []*node{branch, cat} {
		for _, raw := range append(ana.facts(), ana.raw(original)) {
			if mustParse(raw).ID() != end {
				n.mute = true
				n.step(start, messages.OfferFacts{From: ana.identity.Authority(), Facts: [][]byte{raw}})
			}
		}
	}
	b, d := &batch{}, draftOf(ben.descriptor(start, 1, 1))
	d.again = original
	if _, err := branch.journal.append(messages.MillisOf(start), d, branch.view.Keys[3], b); err != nil {
		t.Fatal(err)
	}
	branch.journal.sign(b)
	cat.step(start, messages.OfferFacts{From: ben.identity.Authority(), Facts: [][]byte{b.records[0].Value}})
	cat.step(start, messages.OfferFacts{From: ben.identity.Authority(), Facts: [][]byte{ben.raw(end)}})
	if record := cat.view.Descriptors[ben.identity.Authority()]; record.Fact != original || len(cat.view.Older) != 0 {
		t.Error("the repetition of a fact within the cut was reduced too")
	}
	cat.expectNaive()
}

// SPEC 4.1: "each published descriptor has a greater sequence and
// CandidateGeneration": of two that a publisher asked for, before and after its
// death, the first one counts.
func TestSecondDescriptorOfOneNumberIsRefused(t *testing.T) {
	_, ben, _ := trio(t)
	ben.say(start, ben.descriptor(start, 3, 1))
	for number, refused := range map[uint64]bool{2: true, 3: true, 4: false} {
		reply := ben.do(start, messages.Commit{Facts: []messages.RendezvousFact{ben.descriptor(start, number, byte(10+number))}})
		if (reply.Refusal != "") != refused {
			t.Errorf("number %d after 3: %q", number, reply.Refusal)
		}
	}
}
