package rendezvous

import (
	"fmt"

	"github.com/waymeet/waymeet/messages"
)

// Named finds the descriptor of an authority by its nonce: its newest, or an
// older one that is not revoked.
func (v *View) Named(authority messages.AuthorityID, nonce messages.Nonce) (DescriptorRecord, bool) {
	for _, record := range [...]DescriptorRecord{v.Descriptors[authority], v.Older[nonce]} {
		d := record.Descriptor
		if d.Authority == authority && d.Nonce == nonce && !nonce.IsZero() {
			return record, true
		}
	}
	return DescriptorRecord{}, false
}

// nameToward picks which of our own descriptors a hello to the peer names, or
// says why there is none.
//
// SPEC 7.2: "of its own descriptors the sender names the newest that the
// receiver's last frontier covered". Where nothing is known of what the peer
// holds, that is our newest.
func (v *View) nameToward(peer messages.AuthorityID) (DescriptorRecord, string) {
	newest, published := v.Descriptors[v.Self]
	if !published {
		return DescriptorRecord{}, "we have no descriptor in this context yet"
	}
	covered, known := v.Covered[peer]
	if !known || newest.Seq <= covered {
		return newest, ""
	}
	best := DescriptorRecord{}
	for _, record := range v.Older {
		d := record.Descriptor
		if d.Authority == v.Self && record.Seq <= covered && NewestFirst(record, best) < 0 {
			best = record
		}
	}
	if best.Seq == 0 {
		return newest, ""
	}
	return best, ""
}

// namedBy finds the two descriptors that a hello names, or says why not.
func (v *View) namedBy(hello messages.Hello) (local, remote DescriptorRecord, missing string) {
	if hello.Kind != messages.HelloInit {
		return local, remote, "it is an answer, not a first hello"
	}
	if hello.Major != messages.CurrentVersion.Major {
		return local, remote, fmt.Sprintf("%s speaks protocol version %d, and we speak %d: one of the two must be updated",
			hello.Sender.Short(), hello.Major, messages.CurrentVersion.Major)
	}
	local, ok := v.Named(v.Self, hello.ReceiverNonce)
	if !ok {
		return local, remote, "it names no descriptor of ours that stands"
	}
	if remote, ok = v.Named(hello.Sender, hello.SenderNonce); !ok {
		return local, remote, fmt.Sprintf("it names a descriptor of %s that we do not hold", hello.Sender.Short())
	}
	return local, remote, ""
}

// memberKey is the identity key that the last finalized roster gives for an
// authority; ok is false for who is not in it.
func (v *View) memberKey(authority messages.AuthorityID) (key messages.PublicKey, ok bool) {
	member, ok := v.Roster.Member(authority)
	return member.PublicKey, ok
}
