package journal

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

// ask does something that carries an operation id and returns the reply.
func (n *node) ask(now time.Time, what func(messages.OperationID) messages.JournalMessage) Reply {
	n.t.Helper()
	before := len(n.replies)
	n.step(now, what(n.operation(3)))
	if len(n.replies) != before+1 {
		n.t.Fatalf("%d replies", len(n.replies)-before)
	}
	return n.replies[before]
}

func removal(of *node) func(messages.OperationID) messages.JournalMessage {
	return func(operation messages.OperationID) messages.JournalMessage {
		return messages.RemoveMember{Operation: operation, Member: of.identity.Authority()}
	}
}

func rotation(operation messages.OperationID) messages.JournalMessage {
	return messages.AdvanceEpoch{Operation: operation}
}

// remove takes a member away; the founder asks.
func (n *node) remove(now time.Time, who *node) {
	n.t.Helper()
	if reply := n.ask(now, removal(who)); reply.Refusal != "" || len(reply.Facts) != 1 || reply.Welcome != nil {
		n.t.Fatalf("remove: %+v", reply)
	}
}

// SPEC 2.2: "A removed member never gets the new secret."
func TestRemovedMemberLosesTheContext(t *testing.T) {
	ana, ben, cat := trio(t)
	ana.remove(start, ben)
	ben.learn(start, ana)
	cat.learn(start, ana)
	same(t, ana, cat)
	for _, n := range []*node{ana, ben, cat} {
		if n.view.Epoch != 3 || n.view.Roster.Len() != 2 || n.view.Roster.Has(ben.identity.Authority()) {
			t.Errorf("%s is in epoch %d with %d members", n, n.view.Epoch, n.view.Roster.Len())
		}
	}
	if _, held := ben.view.Keys[3]; held || len(ben.notices) != 0 {
		t.Errorf("ben holds the keys of epoch 3: %t; it hears %v", held, ben.notices)
	}
	if _, held := cat.view.Keys[3]; !held {
		t.Error("cat holds no keys of epoch 3")
	}
	note := messages.Commit{Facts: []messages.RendezvousFact{messages.ApplicationFact{Type: messages.FactApplication}}}
	if reply := ben.do(start, note); !strings.Contains(reply.Refusal, "not a member in epoch 3") {
		t.Errorf("ben writes on: %q", reply.Refusal)
	}
}

// SPEC 3.4: "facts of the closed epoch beyond the cut are never reduced, so that
// a removed member cannot write history." They are stored and synced.
func TestLateFactsOfARemovedMemberAreHeldAndNeverReduced(t *testing.T) {
	ana, ben, cat := trio(t)
	early := ben.note(start, "early")
	ana.learn(start, ben)
	ana.remove(start.Add(time.Second), ben)
	late := ben.descriptor(start, 7, 7)
	ben.say(start.Add(2*time.Second), late)
	cat.learn(start.Add(2*time.Second), ben) // cat does not know yet
	if cat.view.Descriptors[ben.identity.Authority()].Descriptor.Sequence != 7 {
		t.Fatal("before the removal is known, the descriptor counts")
	}
	cat.learn(start.Add(3*time.Second), ana)
	ana.learn(start.Add(3*time.Second), cat)
	same(t, ana, cat)
	for _, n := range []*node{ana, cat} {
		s := n.journal.set
		head := s.head(ben.identity.Authority())
		if _, described := n.view.Descriptors[ben.identity.Authority()]; described || s.counts(head) {
			t.Errorf("%s: the late descriptor counts", n)
		}
		if head.seq != 2 || !s.counts(s.graph.entries[early]) {
			t.Errorf("%s: ben's chain ends at %d", n, head.seq)
		}
		facts := n.view.Count
		if n.restart(start); n.view.Count != facts || n.journal.set.len() != int(facts)+1 {
			t.Errorf("%s: %d facts count and %d are held after a restart", n, n.view.Count, n.journal.set.len())
		}
	}
}

