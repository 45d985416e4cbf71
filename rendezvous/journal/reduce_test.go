package journal

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

// descriptor is a good descriptor of the node in the epoch that it is in.
func (n *node) descriptor(now time.Time, sequence uint64, nonce byte) messages.RendezvousDescriptor {
	keys := n.view.Keys[n.view.Epoch]
	millis := messages.MillisOf(now)
	return messages.RendezvousDescriptor{
		Authority: n.identity.Authority(), Context: n.view.Context, PublicKey: n.identity.Public(),
		PSKCommitment: keys.PSKCommitment(messages.Nonce{nonce}), Nonce: messages.Nonce{nonce},
		Valid: messages.Window{From: millis, Until: millis.Add(time.Hour)}, Sequence: sequence,
		Candidates: messages.CandidateGeneration(sequence), Version: messages.CurrentVersion,
	}
}

func (n *node) say(now time.Time, fact messages.RendezvousFact) {
	n.t.Helper()
	if reply := n.do(now, messages.Commit{Facts: []messages.RendezvousFact{fact}}); reply.Refusal != "" {
		n.t.Fatalf("commit: %s", reply.Refusal)
	}
}

// history lets some members do anything in any order, exchanging facts now and
// then, and returns all facts that came of it. Cat does nothing: its disk is
// what a listener begins with.
func history(t *rapid.T) (listener disk, facts [][]byte) {
	ana := found(t, 1)
	cat := ana.admit(start, 3)
	listener = disk{}
	for bucket, records := range cat.disk {
		for key, value := range records {
			listener.write([]messages.Record{{Bucket: bucket, Key: []byte(key), Value: value}})
		}
	}
	ben := ana.admit(start, 2)
	ben.learn(start, ana)
	writers := []*node{ana, ben}
	now := start
	for step := range rapid.IntRange(1, 25).Draw(t, "steps") {
		now = now.Add(time.Second)
		who := writers[rapid.IntRange(0, len(writers)-1).Draw(t, "who")]
		other := writers[rapid.IntRange(0, len(writers)-1).Draw(t, "other")]
		switch rapid.SampledFrom([]string{"note", "publish", "revoke", "channel", "exchange", "exchange", "add"}).Draw(t, "what") {
		case "note":
			who.note(now, fmt.Sprint(step))
		case "publish":
			who.say(now, who.descriptor(now, uint64(rapid.IntRange(1, 6).Draw(t, "sequence")), byte(rapid.IntRange(1, 5).Draw(t, "nonce"))))
		case "revoke":
			who.say(now, messages.DescriptorRevoked{
				Authority: other.identity.Authority(), Nonce: messages.Nonce{byte(rapid.IntRange(1, 5).Draw(t, "nonce"))},
			})
		case "channel":
			who.say(now, messages.ChannelEstablished{
				Initiator: ana.identity.Authority(), Responder: cat.identity.Authority(),
				Channel: messages.ChannelID{byte(rapid.IntRange(1, 2).Draw(t, "channel"))}, Epoch: who.view.Epoch,
			})
		case "exchange":
			who.learn(now, other)
		case "add":
			if len(writers) < 4 {
				joiner := ana.admit(now, byte(3+len(writers)))
				joiner.learn(now, ana)
				writers = append(writers, joiner)
			}
		}
	}
	all := map[string][]byte{}
	for _, writer := range writers {
		maps.Copy(all, writer.disk[messages.BucketFacts])
	}
	for _, key := range slices.Sorted(maps.Keys(all)) {
		facts = append(facts, all[key])
	}
	return listener, facts
}

// hear gives the facts to a fresh listener, some of them twice, in the order
// that is drawn, in pieces.
func hear(t *rapid.T, start disk, facts [][]byte, label string) *node {
	order := slices.Concat(facts, facts[:rapid.IntRange(0, len(facts)).Draw(t, label+" twice")])
	order = rapid.Permutation(order).Draw(t, label)
	own := disk{}
	for bucket, records := range start {
		own[bucket] = maps.Clone(records)
	}
	n := newNode(t, 3, own)
	now := time.Unix(1_800_000_100, 0)
	n.restart(now)
	for len(order) > 0 {
		piece := rapid.IntRange(1, len(order)).Draw(t, label+" piece")
		n.step(now, messages.OfferFacts{Session: 1, From: messages.AuthorityID{1}, Facts: order[:piece]})
		order = order[piece:]
	}
	return n
}

