package messages

// AuthorPrefix names an author inside a sync frame: the first bytes of its id.
type AuthorPrefix [8]byte

// Prefix is the short name of the authority in a sync frame.
func Prefix(author AuthorityID) AuthorPrefix { return AuthorPrefix(author[:8]) }

// FactPrefix names one of an author's facts inside a sync frame: the first
// bytes of its id. An author who wants two facts with one name has 2^64 hashes
// to make, and hides one of its own.
type FactPrefix [16]byte

// NameOf is the short name of the fact in a sync frame.
func NameOf(fact FactID) FactPrefix { return FactPrefix(fact[:16]) }

// RangeBound is a place in the order (seq, id) of one author's facts: from it
// on are the facts with a greater seq, and those with this seq and an id that
// is not below ID. An empty ID is below all; else it has 8 bytes.
type RangeBound struct {
	_ struct{} `cbor:",toarray"`

	Seq Seq
	ID  []byte
}

// RangePart is a part of a range, up to To, and what describes the set of
// facts that is whole in it: 16 bytes of a sum of hashes under the salt of the
// session.
type RangePart struct {
	_ struct{} `cbor:",toarray"`

	To          RangeBound
	Fingerprint [16]byte
}

// RangeSplit shows what is held of one author's facts from From on, part by
// part: each begins where the one before ends.
type RangeSplit struct {
	_ struct{} `cbor:",toarray"`

	Author AuthorPrefix
	From   RangeBound
	Parts  []RangePart
}

// RangeList names facts of one author in [From, To), sorted by name.
type RangeList struct {
	_ struct{} `cbor:",toarray"`

	Author   AuthorPrefix
	From, To RangeBound
	Facts    []FactPrefix
}

// Comparison is what one side says in its turn of a set reconciliation
// (SPEC 13.1). The ranges of each of its parts are sorted and apart from each
// other. An empty one says that there is nothing left to compare.
type Comparison struct {
	_ struct{} `cbor:",toarray"`

	// Splits are answered where the other side holds something else: by splits
	// of the part, or by a list once few facts are left in it.
	Splits []RangeSplit
	// Lists name all that is held in a range; they are answered by extras and
	// wants.
	Lists []RangeList
	// Extras name what is held besides, in ranges that the other side listed;
	// they are answered by wants.
	Extras []RangeList
	// Wants name the facts that are asked for.
	Wants []RangeList
}

// IsEmpty reports whether there is nothing left to compare.
func (c Comparison) IsEmpty() bool {
	return len(c.Splits)+len(c.Lists)+len(c.Extras)+len(c.Wants) == 0
}

// RangeSalt is what the fingerprints of ranges are made with, in one sync session.
type RangeSalt [16]byte

// AuthorRange is the beginning of an author's chain, up to seq To.
type AuthorRange struct {
	Author AuthorPrefix
	To     Seq
}

// CompareRanges asks the journal for our next turn in the reconciliation of a
// sync session: the first one, about those ranges, or the one that answers
// Theirs.
type CompareRanges struct {
	Session SyncSession
	// Peer is the other side of the session.
	Peer   AuthorityID
	Salt   RangeSalt
	Begin  []AuthorRange
	Theirs Comparison
}

// RangesCompared answers CompareRanges. It speaks of facts on disk alone.
type RangesCompared struct {
	Session SyncSession
	// Peer is whose session it is, or was.
	Peer AuthorityID
	Ours Comparison
	// Send are the facts that the other side has asked for, in HLC order.
	Send []FactID
	// Walked is what the turn has cost: how many facts were looked at, each as often
	// as it was. Held is how many the journal holds.
	Walked, Held uint64
	// Failure says why there is no answer: the journal has stopped.
	Failure string
}