// forgeRemoval has a member append an op that removes another one, as if it were the
// founder.
func (n *node) forgeRemoval(of *node, b *batch) messages.FactID {
	n.t.Helper()
	state := membership.State{
		Founder: n.identity.Authority(), Finality: n.view.Finality, Roster: n.view.Roster, Keys: n.view.Keys[n.view.Epoch],
	}
	op, err := membership.Advance(n.identity.Authority(), state, messages.MemberRemoved{Member: of.identity.Authority()}, membership.Secret{1}, nil)
	if err != nil {
		n.t.Fatalf("forge: %v", err)
	}
	id, err := n.journal.append(messages.MillisOf(start), draftOf(op), state.Keys, b)
	if err != nil {
		n.t.Fatalf("forge: %v", err)
	}
	return id
}

// Ops of somebody who may not change epochs are facts like any other: they are
// not looked at again whenever an epoch changes.
func TestOpsOfOthersAreNotLookedAt(t *testing.T) {
	ana, ben, cat := trio(t)
	b := &batch{}
	id := ben.forgeRemoval(cat, b)
	ben.journal.sign(b)
	ana.step(start, messages.OfferFacts{Session: 1, From: ben.identity.Authority(), Facts: [][]byte{b.records[0].Value}})
	if e := ana.journal.set.graph.entries[id]; e == nil || !ana.journal.set.counts(e) {
		t.Fatalf("ben's op is not a fact like any other: %+v", e)
	}
	if e := ana.journal.set.graph.entries[id]; e.said != nil || ana.view.Epoch != 2 {
		t.Errorf("the op is kept in memory: %+v, and epoch %d is open", e.said, ana.view.Epoch)
	}
	ana.ask(start, rotation)
	if ana.view.Epoch != 3 || ana.view.Conflict {
		t.Errorf("epoch %d is open, conflict %t", ana.view.Epoch, ana.view.Conflict)
	}
}

// SPEC 2.2: every rotation is an op "with a fresh secret".
func TestRotationGivesEverybodyNewKeys(t *testing.T) {
	ana, ben, cat := trio(t)
	before := ana.view
	if reply := ana.ask(start, rotation); reply.Refusal != "" || len(reply.Facts) != 1 {
		t.Fatalf("rotate: %+v", reply)
	}
	for _, n := range []*node{ben, cat} {
		n.learn(start, ana)
		same(t, ana, n)
		if n.view.Keys[3] != ana.view.Keys[3] {
			t.Errorf("%s holds other keys than the founder", n)
		}
	}
	if ana.view.Epoch != 3 || ana.view.Roster.Hash() != before.Roster.Hash() || ana.view.Keys[3].Payload == before.Keys[2].Payload {
		t.Errorf("epoch %d, %d members", ana.view.Epoch, ana.view.Roster.Len())
	}
	ana.note(start, "under the new keys")
	ben.learn(start, ana)
	same(t, ana, ben)
}

func TestEpochOpIsDoneOnce(t *testing.T) {
	ana, ben, _ := trio(t)
	for name, message := range map[string]messages.JournalMessage{
		"remove": messages.RemoveMember{Operation: messages.OperationID{77}, Member: ben.identity.Authority()},
		"rotate": messages.AdvanceEpoch{Operation: messages.OperationID{78}},
	} {
		ana.step(start, message)
		first, epoch := ana.replies[len(ana.replies)-1], ana.view.Epoch
		ana.restart(start)
		ana.step(start, message)
		again := ana.replies[len(ana.replies)-1]
		if first.Refusal != "" || !slices.Equal(again.Facts, first.Facts) || again.Refusal != "" || ana.view.Epoch != epoch {
			t.Errorf("%s: %+v, then %+v in epoch %d", name, first, again, ana.view.Epoch)
		}
	}
}