// SPEC 3.3: "merge is set union: commutative, associative, idempotent, never
// retracting. … Reduction is a pure function of the set: same facts in any
// order, same state".
func TestReductionDoesNotDependOnTheOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		listener, facts := history(t)
		one := hear(t, listener, facts, "one")
		two := hear(t, listener, facts, "two")
		if len(one.facts()) != len(facts) || len(two.facts()) != len(facts) {
			t.Fatalf("%d and %d of %d facts were admitted", len(one.facts()), len(two.facts()), len(facts))
		}
		if !reflect.DeepEqual(one.view, two.view) {
			t.Fatalf("views differ:\n%+v\n%+v", one.view, two.view)
		}
		view := one.view
		one.restart(start)
		if !reflect.DeepEqual(one.view, view) {
			t.Fatalf("the view after loading differs:\n%+v\n%+v", one.view, view)
		}
	})
}

// The incremental fold is the naive one.
func TestReductionIsTheNaiveFold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		listener, facts := history(t)
		some := facts[:rapid.IntRange(0, len(facts)).Draw(t, "some")]
		n := hear(t, listener, some, "order")
		want := naive(n)
		got := *n.view
		got.Keys, got.Ledger, got.Roster = nil, messages.Ledger{}, membership.Roster{}
		if got.Covered = nil; len(n.view.Roster.Members()) != want.members {
			t.Fatalf("%d members, want %d", len(n.view.Roster.Members()), want.members)
		}
		if !reflect.DeepEqual(got, want.view) {
			t.Fatalf("got\n%+v\nwant\n%+v", got, want.view)
		}
	})
}

type naiveView struct {
	view    rendezvous.View
	members int
}

