package rendezvous

import (
	"cmp"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

// DescriptorRecord is the descriptor that a view takes for one authority, with
// what the rules need to know of the fact that carried it.
type DescriptorRecord struct {
	Descriptor messages.RendezvousDescriptor
	Fact       messages.FactID
	// Epoch is the epoch of the fact; the PSK commitment is checked under its
	// psk root (SPEC 6.2).
	Epoch   messages.Epoch
	Seq     messages.Seq
	Revoked bool
}

// NewestFirst sorts by (sequence, fact seq), then the id, so that an author's
// fork too is decided alike everywhere.
func NewestFirst(a, b DescriptorRecord) int {
	return cmp.Or(
		cmp.Compare(b.Descriptor.Sequence, a.Descriptor.Sequence),
		cmp.Compare(b.Seq, a.Seq),
		a.Fact.Compare(b.Fact),
	)
}

// View is an immutable snapshot of what one context's journal says. It is made
// by the journal, shared freely, and never changed.
type View struct {
	Context messages.ContextID
	// Self is the local authority; the view's keys are those that it holds.
	Self     messages.AuthorityID
	Epoch    messages.Epoch
	EpochID  messages.EpochID
	Finality messages.FinalityRule
	Founder  messages.AuthorityID
	// Roster is the last finalized roster.
	Roster membership.Roster
	// Conflict: rival ops close the open epoch, and so the context stays in it
	// (SPEC 9.7).
	Conflict bool
	// Keys holds the derived keys of the epochs whose secret this node holds.
	Keys map[messages.Epoch]membership.Keys
	// Descriptors holds, per authority, the admitted descriptor with the
	// highest (sequence, fact seq), whatever its window (SPEC 4.2).
	Descriptors map[messages.AuthorityID]DescriptorRecord
	// Numbered is how far Self has numbered its descriptors, those that a cut
	// has left out included: others may have seen them.
	Numbered DescriptorNumbers
	// Older holds, by nonce, the admitted descriptors of all authorities that
	// a newer one has replaced and that are not revoked: hellos may still name
	// them (SPEC 7.2).
	Older map[messages.Nonce]DescriptorRecord
	// Covered holds, per peer, the last fact of Self's chain that the peer is
	// known to hold: from its facts' parents and from its sync frontiers. No
	// entry: unknown.
	Covered map[messages.AuthorityID]messages.Seq
	// MayWrite: Self may write facts here. It may not while the node has not synced
	// since its start, or a peer shows more of Self's chain than it holds
	// (SPEC 3.1).
	MayWrite bool
	// Ledger is what Self has spent in this context (SPEC 5.5, 5.6).
	Ledger messages.Ledger
	// Frontier is, per author, the last fact of the contiguous chain held.
	Frontier map[messages.AuthorityID]messages.CutEntry
	// Count and Fingerprint describe the set of admitted facts (SPEC 3.4).
	Count       uint64
	Fingerprint [32]byte
	// Waiting counts the facts that are held and wait for others.
	Waiting int
	// Ready is how far the facts can be read.
	Ready messages.FactCursor
	// Established holds, per peer of Self, the channel that both ends' facts
	// agree on (SPEC 9.6), if any.
	Established map[messages.AuthorityID]messages.ChannelEstablished
	// Equivocated are the authorities that have signed two facts with one seq,
	// and the first such seq (SPEC 3.1).
	Equivocated map[messages.AuthorityID]messages.Seq
}

// DescriptorNumbers are those of the last descriptor of an authority.
//
// SPEC 4.1: "each published descriptor has a greater sequence and
// CandidateGeneration."
type DescriptorNumbers struct {
	Sequence   uint64
	Candidates messages.CandidateGeneration
}

// With are the greater ones of n and those of a descriptor.
func (n DescriptorNumbers) With(d messages.RendezvousDescriptor) DescriptorNumbers {
	return DescriptorNumbers{max(n.Sequence, d.Sequence), max(n.Candidates, d.Candidates)}
}

// lastNumbers are those that the next descriptor of Self has to be above.
func (v *View) lastNumbers() DescriptorNumbers {
	return v.Numbered.With(v.Descriptors[v.Self].Descriptor)
}
