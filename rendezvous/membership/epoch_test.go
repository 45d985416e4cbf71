package membership_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

// SPEC 2.4: "EpochID = SHA-256('waymeet/1 epoch' ‖ canonical op without its
// wraps and previous key)".
func TestEpochIDIsOfTheOpWithoutItsWraps(t *testing.T) {
	i := invite(t)
	id := membership.AddedEpoch(i.added)
	sealed := i.added
	sealed.Change.Wraps, sealed.Change.PreviousKey = nil, []byte("other")
	if membership.AddedEpoch(sealed) != id {
		t.Error("the id depends on what its keys seal")
	}
	if len(i.added.Change.Wraps) != 2 {
		t.Error("the id was taken from the op itself")
	}
	for name, change := range map[string]func(*messages.MemberAdded){
		"member": func(o *messages.MemberAdded) { o.Member[0]++ },
		"role":   func(o *messages.MemberAdded) { o.Role = messages.RoleWitness },
		"epoch":  func(o *messages.MemberAdded) { o.Change.Epoch++ },
		"closes": func(o *messages.MemberAdded) { o.Change.Closes[0]++ },
		"secret": func(o *messages.MemberAdded) { o.Change.SecretHash[0]++ },
		"cut":    func(o *messages.MemberAdded) { o.Change.Cut = []messages.CutEntry{{Seq: 1}} },
	} {
		rival := i.added
		if change(&rival); membership.AddedEpoch(rival) == id {
			t.Errorf("a rival with another %s has the same id", name)
		}
	}
}

func TestEveryMemberUnwrapsTheSecret(t *testing.T) {
	i := invite(t)
	id := membership.AddedEpoch(i.added)
	for _, who := range []membership.Identity{i.ana, i.ben} {
		secret, err := membership.Unwrap(who, id, i.added.Change.Wraps, i.added.Change.SecretHash)
		if err != nil || secret != i.secret {
			t.Errorf("%s: %v", who, err)
		}
	}
}

// SPEC 2.3: wraps are "bound to EpochID and member". SPEC 2.4: "a member whose
// unwrapped secret does not match says so."
func TestUnwrapRefuses(t *testing.T) {
	i := invite(t)
	id, change := membership.AddedEpoch(i.added), i.added.Change
	swapped := slices.Clone(change.Wraps)
	swapped[0].Sealed, swapped[1].Sealed = swapped[1].Sealed, swapped[0].Sealed
	stolen := slices.Clone(change.Wraps)
	for at := range stolen {
		stolen[at].Member = identity(3).Authority()
	}
	for name, test := range map[string]struct {
		who   membership.Identity
		epoch messages.EpochID
		wraps []messages.SecretWrap
		hash  [32]byte
		want  error
	}{
		"another epoch":           {i.ben, messages.EpochID{1}, change.Wraps, change.SecretHash, membership.ErrWrap},
		"another's wrap":          {i.ben, id, swapped, change.SecretHash, membership.ErrWrap},
		"an outsider":             {identity(3), id, change.Wraps, change.SecretHash, membership.ErrWrap},
		"an outsider, renamed":    {identity(3), id, stolen, change.SecretHash, membership.ErrWrap},
		"another secret":          {i.ben, id, change.Wraps, [32]byte{1}, membership.ErrSecret},
		"nothing wrapped for him": {i.ben, id, nil, change.SecretHash, membership.ErrWrap},
	} {
		if _, err := membership.Unwrap(test.who, test.epoch, test.wraps, test.hash); !errors.Is(err, test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPreviousKeyOpensUnderTheNextEpochAlone(t *testing.T) {
	i := invite(t)
	sealed := i.added.Change.PreviousKey
	if key, err := membership.OpenPrevious(i.opened, i.state.Keys.EpochID, sealed); err != nil || key != i.state.Keys.Payload {
		t.Fatalf("open: %v", err)
	}
	other := i.opened
	other.Payload[0]++
	damaged := bytes.Clone(sealed)
	damaged[3]++
	for name, err := range map[string]error{
		"another key":   second(membership.OpenPrevious(other, i.state.Keys.EpochID, sealed)),
		"another epoch": second(membership.OpenPrevious(i.opened, i.opened.EpochID, sealed)),
		"damaged":       second(membership.OpenPrevious(i.opened, i.state.Keys.EpochID, damaged)),
		"nothing":       second(membership.OpenPrevious(i.opened, i.state.Keys.EpochID, nil)),
	} {
		if !errors.Is(err, membership.ErrPrevious) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func second(_ [32]byte, err error) error { return err }

// SPEC 2.2: the finality rule "is read by one function".
func TestOnlyTheFounderMayAdd(t *testing.T) {
	i := invite(t)
	cat := membership.Member{PublicKey: identity(3).Public(), Role: messages.RoleParticipant}
	for name, test := range map[string]struct {
		author membership.Identity
		member membership.Member
		spoil  func(*membership.State)
		want   string
	}{
		"another member":         {i.ben, cat, func(*membership.State) {}, "only the founder"},
		"an unknown rule":        {i.ana, cat, func(s *membership.State) { s.Finality = 9 }, "finality rule 9"},
		"a member already":       {i.ana, membership.Member{PublicKey: i.ana.Public(), Role: 1}, func(*membership.State) {}, "already"},
		"no role":                {i.ana, membership.Member{PublicKey: cat.PublicKey}, func(*membership.State) {}, "role 0"},
		"a key without a secret": {i.ana, membership.Member{PublicKey: messages.PublicKey{1}, Role: 1}, func(*membership.State) {}, "full order"},
	} {
		state := i.state
		test.spoil(&state)
		_, err := membership.AddMember(test.author.Authority(), state, test.member, i.secret, nil)
		if !errors.Is(err, membership.ErrNotAllowed) || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFoundNeedsRandomness(t *testing.T) {
	if _, _, err := membership.Found(identity(1), bytes.NewReader(make([]byte, 63))); err == nil {
		t.Error("founded with half the randomness")
	}
	one, _, _ := membership.Found(identity(1), bytes.NewReader(bytes.Repeat([]byte{1}, 64)))
	two, _, _ := membership.Found(identity(1), bytes.NewReader(bytes.Repeat([]byte{2}, 64)))
	if one.Context() == two.Context() {
		t.Error("two contexts are one")
	}
}
