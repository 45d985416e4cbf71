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
		return "only the founder " + founder.Short() + " may change who is in this context, or its keys"
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
	op.SecretHash = SecretHash(secret)
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

// OpenedEpoch is the id of the epoch that the op opens.
//
// SPEC 2.4: "EpochID = SHA-256('waymeet/1 epoch' ‖ canonical op without its
// wraps and previous key)."
func OpenedEpoch(op messages.EpochOp) messages.EpochID {
	change := op.Changes()
	change.Wraps, change.PreviousKey = nil, nil
	return messages.EpochID(messages.Hash(messages.LabelEpoch, messages.Encode(op.WithChange(change))))
}

// OpenedKeys derives the keys of the epoch that the op opens.
func OpenedKeys(context messages.ContextID, op messages.EpochOp, secret Secret) Keys {
	return DeriveKeys(context, op.Changes().Epoch, OpenedEpoch(op), secret)
}

// OpenedRoster is the roster of the epoch that the op opens, given the one of
// the epoch that it closes, or why there is no such op.
func OpenedRoster(founder messages.AuthorityID, closed Roster, op messages.EpochOp) (Roster, error) {
	switch o := op.(type) {
	case messages.MemberAdded:
		member := Member{PublicKey: o.Member, Role: o.Role}
		if err := checkMember(closed, member); err != nil {
			return Roster{}, err
		}
		return closed.With(member), nil
	case messages.MemberRemoved:
		switch {
		case o.Member == founder:
			return Roster{}, fmt.Errorf("%w: the founder %s cannot be removed", ErrNotAllowed, founder.Short())
		case !closed.Has(o.Member):
			return Roster{}, fmt.Errorf("%w: %s is no member", ErrNotAllowed, o.Member.Short())
		}
		return closed.Without(o.Member), nil
	case messages.EpochAdvanced:
		return closed, nil
	}
	return Roster{}, fmt.Errorf("%w: %s is not an op that this version knows", ErrNotAllowed, op.FactType())
}

// Advance completes an op that says who is added or removed, or that nobody is,
// with all that opening the next epoch takes: the secret wrapped for everybody
// who is in it, and for nobody else. The cut says how much of every author's
// chain the closed epoch keeps (SPEC 3.4); it must be sorted by author.
func Advance(author messages.AuthorityID, at State, op messages.EpochOp, secret Secret, cut []messages.CutEntry) (messages.EpochOp, error) {
	if reason := RefuseEpochOp(at.Finality, at.Founder, author); reason != "" {
		return nil, fmt.Errorf("%w: %s", ErrNotAllowed, reason)
	}
	roster, err := OpenedRoster(at.Founder, at.Roster, op)
	if err != nil {
		return nil, err
	}
	change := messages.EpochChange{
		Epoch:      at.Keys.Epoch + 1,
		Closes:     at.Keys.EpochID,
		SecretHash: SecretHash(secret),
		Cut:        cut,
	}
	opened := OpenedKeys(at.Keys.Context, op.WithChange(change), secret)
	for _, receiver := range roster.Members() {
		wrap, err := Wrap(secret, opened.EpochID, receiver.PublicKey)
		if err != nil {
			return nil, err
		}
		change.Wraps = append(change.Wraps, wrap)
	}
	change.PreviousKey = SealPrevious(opened, at.Keys.Payloads())
	return op.WithChange(change), nil
}

// checkMember says why the member cannot be added to the roster, if so: no
// known role, a key that no secret can be agreed with, in it already, or an id
// that begins like another one.
func checkMember(roster Roster, member Member) error {
	if member.Role != messages.RoleParticipant && member.Role != messages.RoleWitness {
		return fmt.Errorf("%w: role %d is unknown", ErrNotAllowed, member.Role)
	}
	if _, err := NoisePublic(member.PublicKey); err != nil {
		return fmt.Errorf("%w: %w", ErrNotAllowed, err)
	}
	if roster.Has(member.Authority()) {
		return fmt.Errorf("%w: %s is a member already", ErrNotAllowed, member.Authority().Short())
	}
	if other, found := roster.namesake(member.Authority()); found {
		return fmt.Errorf("%w: the id %s begins like %s, and a key of that kind is made on purpose: it needs another one", ErrNotAllowed, member.Authority(), other)
	}
	return nil
}