func TestEpochOpIsRefused(t *testing.T) {
	ana, ben, cat := trio(t)
	stranger := newNode(t, 9, nil)
	for name, test := range map[string]struct {
		who  *node
		what func(messages.OperationID) messages.JournalMessage
		why  string
	}{
		"a member removes":          {ben, removal(cat), "only the founder"},
		"a member removes itself":   {ben, removal(ben), "only the founder"},
		"a member rotates":          {ben, rotation, "only the founder"},
		"the founder is removed":    {ana, removal(ana), "cannot be removed"},
		"a stranger is removed":     {ana, removal(stranger), "is no member"},
		"who was removed is, again": {ana, removal(cat), "is no member"},
	} {
		if name == "who was removed is, again" {
			ana.remove(start, cat)
		}
		epoch := test.who.view.Epoch
		if reply := test.who.ask(start, test.what); !strings.Contains(reply.Refusal, test.why) || test.who.view.Epoch != epoch {
			t.Errorf("%s: %q in epoch %d", name, reply.Refusal, test.who.view.Epoch)
		}
	}
}

// An op of a member who is not the founder opens nothing, whatever it says.
func TestForgedRemovalOpensNothing(t *testing.T) {
	ana, ben, cat := trio(t)
	ben.forgeRemoval(cat, &batch{})
	if view := ben.journal.set.view(); view.Epoch != ana.view.Epoch || !view.Roster.Has(cat.identity.Authority()) {
		t.Errorf("epoch %d", view.Epoch)
	}
}

// SPEC 2.3: "Each epoch op carries the previous payload key sealed under the new
// one, so that later members can read the whole history".
func TestMemberWhoComesBackReadsWhatWasSaidMeanwhile(t *testing.T) {
	ana, ben, _ := trio(t)
	ana.remove(start, ben)
	note := ana.note(start, "without ben")
	ana.ask(start, rotation)
	reply := ana.ask(start, func(operation messages.OperationID) messages.JournalMessage {
		return messages.AddMember{Operation: operation, Member: ben.identity.Public(), Role: messages.RoleParticipant}
	})
	ben.learn(start, ana)
	if ben.view.Epoch != 3 {
		t.Fatalf("without the welcome, ben is in epoch %d", ben.view.Epoch)
	}
	cursor := ben.expectContent(0)
	_, secret, err := reply.Welcome.Accept(ben.identity, ana.view.Context, ana.identity.Public())
	if err != nil {
		t.Fatal(err)
	}
	if given := ben.ask(start, func(operation messages.OperationID) messages.JournalMessage {
		return messages.GiveKeys{Operation: operation, Records: Join(*reply.Welcome, secret)}
	}); given.Refusal != "" {
		t.Fatal(given.Refusal)
	}
	same(t, ana, ben)
	for range 2 {
		ben.expectContent(cursor, "without ben")
		raw := ben.raw(note)
		if text, err := ben.journal.set.ring.open(mustParse(raw)); err != nil || string(text) != "without ben" {
			t.Errorf("%q, %v", text, err)
		}
		ben.restart(start)
	}
	cursor = ben.expectContent(0, "without ben")
	ben.note(start, "back")
	ben.expectContent(cursor, "back")
	ben.restart(start)
	ben.expectContent(cursor, "back")
	ana.learn(start, ben)
	same(t, ana, ben)
}

// invitation asks to make a member of somebody, as every claim under one ticket
// does.
func invitation(ticket byte, of *node) messages.AddMember {
	return messages.AddMember{
		Operation: messages.OperationID{ticket, 2}, Member: of.identity.Public(), Role: messages.RoleParticipant,
	}
}

