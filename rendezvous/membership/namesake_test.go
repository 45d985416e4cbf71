package membership

import (
	"errors"
	"strings"
	"testing"

	"github.com/waymeet/waymeet/messages"
)

// A sync names authors by the beginning of their id, so no two may begin alike:
// neither members, nor one and who was one, whose facts are still synced. Real
// keys of that kind take 2³² tries; here the id of the one is made up.
func TestNoTwoAuthoritiesBeginAlike(t *testing.T) {
	founder, joiner := NewIdentity([32]byte{1}), NewIdentity([32]byte{2})
	op := messages.MemberAdded{Member: joiner.Public(), Role: messages.RoleParticipant}
	namesake := joiner.Authority()
	namesake[31] ^= 1
	other := joiner.Authority()
	other[7] ^= 1
	open := func(id messages.AuthorityID, removed bool) error {
		roster := FoundedRoster(messages.ContextFounded{Founder: founder.Public()})
		roster = roster.with(rosterEntry{id: id})
		if removed {
			roster = roster.Without(id)
		}
		_, err := OpenedRoster(founder.Authority(), roster, op)
		return err
	}
	for name, test := range map[string]struct {
		id      messages.AuthorityID
		removed bool
		refused bool
	}{
		"a member begins alike":            {namesake, false, true},
		"one who was removed begins alike": {namesake, true, true},
		"a member begins otherwise":        {other, false, false},
		"it was removed itself":            {joiner.Authority(), true, false},
	} {
		err := open(test.id, test.removed)
		if refused := errors.Is(err, ErrNotAllowed) && strings.Contains(err.Error(), "begins like"); refused != test.refused || !refused && err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Who comes back is a member like any other: equal sets are equal rosters.
func TestRosterForgetsWhoComesBack(t *testing.T) {
	member := Member{PublicKey: NewIdentity([32]byte{2}).Public(), Role: messages.RoleParticipant}
	roster := Roster{}.With(member).Without(member.Authority()).With(member)
	if len(roster.former) != 0 || roster.Hash() != (Roster{}).With(member).Hash() {
		t.Errorf("%d were members before", len(roster.former))
	}
}
