package messages

// EpochOp is a fact that closes one epoch and opens the next: the only way in
// which a context changes who is in it, or its keys (SPEC 2.2).
type EpochOp interface {
	RendezvousFact
	// Changes is what the op says of the epoch that it opens.
	Changes() EpochChange
	// WithChange is the same op with that change.
	WithChange(EpochChange) EpochOp
}

// EpochChange is what every op that advances the epoch carries (SPEC 2.2–2.4,
// 3.4): the new epoch's number, the id of the epoch that it closes, the hash
// of the new secret, the cut, and, outside the EpochID, the wraps and the
// previous payload key sealed under the new one.
type EpochChange struct {
	Epoch       Epoch        `cbor:"1,keyasint"`
	Closes      EpochID      `cbor:"2,keyasint"`
	SecretHash  [32]byte     `cbor:"3,keyasint"`
	Cut         []CutEntry   `cbor:"4,keyasint"`
	Wraps       []SecretWrap `cbor:"5,keyasint"`
	PreviousKey []byte       `cbor:"6,keyasint"`
}

// CutEntry is one author's last fact inside a closed epoch (SPEC 3.4).
type CutEntry struct {
	Author AuthorityID `cbor:"1,keyasint"`
	Seq    Seq         `cbor:"2,keyasint"`
	Fact   FactID      `cbor:"3,keyasint"`
}

// SecretWrap is an epoch secret wrapped with HPKE for one member (SPEC 2.3).
type SecretWrap struct {
	Member AuthorityID `cbor:"1,keyasint"`
	Sealed []byte      `cbor:"2,keyasint"`
}

// MemberAdded adds a member and advances the epoch by one.
type MemberAdded struct {
	Member PublicKey   `cbor:"1,keyasint"`
	Role   Role        `cbor:"2,keyasint"`
	Change EpochChange `cbor:"3,keyasint"`
}

// MemberRemoved takes a member away and advances the epoch by one, so that the
// member never gets the new secret (SPEC 2.2).
type MemberRemoved struct {
	Member AuthorityID `cbor:"1,keyasint"`
	Change EpochChange `cbor:"2,keyasint"`
}

// EpochAdvanced advances the epoch by one and changes nobody: the same members
// get new keys (SPEC 2.2).
type EpochAdvanced struct {
	Change EpochChange `cbor:"1,keyasint"`
}

// Changes implements EpochOp.
func (m MemberAdded) Changes() EpochChange { return m.Change }

// Changes implements EpochOp.
func (m MemberRemoved) Changes() EpochChange { return m.Change }

// Changes implements EpochOp.
func (a EpochAdvanced) Changes() EpochChange { return a.Change }

// WithChange implements EpochOp.
func (m MemberAdded) WithChange(change EpochChange) EpochOp {
	m.Change = change
	return m
}

// WithChange implements EpochOp.
func (m MemberRemoved) WithChange(change EpochChange) EpochOp {
	m.Change = change
	return m
}

// WithChange implements EpochOp.
func (a EpochAdvanced) WithChange(change EpochChange) EpochOp {
	a.Change = change
	return a
}

// FactType implements RendezvousFact.
func (MemberAdded) FactType() FactType { return FactMemberAdded }

// FactType implements RendezvousFact.
func (MemberRemoved) FactType() FactType { return FactMemberRemoved }

// FactType implements RendezvousFact.
func (EpochAdvanced) FactType() FactType { return FactEpochAdvanced }
