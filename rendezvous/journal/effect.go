package journal

import (
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

// Effect is one thing that the Journal wants done.
type Effect interface{ journalEffect() }

// Write asks the store for one transaction with all the records, in order, and
// for messages.Written once it is on disk, behind all other effects of the step.
// There is one at a time.
type Write struct {
	Batch   messages.Batch
	Records []messages.Record
}

// Reply answers what carries an operation id. Everything it reports is on disk.
type Reply struct {
	Operation messages.OperationID
	// Facts are those that the operation appended.
	Facts []messages.FactID
	// Welcome is for the member of an AddMember; it holds secrets.
	Welcome *membership.Welcome
	// Refusal says in one line why nothing was done; empty: it was done.
	Refusal string
}

// TellSync gives a message to the context's Sync: the answer to what that has asked
// for.
type TellSync struct{ Message messages.JournalSyncMessage }

// Publish gives out what the journal now says: the view to all, the state to
// the context's Sync. It comes before the replies of the same batch.
type Publish struct {
	View  *rendezvous.View
	State messages.JournalState
}

// ReadFacts asks the store for facts. The answer, messages.FactsRead, goes to
// the context's Sync, or to the Journal itself where the session is 0.
type ReadFacts struct {
	Session messages.SyncSession
	Facts   []messages.FactPlace
}

// SaveClaims keeps what must outlive the actor; Config.Claims gives it back in the
// same process. It comes before all that follows from it.
type SaveClaims struct{ Claims Claims }

// Forked exposes an author who has signed two facts with one seq (SPEC 3.1).
type Forked struct {
	Author messages.AuthorityID
	Seq    messages.Seq
}

// ClockAhead tells the host of an author whose fact waits because its clock is
// that far ahead of ours (SPEC 3.4).
type ClockAhead struct {
	Author messages.AuthorityID
	Ahead  time.Duration
}

// SecretRefused tells the host that the secret of an epoch that this node is in
// does not open or does not match (SPEC 2.4). The founder is to blame.
type SecretRefused struct {
	Epoch  messages.Epoch
	Reason string
}

// Stopped tells the host that the journal has stopped for good: a write failed, or a
// read (SPEC 3.5).
type Stopped struct{ Reason string }

func (Write) journalEffect()         {}
func (Reply) journalEffect()         {}
func (TellSync) journalEffect()      {}
func (Publish) journalEffect()       {}
func (ReadFacts) journalEffect()     {}
func (SaveClaims) journalEffect()    {}
func (Forked) journalEffect()        {}
func (ClockAhead) journalEffect()    {}
func (SecretRefused) journalEffect() {}
func (Stopped) journalEffect()       {}
