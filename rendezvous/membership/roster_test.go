package membership_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

func TestRosterIsASortedValue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keys := rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "keys")
		one, two := membership.Roster{}, membership.Roster{}
		want := map[messages.AuthorityID]bool{}
		for at := range keys {
			one = one.With(member(keys[at]))
			two = two.With(member(keys[len(keys)-1-at]))
			want[member(keys[at]).Authority()] = true
		}
		if one.Len() != len(want) || one.Hash() != two.Hash() || !slices.Equal(one.Members(), two.Members()) {
			t.Fatalf("%d members, want %d", one.Len(), len(want))
		}
		for id := range want {
			if m, found := one.Member(id); !found || m.Authority() != id {
				t.Fatalf("%s is not found", id.Short())
			}
		}
		if !slices.IsSortedFunc(one.Members(), func(a, b membership.Member) int { return a.Authority().Compare(b.Authority()) }) {
			t.Fatal("not sorted")
		}
	})
}

func TestWithLeavesTheOldRosterAsItWas(t *testing.T) {
	one := membership.Roster{}.With(member(1))
	hash := one.Hash()
	two := one.With(member(2)).With(membership.Member{PublicKey: messages.PublicKey{1}, Role: messages.RoleWitness})
	if one.Len() != 1 || one.Hash() != hash || two.Len() != 2 || one.Has(member(2).Authority()) {
		t.Error("the old roster changed")
	}
	if changed, _ := two.Member(member(1).Authority()); changed.Role != messages.RoleWitness {
		t.Error("the role was not taken")
	}
	if one.Hash() == one.With(membership.Member{PublicKey: messages.PublicKey{1}, Role: messages.RoleWitness}).Hash() {
		t.Error("the hash does not see the role")
	}
}

func member(n byte) membership.Member {
	return membership.Member{PublicKey: messages.PublicKey{n}, Role: messages.RoleParticipant}
}
