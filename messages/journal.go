package messages

import "encoding/binary"

// Bucket names a table of a database on disk.
type Bucket string

// The buckets of a context's journal (SPEC 3.5).
const (
	// BucketFacts maps Place, 8 bytes, to the bytes of the fact.
	BucketFacts Bucket = "facts"
	// BucketIndex maps the first Place of some facts to what the journal needs
	// of them, so that it does not read them all when it is opened.
	BucketIndex Bucket = "index"
	// BucketKeys holds the op that founded the context and the epochs' keys.
	BucketKeys Bucket = "keys"
	// BucketCharges holds what was spent: flow and leakage (SPEC 5.5, 5.6).
	BucketCharges Bucket = "charges"
	// BucketOperations holds the results of the operations of the last days.
	BucketOperations Bucket = "operations"
)

// Record is one entry of a database. A nil Value deletes the key.
type Record struct {
	Bucket Bucket
	Key    []byte
	Value  []byte
}

// Place is where a journal keeps a fact: facts are numbered from 1 in the order
// in which they were admitted here. It is local and never travels.
type Place uint64

// Key is the place as the key of a record.
func (p Place) Key() []byte { return binary.BigEndian.AppendUint64(nil, uint64(p)) }

// FactPlace says which fact is kept at a place.
type FactPlace struct {
	Place Place
	Fact  FactID
}

// Batch numbers the transactions that a journal asks for, from 1 in every
// incarnation.
type Batch uint64

// SyncSession names one sync session of one context, from 1; the shell numbers
// them. 0 is none: the journal itself.
type SyncSession uint64

// JournalMessage is the inbox of a context's journal, its only writer.
type JournalMessage interface{ journalMessage() }

// AddMember asks the journal to make a member of the authority: it alone knows
// the head of its chain and the cut, so it builds the epoch op. Asking again
// for a member gives the welcome again and changes nothing.
type AddMember struct {
	Operation OperationID
	Member    PublicKey
	Role      Role
}

// RemoveMember asks the journal to take a member away. It is answered once the
// epoch op is on disk: the member gets nothing that is said after it.
type RemoveMember struct {
	Operation OperationID
	Member    AuthorityID
}

// AdvanceEpoch asks the journal for new keys for the same members.
type AdvanceEpoch struct{ Operation OperationID }

// GiveKeys hands over the keys that a welcome has brought to a context whose
// journal is here already: this node was removed from it, and has come back. The
// records are those with which a joiner begins.
type GiveKeys struct {
	Operation OperationID
	Records   []Record
}

// OfferFacts hands over facts that a peer sent. It is answered with
// FactsOffered once they are on disk, or at once if none was new.
type OfferFacts struct {
	Session SyncSession
	From    AuthorityID
	Facts   [][]byte
}

// ReadRanges asks for facts of some chains, in HLC order, and after them for
// single facts, for a sync session.
type ReadRanges struct {
	Session SyncSession
	Ranges  []FactRange
	Facts   []FactID
	// MaxFacts and MaxBytes bound the answer; at least one fact is given.
	MaxFacts int
	MaxBytes int
}

// FactRange is a piece of one author's facts: those that come after (After,
// AfterFact) in the order (seq, id), up to seq To.
type FactRange struct {
	Author    AuthorityID
	After     Seq
	AfterFact FactID
	To        Seq
}

// PeerHolds tells the journal how much of our own chain a peer shows in a sync
// session (SPEC 3.1). A later one takes the place of an earlier one, but takes nothing
// back that facts of ours have proved.
type PeerHolds struct {
	Peer AuthorityID
	// Own is how far the peer shows our chain without a gap, Last the greatest
	// seq of ours that it shows.
	Own, Last Seq
	// Done reports that the peer has given all that it showed: in the session
	// that is over with equal sets, or in a round of one that goes on.
	Done bool
}

// Written tells the journal how a Write went. An empty Failure: it is on disk.
type Written struct {
	Batch   Batch
	Failure string
}

func (Commit) journalMessage()        {}
func (AddMember) journalMessage()     {}
func (RemoveMember) journalMessage()  {}
func (AdvanceEpoch) journalMessage()  {}
func (GiveKeys) journalMessage()      {}
func (OfferFacts) journalMessage()    {}
func (ReadRanges) journalMessage()    {}
func (PeerHolds) journalMessage()     {}
func (FactsRead) journalMessage()     {}
func (Written) journalMessage()       {}
func (CompareRanges) journalMessage() {}
func (ReadContent) journalMessage()   {}
func (Withdraw) journalMessage()      {}
func (Tick) journalMessage()          {}
