package membership

import (
	"slices"

	"github.com/waymeet/waymeet/messages"
)

// labelRoster separates the hash of a roster.
const labelRoster messages.Label = "waymeet/1 roster"

// Member is one authority of a context (SPEC 2.1).
type Member struct {
	PublicKey messages.PublicKey `cbor:"1,keyasint"`
	Role      messages.Role      `cbor:"2,keyasint"`
}

// Authority is the member's id.
func (m Member) Authority() messages.AuthorityID { return m.PublicKey.Authority() }

// MayOfferServices reports whether a descriptor of the member may offer services.
//
// SPEC 2.1: "a witness holds the secret, votes and forwards facts, but offers no
// services".
func (m Member) MayOfferServices() bool { return m.Role != messages.RoleWitness }

// Roster is the set of members of a context in one epoch. It is an immutable
// value: With and Without give a new one. The zero Roster is empty.
//
// Invariants: entries are sorted by id and distinct, so that equal sets are
// equal rosters with equal hashes; former are those who were members and are
// not, sorted and distinct.
type Roster struct {
	entries []rosterEntry
	former  []messages.AuthorityID
}

type rosterEntry struct {
	id     messages.AuthorityID
	member Member
}

// Member is the member with that id, if there is one.
func (r Roster) Member(id messages.AuthorityID) (Member, bool) {
	at, found := r.find(id)
	if !found {
		return Member{}, false
	}
	return r.entries[at].member, true
}

// Has reports whether the authority is a member.
func (r Roster) Has(id messages.AuthorityID) bool {
	_, found := r.find(id)
	return found
}

// Members are all members, sorted by id. The slice is the caller's.
func (r Roster) Members() []Member {
	members := make([]Member, len(r.entries))
	for at, entry := range r.entries {
		members[at] = entry.member
	}
	return members
}

// Former are those who were members and are none any more, sorted. The slice is the
// caller's.
func (r Roster) Former() []messages.AuthorityID { return slices.Clone(r.former) }

// Len is how many members there are.
func (r Roster) Len() int { return len(r.entries) }

// With is the roster with the member in it; a member who is in it already
// takes the role that is given.
func (r Roster) With(member Member) Roster {
	return r.with(rosterEntry{id: member.Authority(), member: member})
}

func (r Roster) with(entry rosterEntry) Roster {
	at, found := r.find(entry.id)
	entries := slices.Clone(r.entries)
	if found {
		entries[at] = entry
	} else {
		entries = slices.Insert(entries, at, entry)
	}
	former := r.former
	if at, was := slices.BinarySearchFunc(former, entry.id, messages.AuthorityID.Compare); was {
		former = slices.Delete(slices.Clone(former), at, at+1)
	}
	return Roster{entries: entries, former: former}
}

// Without is the roster without that member, if it was in it.
func (r Roster) Without(id messages.AuthorityID) Roster {
	at, found := r.find(id)
	if !found {
		return r
	}
	entries := slices.Delete(slices.Clone(r.entries), at, at+1)
	before, _ := slices.BinarySearchFunc(r.former, id, messages.AuthorityID.Compare)
	return Roster{entries: entries, former: slices.Insert(slices.Clone(r.former), before, id)}
}

// namesake is another authority, which is or was a member, whose id begins like
// that one. A sync names authors by the beginning of their ids.
func (r Roster) namesake(id messages.AuthorityID) (other messages.AuthorityID, found bool) {
	alike := func(other messages.AuthorityID) bool {
		return other != id && messages.Prefix(other) == messages.Prefix(id)
	}
	for _, entry := range r.entries {
		if alike(entry.id) {
			return entry.id, true
		}
	}
	at := slices.IndexFunc(r.former, alike)
	if at < 0 {
		return messages.AuthorityID{}, false
	}
	return r.former[at], true
}

// Hash is the hash of the canonical list of members: the roster hash that votes are
// over (SPEC 9.4), once there is consensus.
func (r Roster) Hash() [32]byte { return messages.Hash(labelRoster, messages.Encode(r.Members())) }

func (r Roster) find(id messages.AuthorityID) (int, bool) {
	return slices.BinarySearchFunc(r.entries, id, func(entry rosterEntry, id messages.AuthorityID) int {
		return entry.id.Compare(id)
	})
}