// naive says what a node's facts add up to, by asking every fact about every
// other, as the specification words it. It shares no code with the fold.
func naive(n *node) naiveView {
	type item struct {
		fact messages.Fact
		id   messages.FactID
		body messages.RendezvousFact
	}
	held := map[messages.FactID]item{}
	for _, raw := range n.facts() {
		fact := mustParse(raw)
		text, _ := n.journal.set.ring.open(fact)
		body, _ := messages.DecodeFact(fact.Header.Type, fact.Header.Schema, text)
		held[fact.ID()] = item{fact, fact.ID(), body}
	}
	var connected func(messages.FactID) bool
	connected = func(id messages.FactID) bool {
		i, there := held[id]
		return there && (i.fact.Header.Seq == 1 || connected(i.fact.Header.Prev))
	}
	stands := func(i item) bool {
		for _, parent := range i.fact.Header.Parents {
			if _, there := held[parent]; !there {
				return false
			}
		}
		return connected(i.id)
	}
	founded := n.journal.set.founded
	ops := []messages.MemberAdded{{}}
	opened := []messages.FactID{{}}
	rosters := []map[messages.AuthorityID]bool{{founded.Founder.Authority(): true}}
	epochs := []messages.EpochID{membership.FoundedEpoch(founded)}
	for grown := true; grown; {
		grown = false
		for _, i := range held {
			op, isOp := i.body.(messages.MemberAdded)
			if isOp && stands(i) && int(op.Change.Epoch) == len(epochs) && op.Change.Closes == epochs[len(epochs)-1] {
				roster := maps.Clone(rosters[len(rosters)-1])
				roster[op.Member.Authority()] = true
				ops, opened, rosters = append(ops, op), append(opened, i.id), append(rosters, roster)
				epochs = append(epochs, membership.AddedEpoch(op))
				grown = true
			}
		}
	}
	within := func(i item) bool {
		closing := int(i.fact.Header.Epoch) + 1
		if closing >= len(ops) || opened[closing] == i.id {
			return true
		}
		for _, cut := range ops[closing].Change.Cut {
			for id := cut.Fact; ; {
				at, there := held[id]
				if id == i.id {
					return true
				}
				if !there {
					break
				}
				id = at.fact.Header.Prev
			}
		}
		return false
	}
	var sum setHash
	want := rendezvous.View{
		Context: founded.Context(), Self: n.identity.Authority(), Epoch: messages.Epoch(len(epochs) - 1),
		EpochID: epochs[len(epochs)-1], Finality: founded.Finality, Founder: founded.Founder.Authority(),
		Descriptors: map[messages.AuthorityID]rendezvous.DescriptorRecord{},
		Older:       map[messages.Nonce]rendezvous.DescriptorRecord{},
		Frontier:    map[messages.AuthorityID]messages.CutEntry{},
		Established: map[messages.AuthorityID]messages.ChannelEstablished{},
	}
	var records []rendezvous.DescriptorRecord
	revoked := map[string]bool{}
	channels := map[messages.ChannelEstablished]map[messages.AuthorityID]bool{}
	for _, i := range held {
		author := i.fact.Header.Author
		if connected(i.id) && i.fact.Header.Seq > want.Frontier[author].Seq {
			want.Frontier[author] = messages.CutEntry{Author: author, Seq: i.fact.Header.Seq, Fact: i.id}
		}
		if !within(i) {
			continue
		}
		want.Count++
		sum.add(i.id)
		old, repeats := held[messages.FactID(i.fact.Header.Again)]
		if !stands(i) || (repeats && within(old) && stands(old)) {
			continue
		}
		switch body := i.body.(type) {
		case messages.RendezvousDescriptor:
			records = append(records, rendezvous.DescriptorRecord{
				Descriptor: body, Fact: i.id, Epoch: i.fact.Header.Epoch, Seq: i.fact.Header.Seq,
			})
		case messages.DescriptorRevoked:
			if body.Authority == author {
				revoked[fmt.Sprint(author, body.Nonce)] = true
			}
		case messages.ChannelEstablished:
			if channels[body] == nil {
				channels[body] = map[messages.AuthorityID]bool{}
			}
			channels[body][author] = true
		}
	}
	want.Fingerprint = sum.fingerprint(want.Count)
	for at := range records {
		r := &records[at]
		r.Revoked = revoked[fmt.Sprint(r.Descriptor.Authority, r.Descriptor.Nonce)]
		best, there := want.Descriptors[r.Descriptor.Authority]
		if !there || newerRecord(*r, best) < 0 {
			want.Descriptors[r.Descriptor.Authority] = *r
		}
	}
	for _, r := range records {
		isNewest := want.Descriptors[r.Descriptor.Authority].Fact == r.Fact
		there, taken := want.Older[r.Descriptor.Nonce]
		if !isNewest && !r.Revoked && (!taken || r.Fact.Compare(there.Fact) < 0) {
			want.Older[r.Descriptor.Nonce] = r
		}
	}
	for channel, ends := range channels {
		if ends[channel.Initiator] && ends[channel.Responder] && channel.Responder == n.identity.Authority() {
			want.Established[channel.Initiator] = channel
		}
	}
	return naiveView{view: want, members: len(rosters[len(rosters)-1])}
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
		n := newNode(t, 1, disk{})
		for bucket, records := range ana.disk {
			n.disk[bucket] = maps.Clone(records)
		}
		n.restart(start)
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

// SPEC 9.7: "never chosen by hash; the state stays at the last finalized one".
func TestRivalOpsLeaveTheEpochOpen(t *testing.T) {
	ana, ben, cat := trio(t)
	twin := newNode(t, 1, disk{})
	for bucket, records := range ana.disk {
		twin.disk[bucket] = maps.Clone(records)
	}
	twin.random = seeded(99)
	twin.restart(start)
	ana.admit(start, 4)
	twin.admit(start, 5)
	ben.learn(start, ana)
	if ben.view.Epoch != 3 {
		t.Fatalf("epoch %d after one op", ben.view.Epoch)
	}
	ben.learn(start, twin)
	cat.learn(start, twin)
	cat.learn(start, ana)
	for _, n := range []*node{ben, cat} {
		if n.view.Epoch != 2 || n.view.Roster.Len() != 3 || !n.journal.set.Conflict() {
			t.Errorf("%s: epoch %d, %d members, conflict %t", n, n.view.Epoch, n.view.Roster.Len(), n.journal.set.Conflict())
		}
	}
	same(t, ben, cat)
}

// SPEC 3.4: "facts of the closed epoch beyond the cut are never reduced, so
// that a removed member cannot write history."
func TestForkBelowACutIsNeverReduced(t *testing.T) {
	ana, ben, cat := trio(t)
	ben.say(start, ben.descriptor(start, 1, 1))
	twin := newNode(t, 2, disk{})
	for bucket, records := range ben.disk {
		twin.disk[bucket] = maps.Clone(records)
	}
	twin.random = seeded(98)
	twin.restart(start)
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
