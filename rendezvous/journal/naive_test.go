package journal

import (
	"fmt"
	"maps"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

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
	known := map[messages.FactID]bool{}
	var stands func(messages.FactID) bool
	stands = func(id messages.FactID) bool {
		if whole, asked := known[id]; asked {
			return whole
		}
		i, there := held[id]
		whole := there && (i.fact.Header.Seq == 1 || stands(i.fact.Header.Prev))
		for _, parent := range i.fact.Header.Parents {
			whole = whole && stands(parent)
		}
		if again := messages.FactID(i.fact.Header.Again); !again.IsZero() {
			whole = whole && stands(again)
		}
		known[id] = whole
		return whole
	}
	founded := n.journal.set.founded
	cuts := [][]messages.CutEntry{nil}
	opened := []messages.FactID{{}}
	rosters := []map[messages.AuthorityID]bool{{founded.Founder.Authority(): true}}
	epochs := []messages.EpochID{membership.FoundedEpoch(founded)}
	for grown := true; grown; {
		grown = false
		for _, i := range held {
			op, isOp := i.body.(messages.EpochOp)
			if !isOp || !stands(i.id) || int(op.Changes().Epoch) != len(epochs) || op.Changes().Closes != epochs[len(epochs)-1] {
				continue
			}
			roster := maps.Clone(rosters[len(rosters)-1])
			switch o := op.(type) {
			case messages.MemberAdded:
				roster[o.Member.Authority()] = true
			case messages.MemberRemoved:
				delete(roster, o.Member)
			}
			cuts, opened, rosters = append(cuts, op.Changes().Cut), append(opened, i.id), append(rosters, roster)
			epochs = append(epochs, membership.OpenedEpoch(op))
			grown = true
		}
	}
	within := func(i item) bool {
		closing := int(i.fact.Header.Epoch) + 1
		if closing >= len(cuts) || opened[closing] == i.id {
			return true
		}
		for _, cut := range cuts[closing] {
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
	ready := messages.FactCursor(0)
	want := rendezvous.View{
		Context: founded.Context(), Self: n.identity.Authority(), Epoch: messages.Epoch(len(epochs) - 1),
		EpochID: epochs[len(epochs)-1], Finality: founded.Finality, Founder: founded.Founder.Authority(),
		Descriptors: map[messages.AuthorityID]rendezvous.DescriptorRecord{},
		Older:       map[messages.Nonce]rendezvous.DescriptorRecord{},
		Frontier:    map[messages.AuthorityID]messages.CutEntry{},
		Established: map[messages.AuthorityID]messages.ChannelEstablished{},
		Equivocated: map[messages.AuthorityID]messages.Seq{},
	}
	var records []rendezvous.DescriptorRecord
	revoked := map[string]bool{}
	channels := map[messages.ChannelEstablished]map[messages.AuthorityID]bool{}
	for _, i := range held {
		author := i.fact.Header.Author
		if stands(i.id) {
			ready++
		}
		if !stands(i.id) {
			want.Waiting++
		}
		last := want.Frontier[author]
		if stands(i.id) && (i.fact.Header.Seq > last.Seq || i.fact.Header.Seq == last.Seq && i.id.Compare(last.Fact) < 0) {
			want.Frontier[author] = messages.CutEntry{Author: author, Seq: i.fact.Header.Seq, Fact: i.id}
		}
		for _, other := range held {
			seq, forked := i.fact.Header.Seq, other.fact.Header.Author == author && other.fact.Header.Seq == i.fact.Header.Seq && other.id != i.id
			if known := want.Equivocated[author]; forked && (known == 0 || seq < known) {
				want.Equivocated[author] = seq
			}
		}
		if !within(i) || !stands(i.id) {
			continue
		}
		want.Count++
		sum.add(i.id)
		old, repeats := held[messages.FactID(i.fact.Header.Again)]
		if repeats && within(old) && stands(old.id) {
			continue
		}
		switch body := i.body.(type) {
		case messages.RendezvousDescriptor:
			first := i
			for !first.fact.Header.Again.IsZero() {
				first = held[messages.FactID(first.fact.Header.Again)]
			}
			records = append(records, rendezvous.DescriptorRecord{
				Descriptor: body, Fact: i.id, Epoch: first.fact.Header.Epoch, Seq: i.fact.Header.Seq,
			})
		case messages.DescriptorRevoked:
			if body.Authority == author {
				revoked[fmt.Sprint(author, body.Nonce)] = true
			}
		case messages.Equivocation:
			accused, _, seq := body.Place()
			if known := want.Equivocated[accused]; known == 0 || seq < known {
				want.Equivocated[accused] = seq
			}
		case messages.ChannelEstablished:
			if channels[body] == nil {
				channels[body] = map[messages.AuthorityID]bool{}
			}
			channels[body][author] = true
		}
	}
	want.Ready = ready
	want.Fingerprint = sum.fingerprint()
	for at := range records {
		r := &records[at]
		r.Revoked = revoked[fmt.Sprint(r.Descriptor.Authority, r.Descriptor.Nonce)]
		best, there := want.Descriptors[r.Descriptor.Authority]
		if !there || rendezvous.NewestFirst(*r, best) < 0 {
			want.Descriptors[r.Descriptor.Authority] = *r
		}
	}
	for _, r := range records {
		newer, most := 0, maxOlder
		if r.Descriptor.Authority == want.Self {
			most = maxOlderOwn
		}
		for _, other := range records {
			if other.Descriptor.Authority == r.Descriptor.Authority && rendezvous.NewestFirst(other, r) < 0 {
				newer++
			}
		}
		if newer > most {
			continue
		}
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
