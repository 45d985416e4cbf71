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
	id := membership.OpenedEpoch(i.added)
	sealed := i.added
	sealed.Change.Wraps, sealed.Change.PreviousKey = nil, []byte("other")
	if membership.OpenedEpoch(sealed) != id {
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
		if change(&rival); membership.OpenedEpoch(rival) == id {
			t.Errorf("a rival with another %s has the same id", name)
		}
	}
}

func TestEveryMemberUnwrapsTheSecret(t *testing.T) {
	i := invite(t)
	id := membership.OpenedEpoch(i.added)
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
	id, change := membership.OpenedEpoch(i.added), i.added.Change
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
func TestAdvanceRefuses(t *testing.T) {
	i := invite(t)
	i.state.Roster = i.state.Roster.With(membership.Member{PublicKey: i.ben.Public(), Role: messages.RoleParticipant})
	cat := messages.MemberAdded{Member: identity(3).Public(), Role: messages.RoleParticipant}
	remove := func(who membership.Identity) messages.EpochOp { return messages.MemberRemoved{Member: who.Authority()} }
	for name, test := range map[string]struct {
		author membership.Identity
		op     messages.EpochOp
		spoil  func(*membership.State)
		want   string
	}{
		"another who adds":          {i.ben, cat, func(*membership.State) {}, "only the founder"},
		"another who removes":       {i.ben, remove(i.ben), func(*membership.State) {}, "only the founder"},
		"another who rotates":       {i.ben, messages.EpochAdvanced{}, func(*membership.State) {}, "only the founder"},
		"an unknown rule":           {i.ana, cat, func(s *membership.State) { s.Finality = 9 }, "finality rule 9"},
		"a member already":          {i.ana, messages.MemberAdded{Member: i.ana.Public(), Role: 1}, func(*membership.State) {}, "already"},
		"no role":                   {i.ana, messages.MemberAdded{Member: cat.Member}, func(*membership.State) {}, "role 0"},
		"a key without a secret":    {i.ana, messages.MemberAdded{Member: messages.PublicKey{1}, Role: 1}, func(*membership.State) {}, "full order"},
		"the founder's removal":     {i.ana, remove(i.ana), func(*membership.State) {}, "the founder " + i.ana.Authority().Short() + " cannot be removed"},
		"the removal of a stranger": {i.ana, remove(identity(3)), func(*membership.State) {}, "is no member"},
	} {
		state := i.state
		test.spoil(&state)
		_, err := membership.Advance(test.author.Authority(), state, test.op, i.secret, nil)
		if !errors.Is(err, membership.ErrNotAllowed) || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// SPEC 2.2: "A removed member never gets the new secret."
func TestSecretIsWrappedForThoseWhoStay(t *testing.T) {
	i := invite(t)
	i.state.Roster = i.state.Roster.With(membership.Member{PublicKey: i.ben.Public(), Role: messages.RoleParticipant})
	i.state.Keys = i.opened
	for _, test := range []struct {
		op    messages.EpochOp
		stays []membership.Identity
	}{
		{messages.MemberRemoved{Member: i.ben.Authority()}, []membership.Identity{i.ana}},
		{messages.EpochAdvanced{}, []membership.Identity{i.ana, i.ben}},
	} {
		op, err := membership.Advance(i.ana.Authority(), i.state, test.op, membership.Secret{8}, nil)
		if err != nil {
			t.Fatal(err)
		}
		change := op.Changes()
		if change.Epoch != 2 || change.Closes != i.opened.EpochID || len(change.Wraps) != len(test.stays) {
			t.Errorf("%s opens epoch %d with %d wraps", op.FactType(), change.Epoch, len(change.Wraps))
		}
		for _, who := range test.stays {
			if _, err := membership.Unwrap(who, membership.OpenedEpoch(op), change.Wraps, change.SecretHash); err != nil {
				t.Errorf("%s: %s: %v", op.FactType(), who, err)
			}
		}
		if _, err := membership.OpenPrevious(membership.OpenedKeys(i.founded.Context(), op, membership.Secret{8}), i.opened.EpochID, change.PreviousKey); err != nil {
			t.Errorf("%s: %v", op.FactType(), err)
		}
	}
}

// SPEC 2.4: "rival ops never share keys", not even those of one change.
func TestOpsOfTwoKindsHaveTwoEpochs(t *testing.T) {
	change := messages.EpochChange{Epoch: 1}
	seen := map[messages.EpochID]bool{}
	for _, op := range []messages.EpochOp{
		messages.MemberAdded{}.WithChange(change), messages.MemberRemoved{}.WithChange(change), messages.EpochAdvanced{}.WithChange(change),
	} {
		seen[membership.OpenedEpoch(op)] = true
	}
	if len(seen) != 3 {
		t.Errorf("%d ids of three ops", len(seen))
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