// A ticket answers its joiner until a day after it has expired (SPEC 14.2), and all
// that time it brings nobody back whom it has made, or found, a member before.
func TestRemovedMemberDoesNotComeBackByTheSameTicket(t *testing.T) {
	ana := found(t, 1)
	ben := newNode(t, 2, disk{})
	used, second, fresh := invitation(1, ben), invitation(2, ben), invitation(3, ben)
	for _, invite := range []messages.AddMember{used, used, second} {
		if ana.step(start, invite); ana.replies[len(ana.replies)-1].Welcome == nil || ana.view.Epoch != 1 {
			t.Fatalf("%+v in epoch %d", ana.replies[len(ana.replies)-1], ana.view.Epoch)
		}
	}
	ana.remove(start, ben)
	last := start.Add(messages.MaxTicketLifetime + 24*time.Hour)
	for _, now := range []time.Time{start, last} {
		ana.note(now, "so that what is old is forgotten")
		for _, invite := range []messages.AddMember{used, second} {
			ana.step(now, invite)
			reply := ana.replies[len(ana.replies)-1]
			if !strings.Contains(reply.Refusal, "removed since") || reply.Welcome != nil || ana.view.Epoch != 2 {
				t.Errorf("after %v: %q, and epoch %d", now.Sub(start), reply.Refusal, ana.view.Epoch)
			}
		}
		ana.restart(now)
	}
	ana.step(last, fresh)
	if reply := ana.replies[len(ana.replies)-1]; reply.Welcome == nil || ana.view.Epoch != 3 {
		t.Errorf("with another ticket: %q", reply.Refusal)
	}
}

// giveKey hands over the key of epoch 3 as a welcome does.
func (n *node) giveKey(from *node) {
	n.t.Helper()
	n.ask(start, func(operation messages.OperationID) messages.JournalMessage {
		return messages.GiveKeys{Operation: operation, Records: []messages.Record{payloadRecord(from.view.Keys[3].Payloads())}}
	})
}

// Who lacks the key of an epoch cannot tell whether a fact names the right one,
// and takes in none of them: one that names another key counts nowhere, and
// nothing may ever stand on it.
func TestFactsOfAnEpochWaitForItsKey(t *testing.T) {
	ana, ben, cat := trio(t)
	ana.remove(start, ben)
	cat.learn(start, ana)
	forged, err := Seal(cat.identity, messages.Chained{
		Version: messages.FactVersion, Context: cat.view.Context, Author: cat.identity.Authority(), Seq: 1,
		HLC: messages.HLC(0).Next(messages.MillisOf(start)), Epoch: 3, KeyID: messages.EpochKeyID{7}, Type: messages.FactApplication, Schema: 1,
	}, cat.view.Keys[3].Payload, []byte("x"), seeded(4))
	if err != nil {
		t.Fatal(err)
	}
	ben.learn(start, ana)
	same(t, ana, ben)
	ana.say(start, ana.descriptor(start, 1, 1))
	ben.step(start, messages.OfferFacts{Session: 1, From: cat.identity.Authority(), Facts: [][]byte{forged.Append(nil)}})
	ben.learn(start, ana)
	who := ana.identity.Authority()
	if held := ben.journal.set.len(); uint64(held) != ana.view.Count-1 || len(ben.view.Descriptors) != 0 {
		t.Fatalf("ben holds %d facts and reads %v, without the key", held, ben.view.Descriptors)
	}
	ben.giveKey(ana)
	for range 2 {
		same(t, ana, ben)
		if ben.view.Descriptors[who].Fact != ana.view.Descriptors[who].Fact || ben.journal.set.has(forged.ID()) {
			t.Errorf("ben's view has %+v; the forged fact is held: %t", ben.view.Descriptors, ben.journal.set.has(forged.ID()))
		}
		if flaw, err := ben.verify(); flaw != nil || err != nil {
			t.Errorf("flaw %+v, %v", flaw, err)
		}
		ben.restart(start)
	}
}

// An op that finds no room in a fact is refused, and the journal goes on.
func TestContextHasTooManyMembers(t *testing.T) {
	ana := found(t, 1)
	open := ana.journal.set.epochs.open()
	for n := range 600 {
		seed := [32]byte{byte(n), byte(n >> 8), 1}
		open.roster = open.roster.With(membership.Member{PublicKey: membership.NewIdentity(seed).Public(), Role: messages.RoleParticipant})
	}
	ana.journal.pen.claims.synced = true
	if reply := ana.ask(start, rotation); !strings.Contains(reply.Refusal, "too many members") || ana.view.Epoch != 0 {
		t.Errorf("%q in epoch %d", reply.Refusal, ana.view.Epoch)
	}
	ana.note(start, "it goes on")
}
