package journal

import (
	"slices"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous"
)

// fold is what the facts add up to. Every part of it is a set or a maximum, so
// that facts can be folded in any order; what a cut takes away is taken by
// folding anew.
type fold struct {
	// facts are those that count.
	facts setHash
	// descriptors are those of each author that a view takes, the newest first.
	descriptors map[messages.AuthorityID][]*rendezvous.DescriptorRecord
	// revoked are the nonces that their authority took back.
	revoked map[revocation]bool
	// ends are the seqs of the two facts that say the same of a channel.
	ends map[messages.ChannelEstablished]channelEnds
	// equivocated are the authors who are proved to have forked, with the first
	// seq that a proof names.
	equivocated map[messages.AuthorityID]messages.Seq
	// covered is, per author, the last fact of ours that one of its facts
	// names as parent.
	covered map[messages.AuthorityID]messages.Seq
	// picked is what the last view took of all this; nil: something has come
	// since.
	picked *picked
}

type revocation struct {
	authority messages.AuthorityID
	nonce     messages.Nonce
}

// channelEnds holds the seqs of the two ends' facts; 0: not there.
type channelEnds struct{ initiator, responder messages.Seq }

func newFold() *fold {
	return &fold{
		descriptors: map[messages.AuthorityID][]*rendezvous.DescriptorRecord{},
		revoked:     map[revocation]bool{},
		ends:        map[messages.ChannelEstablished]channelEnds{},
		equivocated: map[messages.AuthorityID]messages.Seq{},
		covered:     map[messages.AuthorityID]messages.Seq{},
	}
}

// refold makes the fold anew.
func (s *set) refold() {
	s.markRetained()
	s.fold = newFold()
	for _, e := range s.graph.entries {
		s.fold.add(s, e)
	}
	s.leftOut.forget()
	s.stale = false
}

// settle makes sure that the fold says what the entries say.
func (s *set) settle() {
	if s.stale {
		s.refold()
	}
}

// add takes a fact that counts into count and fingerprint, and what it says,
// unless that is said again, into the fold.
func (f *fold) add(s *set, e *entry) {
	if !s.counts(e) {
		return
	}
	f.facts.add(e.id)
	if s.repeats(e) {
		return
	}
	if e.covers > 0 {
		f.covered[e.author()] = max(f.covered[e.author()], e.covers)
	}
	switch body := e.body().(type) {
	case messages.RendezvousDescriptor:
		f.describe(s, e, body)
	case messages.DescriptorRevoked:
		if body.Authority == e.author() {
			f.picked = nil
			f.revoked[revocation{body.Authority, body.Nonce}] = true
		}
	case messages.ChannelEstablished:
		f.establish(e, body)
	case messages.Equivocation:
		f.convict(s, e, body)
	}
}

// describe takes in a descriptor that its own authority published in this
// context, by the rules. What no view takes any more is let go: newer ones never go,
// but by folding anew.
func (f *fold) describe(s *set, e *entry, d messages.RendezvousDescriptor) {
	author, _ := e.tenure.state.roster.Member(e.author())
	if d.Authority != e.author() || d.Context != s.context || len(d.Services) > 0 && !author.MayOfferServices() ||
		rendezvous.ValidateDescriptor(d, e.hlc.Millis()) != nil {
		return
	}
	record := rendezvous.DescriptorRecord{Descriptor: d, Fact: e.id, Epoch: s.saidIn(e), Seq: e.seq}
	held := f.descriptors[d.Authority]
	at, _ := slices.BinarySearchFunc(held, record, func(held *rendezvous.DescriptorRecord, record rendezvous.DescriptorRecord) int {
		return rendezvous.NewestFirst(*held, record)
	})
	most := maxDescriptors(e.chain().own)
	if at == most {
		return
	}
	held = slices.Insert(held, at, &record)
	f.descriptors[d.Authority] = held[:min(len(held), most)]
	f.picked = nil
}

// saidIn is the epoch in which the fact was said first. What a descriptor
// commits to is the psk root of that one, however often a cut has made its
// author say it again.
func (s *set) saidIn(e *entry) messages.Epoch {
	for {
		old := s.graph.entries[e.again()]
		if old == nil || old.author() != e.author() || old.epoch() >= e.epoch() {
			return e.epoch()
		}
		e = old
	}
}

// establish takes in what one end says of a channel.
//
// SPEC 9.6: "each end appends its own ChannelEstablished at Complete, and two
// with equal fields are the evidence".
func (f *fold) establish(e *entry, c messages.ChannelEstablished) {
	if c.Initiator == c.Responder {
		return
	}
	ends := f.ends[c]
	switch e.author() {
	case c.Initiator:
		ends.initiator = max(ends.initiator, e.seq)
	case c.Responder:
		ends.responder = max(ends.responder, e.seq)
	default:
		return
	}
	f.ends[c] = ends
	f.picked = nil
}

// repeats reports whether the fact, which is whole, says again what is reduced already.
//
// SPEC 3.4: "(same body, field `again` = old FactID, reduced once)".
func (s *set) repeats(e *entry) bool {
	if e.again().IsZero() {
		return false
	}
	old := s.graph.entries[e.again()]
	return old.author() == e.author() && old.epoch() < e.epoch() && s.counts(old)
}
