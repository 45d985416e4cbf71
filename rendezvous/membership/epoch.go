package membership

import (
	"errors"
	"fmt"
	"io"

	"github.com/waymeet/waymeet/messages"
)

// ErrNotAllowed reports an epoch op that its author may not make; the text
// says why, in one line.
var ErrNotAllowed = errors.New("not allowed")

// RemovalRefused is what a host hears that wants to remove a member: it takes
// consensus (SPEC 2.2), which these contexts do not have.
const RemovalRefused = "a member cannot be removed under finality founder: leave, and found a new context without them"

// State is what membership ops stand on: the epoch that is open, and who is in
// it.
type State struct {
	Founder  messages.AuthorityID
	Finality messages.FinalityRule
	Roster   Roster
	// Keys are those of the open epoch; they name its context, number and id.
	Keys Keys
}

// RefuseEpochOp is the one function that reads the finality rule (SPEC 2.2).
// It is empty when the author may advance the epoch, else one line that says
// why not.
func RefuseEpochOp(rule messages.FinalityRule, founder, author messages.AuthorityID) string {
	switch {
	case rule != messages.FinalityFounder:
		return fmt.Sprintf("this node does not know finality rule %d", rule)
	case author != founder:
		return "only the founder " + founder.Short() + " may change who is in this context"
	}
	return ""
}

// Found makes the op that founds a context, and the secret of its epoch 0. It
// takes 64 bytes from random.
func Found(identity Identity, random io.Reader) (messages.ContextFounded, Secret, error) {
	op := messages.ContextFounded{
		Founder:  identity.Public(),
		History:  messages.HistoryFull,
		Finality: messages.FinalityFounder,
	}
	if _, err := io.ReadFull(random, op.Random[:]); err != nil {
		return messages.ContextFounded{}, Secret{}, fmt.Errorf("no randomness for a context: %w", err)
	}
	secret, err := NewSecret(random)
	if err != nil {
		return messages.ContextFounded{}, Secret{}, err
	}
	op.SecretHash = secret.Hash()
	return op, secret, nil
}

// FoundedEpoch is the id of epoch 0 (SPEC 2.4).
func FoundedEpoch(op messages.ContextFounded) messages.EpochID {
	return messages.EpochID(messages.Hash(messages.LabelEpoch, messages.Encode(op)))
}

// FoundedKeys derives the keys of epoch 0.
func FoundedKeys(op messages.ContextFounded, secret Secret) Keys {
	return DeriveKeys(op.Context(), 0, FoundedEpoch(op), secret)
}

// FoundedRoster is the roster of epoch 0: the founder, a participant.
func FoundedRoster(op messages.ContextFounded) Roster {
	return Roster{}.With(Member{PublicKey: op.Founder, Role: messages.RoleParticipant})
}

// AddedEpoch is the id of the epoch that the op opens.
//
// SPEC 2.4: "EpochID = SHA-256('waymeet/1 epoch' ‖ canonical op without its
// wraps and previous key)."
func AddedEpoch(op messages.MemberAdded) messages.EpochID {
	op.Change.Wraps, op.Change.PreviousKey = nil, nil
	return messages.EpochID(messages.Hash(messages.LabelEpoch, messages.Encode(op)))
}

// AddedKeys derives the keys of the epoch that the op opens.
func AddedKeys(context messages.ContextID, op messages.MemberAdded, secret Secret) Keys {
	return DeriveKeys(context, op.Change.Epoch, AddedEpoch(op), secret)
}

// AddMember makes the op that adds a member to the state and opens the next
// epoch with the secret. The cut says how much of every author's chain the
// closed epoch keeps (SPEC 3.4); it must be sorted by author.
func AddMember(author messages.AuthorityID, at State, member Member, secret Secret, cut []messages.CutEntry) (messages.MemberAdded, error) {
	if reason := RefuseEpochOp(at.Finality, at.Founder, author); reason != "" {
		return messages.MemberAdded{}, fmt.Errorf("%w: %s", ErrNotAllowed, reason)
	}
	if err := CheckMember(at.Roster, member); err != nil {
		return messages.MemberAdded{}, err
	}
	op := messages.MemberAdded{
		Member: member.PublicKey,
		Role:   member.Role,
		Change: messages.EpochChange{
			Epoch:      at.Keys.Epoch + 1,
			Closes:     at.Keys.EpochID,
			SecretHash: secret.Hash(),
			Cut:        cut,
		},
	}
	opened := AddedKeys(at.Keys.Context, op, secret)
	for _, receiver := range at.Roster.With(member).Members() {
		wrap, err := Wrap(secret, opened.EpochID, receiver.PublicKey)
		if err != nil {
			return messages.MemberAdded{}, err
		}
		op.Change.Wraps = append(op.Change.Wraps, wrap)
	}
	op.Change.PreviousKey = SealPrevious(opened, at.Keys.Payloads())
	return op, nil
}

// CheckMember says why the member cannot be added to the roster, if so: no
// known role, a key that no secret can be agreed with, or in it already.
func CheckMember(roster Roster, member Member) error {
	if member.Role != messages.RoleParticipant && member.Role != messages.RoleWitness {
		return fmt.Errorf("%w: role %d is unknown", ErrNotAllowed, member.Role)
	}
	if _, err := NoisePublic(member.PublicKey); err != nil {
		return fmt.Errorf("%w: %w", ErrNotAllowed, err)
	}
	if roster.Has(member.Authority()) {
		return fmt.Errorf("%w: %s is a member already", ErrNotAllowed, member.Authority().Short())
	}
	return nil
}
