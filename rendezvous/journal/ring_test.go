package journal

import (
	"testing"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

// rotationWith is a rotation with that cut, whom ever it fits, and the secret of the
// epoch that it opens.
func (n *node) rotationWith(cut []messages.CutEntry) (messages.EpochOp, membership.Secret) {
	n.t.Helper()
	keys, _ := n.journal.ownKeys()
	secret, err := membership.NewSecret(n.random)
	if err != nil {
		n.t.Fatalf("secret: %v", err)
	}
	state := membership.State{Founder: n.journal.set.founder, Finality: n.view.Finality, Roster: n.view.Roster, Keys: keys}
	op, err := membership.Advance(n.identity.Authority(), state, messages.EpochAdvanced{}, secret, cut)
	if err != nil {
		n.t.Fatalf("advance: %v", err)
	}
	return op, secret
}

// nextFact is what the node's next fact would be that says this, and its bytes; it is
// not taken in.
func (n *node) nextFact(says messages.RendezvousFact, again messages.FactID) (messages.Fact, []byte) {
	n.t.Helper()
	keys, own := n.view.Keys[n.view.Epoch], n.identity.Authority()
	at := messages.Chained{
		Version: messages.FactVersion, Context: n.view.Context, Author: own, Seq: 1, HLC: n.journal.set.clock + 1,
		Epoch: keys.Epoch, KeyID: keys.KeyID, Type: says.FactType(), Schema: says.FactType().Schema(), Again: messages.Again(again),
	}
	if head := n.journal.set.head(own); head != nil {
		at.Seq, at.Prev = head.seq+1, head.id
	}
	fact, err := Seal(n.identity, at, keys.Payload, messages.EncodeFact(says), n.random)
	if err != nil {
		n.t.Fatalf("seal: %v", err)
	}
	return fact, fact.Append(nil)
}

// rotationInTwoFacts is one op of the founder in two facts, its next ones: with the
// wraps as they should be, and with one for the member that does not open. Wraps are
// not part of the EpochID, so both open the same epoch (SPEC 2.4).
func rotationInTwoFacts(t *testing.T, founder, member *node) (good, bad []byte, opened membership.Keys) {
	t.Helper()
	op, secret := founder.rotationWith(founder.journal.cut())
	spoilt := op.Changes()
	spoilt.Wraps = append([]messages.SecretWrap(nil), spoilt.Wraps...)
	for at := range spoilt.Wraps {
		if wrap := &spoilt.Wraps[at]; wrap.Member == member.identity.Authority() {
			wrap.Sealed = append([]byte(nil), wrap.Sealed...)
			wrap.Sealed[40]++
		}
	}
	id := membership.OpenedEpoch(op)
	if other := membership.OpenedEpoch(op.WithChange(spoilt)); other != id {
		t.Fatal("the two facts open two epochs: nothing is proved")
	}
	_, good = founder.nextFact(op, messages.FactID{})
	_, bad = founder.nextFact(op.WithChange(spoilt), messages.FactID{})
	return good, bad, membership.DeriveKeys(founder.view.Context, founder.view.Epoch+1, id, secret)
}

// SPEC 3.3: "same facts in any order, same state": which of two facts of one op
// came first does not decide for ever whether a member has the key.
func TestKeyComesWithAnyFactOfTheOp(t *testing.T) {
	ana, ben, cat := trio(t)
	good, bad, keys := rotationInTwoFacts(t, ana, cat)
	at := messages.Chained{
		Version: messages.FactVersion, Context: cat.view.Context, Author: ben.identity.Authority(), Seq: 1,
		HLC: mustParse(good).Header.HLC + 1, Epoch: keys.Epoch, KeyID: keys.KeyID, Type: messages.FactApplication, Schema: 1,
	}
	said, err := Seal(ben.identity, at, keys.Payload, []byte("in the new epoch"), ben.random)
	if err != nil {
		t.Fatal(err)
	}
	for name, offers := range map[string][][][]byte{
		"the good one first":            {{good, bad, said.Append(nil)}},
		"the bad one first":             {{bad, good, said.Append(nil)}},
		"the bad one, later the good":   {{bad, said.Append(nil)}, {good}},
		"the good one, later the bad":   {{good, said.Append(nil)}, {bad}},
		"what it seals, before the key": {{said.Append(nil), bad}, {good}},
	} {
		t.Run(name, func(t *testing.T) {
			member := cat.twin(31)
			member.mute = true
			for _, facts := range offers {
				member.step(start, messages.OfferFacts{Session: 1, From: ana.identity.Authority(), Facts: facts})
			}
			for range 2 {
				if _, reason := member.journal.ownKeys(); reason != "" || !member.journal.set.has(said.ID()) {
					t.Errorf("epoch %d: %q; it holds what was said there: %t", member.view.Epoch, reason, member.journal.set.has(said.ID()))
				}
				member.restart(start)
			}
		})
	}
}

// A fact of an op that is sealed under another epoch than the one it closes opens
// nothing, and so it stands for no op that another fact has opened.
func TestOpInTheWrongEpochStandsForNothing(t *testing.T) {
	ana, ben, _ := trio(t)
	ana.ask(start, rotation)
	op := ana.journal.set.epochs.open()
	keys := ana.view.Keys[ana.view.Epoch]
	for n := range uint64(100) {
		at := messages.Chained{
			Version: messages.FactVersion, Context: ana.view.Context, Author: ana.identity.Authority(), Seq: op.op.seq + 1, Prev: op.op.id,
			HLC: op.op.hlc + 1, Epoch: keys.Epoch, KeyID: keys.KeyID, Type: messages.FactEpochAdvanced, Schema: 1,
		}
		fact, err := Seal(ana.identity, at, keys.Payload, messages.EncodeFact(messages.EpochAdvanced{}.WithChange(op.change)), seeded(n))
		if err != nil {
			t.Fatal(err)
		}
		if fact.ID().Compare(op.op.id) >= 0 {
			continue
		}
		after := ben.twin(31)
		after.learn(start, ana)
		after.step(start, messages.OfferFacts{Session: 1, Facts: [][]byte{fact.Append(nil)}})
		if got := after.journal.set.epochs.open(); got.op.id != op.op.id {
			t.Errorf("the op of epoch %d is %s, of epoch %d", got.number, got.op.id.Short(), got.op.epoch())
		}
		return
	}
	t.Fatal("no fact has a smaller id: nothing is proved")
}

// SPEC 2.4: "a member whose unwrapped secret does not match says so", once.
func TestSecretThatDoesNotOpenIsTold(t *testing.T) {
	ana, _, cat := trio(t)
	good, bad, _ := rotationInTwoFacts(t, ana, cat)
	for name, test := range map[string]struct {
		raw  []byte
		told int
	}{"a wrap that opens": {good, 0}, "one that does not": {bad, 1}} {
		n := cat.twin(31)
		n.mute = true
		for range 2 {
			n.step(start, messages.OfferFacts{Session: 1, From: ana.identity.Authority(), Facts: [][]byte{test.raw}})
		}
		refused := 0
		for _, notice := range n.notices {
			if told, ok := notice.(SecretRefused); ok && told.Epoch == 3 && told.Reason != "" {
				refused++
			}
		}
		if n.view.Epoch != 3 || refused != test.told {
			t.Errorf("%s: told %d times in epoch %d: %v", name, refused, n.view.Epoch, n.notices)
		}
	}
}
