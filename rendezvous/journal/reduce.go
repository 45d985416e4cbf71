package journal

import (
	"bytes"
	"cmp"
	"maps"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

// Bounds of the older descriptors that a view keeps: hellos may still name
// them (SPEC 7.2, 7.8: "for 8 epochs or 30 days"). Of our own they are those of
// a month, one every 54 minutes and some more: a peer that was away names the
// last one that it saw. We ourselves name none of a peer's but its newest, and
// it names none of its own but what we are known to hold.
const (
	maxOlder       = 32
	maxOlderOwn    = 1024
	maxOlderEpochs = rendezvous.MaxEpochs
)

// maxDescriptors is how many descriptors of one author a view takes, the newest
// among them.
func maxDescriptors(own bool) int {
	if own {
		return 1 + maxOlderOwn
	}
	return 1 + maxOlder
}

// view is what the facts add up to, and the keys that this node holds: the same facts
// in any order give the same view (SPEC 3.3: "Reduction is a pure function of the
// set"), but for Ready, which says how they came. What is not in the facts, the
// journal adds.
func (s *set) view() *rendezvous.View {
	s.settle()
	open := s.epochs.open()
	picked := s.fold.pick(s.ring.identity.Authority(), open.number)
	view := &rendezvous.View{
		Context:     s.context,
		Self:        s.ring.identity.Authority(),
		Epoch:       open.number,
		EpochID:     open.id,
		Finality:    s.founded.Finality,
		Founder:     s.founder,
		Roster:      open.roster,
		Conflict:    s.epochs.conflict(),
		Keys:        map[messages.Epoch]membership.Keys{},
		Descriptors: picked.descriptors,
		Numbered:    s.numbered,
		Older:       picked.older,
		Covered:     maps.Clone(s.fold.covered),
		Frontier:    map[messages.AuthorityID]messages.CutEntry{},
		Count:       s.fold.facts.count,
		Waiting:     s.waiting(),
		Fingerprint: s.fold.facts.fingerprint(),
		Established: picked.established,
		Equivocated: s.equivocations(),
		Ready:       s.reading.end(),
	}
	for _, state := range s.epochs.timeline {
		if keys, held := s.ring.keys[state.id]; held {
			view.Keys[state.number] = keys
		}
	}
	for author, c := range s.chains {
		if c.head != nil {
			view.Frontier[author] = messages.CutEntry{Author: author, Seq: c.head.seq, Fact: c.head.id}
		}
	}
	return view
}

// picked is what a view takes of the descriptors and channels. It is shared by
// all views until another one is said.
type picked struct {
	descriptors map[messages.AuthorityID]rendezvous.DescriptorRecord
	older       map[messages.Nonce]rendezvous.DescriptorRecord
	established map[messages.AuthorityID]messages.ChannelEstablished
}

// pick picks for self, in that epoch.
func (f *fold) pick(self messages.AuthorityID, epoch messages.Epoch) *picked {
	if f.picked == nil {
		f.picked = &picked{
			descriptors: map[messages.AuthorityID]rendezvous.DescriptorRecord{},
			older:       map[messages.Nonce]rendezvous.DescriptorRecord{},
			established: map[messages.AuthorityID]messages.ChannelEstablished{},
		}
		f.pickDescriptors(epoch)
		f.pickChannels(self)
	}
	return f.picked
}

// pickDescriptors picks the newest of each author, and the older ones that
// hellos may still name.
//
// SPEC 4.2: "The view takes, per (context, authority), the admitted descriptor
// with the highest (sequence, fact seq), whatever its window; if that one is
// revoked or outside its window, there is none …. A revocation removes the
// descriptor with that nonce for ever, whatever the order of arrival."
func (f *fold) pickDescriptors(epoch messages.Epoch) {
	for id, descriptors := range f.descriptors {
		for at, held := range descriptors {
			record := *held
			record.Revoked = f.revoked[revocation{id, record.Descriptor.Nonce}]
			switch {
			case at == 0:
				f.picked.descriptors[id] = record
			case !record.Revoked && record.Epoch+maxOlderEpochs >= epoch:
				keepOlder(f.picked.older, record)
			}
		}
	}
}

// keepOlder puts a replaced descriptor under its nonce. Two authorities with
// one nonce is the work of a copyist; the fact with the smaller id stays, so
// that all members see the same.
func keepOlder(older map[messages.Nonce]rendezvous.DescriptorRecord, record rendezvous.DescriptorRecord) {
	nonce := record.Descriptor.Nonce
	if there, taken := older[nonce]; !taken || record.Fact.Compare(there.Fact) < 0 {
		older[nonce] = record
	}
}

// pickChannels picks the channels of self that both ends have said.
//
// SPEC 9.6: "The current one of a pair: highest (epoch, seq of the smaller
// id's fact)."
func (f *fold) pickChannels(self messages.AuthorityID) {
	best := map[messages.AuthorityID]messages.Seq{}
	for channel, ends := range f.ends {
		peer := channel.Responder
		if peer == self {
			peer = channel.Initiator
		}
		isOurs := channel.Initiator == self || channel.Responder == self
		if !isOurs || ends.initiator == 0 || ends.responder == 0 {
			continue
		}
		seq := ends.initiator
		if channel.Responder.Compare(channel.Initiator) < 0 {
			seq = ends.responder
		}
		current, known := f.picked.established[peer]
		newer := cmp.Or(cmp.Compare(channel.Epoch, current.Epoch), cmp.Compare(seq, best[peer]),
			current.Channel.Compare(channel.Channel), bytes.Compare(current.Transcript[:], channel.Transcript[:]))
		if !known || newer > 0 {
			f.picked.established[peer], best[peer] = channel, seq
		}
	}
}
