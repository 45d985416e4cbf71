package messages

// JournalSyncMessage is the inbox of the JournalSyncActor of one context
// (SPEC 13).
type JournalSyncMessage interface{ journalSyncMessage() }

// SyncPeerUp says that a channel to a member can carry a sync session.
type SyncPeerUp struct {
	Peer    AuthorityID
	Channel ChannelID
}

// SyncPeerDown says that no channel to the member is left.
type SyncPeerDown struct{ Peer AuthorityID }

// SyncOpened says that a stream for a session is open, on that channel.
// Initiator: we asked.
type SyncOpened struct {
	Session   SyncSession
	Peer      AuthorityID
	Channel   ChannelID
	Initiator bool
}

// SyncOpenFailed says that the stream that we asked for could not be opened.
type SyncOpenFailed struct {
	Peer    AuthorityID
	Channel ChannelID
	Reason  string
}

// SyncFrame is one frame that the peer sent.
type SyncFrame struct {
	Session SyncSession
	Frame   []byte
}

// SyncClosed says that a session's stream has ended, at either side's wish.
type SyncClosed struct {
	Session SyncSession
	Reason  string
}

// FactsRead answers a read of the store. Facts may be fewer than asked for; a
// Failure says why there are none.
type FactsRead struct {
	Session SyncSession
	Facts   [][]byte
	Failure string
}

// FactsOffered answers OfferFacts: the new ones among the facts are on disk.
type FactsOffered struct {
	Session SyncSession
	Peer    AuthorityID
	// Admitted is how many were new and admitted, Waiting how many wait for
	// their epoch or their hour, Held how many were here before, Refused the rest.
	Admitted int
	Waiting  int
	Held     int
	Refused  int
	// Fault is the first fact that no honest member sends; empty: none.
	Fault string
	// Failure says why nothing could be kept: the journal has stopped.
	Failure string
}

// JournalState is what the journal holds, as a sync session needs to know it:
// a copy, made after every durable change, shared freely and never changed.
type JournalState struct {
	Context ContextID
	Self    AuthorityID
	Epoch   Epoch
	// Count and Fingerprint describe the set of admitted facts (SPEC 3.4).
	Count       uint64
	Fingerprint [32]byte
	// Authors are sorted by id.
	Authors []AuthorState
	// Tags are the sync tag keys of the epochs that we hold: by the tags that they
	// make, the two ends of a session prove to each other that they mean the same
	// context (SPEC 13.1).
	Tags map[Epoch]SecretKey
}

// AuthorState is what the journal holds of one author.
type AuthorState struct {
	Author AuthorityID
	// Head is the last seq of the contiguous chain, Last the greatest seq held:
	// they differ when facts are missing between.
	Head Seq
	Last Seq
}

func (SyncPeerUp) journalSyncMessage()     {}
func (SyncPeerDown) journalSyncMessage()   {}
func (SyncOpened) journalSyncMessage()     {}
func (SyncOpenFailed) journalSyncMessage() {}
func (SyncFrame) journalSyncMessage()      {}
func (SyncClosed) journalSyncMessage()     {}
func (FactsRead) journalSyncMessage()      {}
func (FactsOffered) journalSyncMessage()   {}
func (RangesCompared) journalSyncMessage() {}
func (JournalState) journalSyncMessage()   {}
func (Tick) journalSyncMessage()           {}
