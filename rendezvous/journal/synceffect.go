package journal

import "github.com/waymeet/waymeet/messages"

// SyncEffect is one thing that the Sync wants done.
type SyncEffect interface{ syncEffect() }

// OpenSession asks for a stream `sync/1` to the peer, over that channel:
// answered by messages.SyncOpened or messages.SyncOpenFailed.
type OpenSession struct {
	Peer    messages.AuthorityID
	Channel messages.ChannelID
}

// SendFrame writes one frame, at most MaxFrame bytes, to the session's stream.
// The stream marks where frames end.
type SendFrame struct {
	Session messages.SyncSession
	Frame   []byte
}

// TellJournal gives a message to the context's Journal: ReadRanges leads to
// messages.FactsRead, CompareRanges to messages.RangesCompared, OfferFacts to
// messages.FactsOffered; PeerHolds is not answered.
type TellJournal struct{ Message messages.JournalMessage }

// CloseSession closes the session's stream after the frames sent before. No
// messages.SyncClosed need follow.
type CloseSession struct {
	Session messages.SyncSession
	End     SyncEnd
}

// Synced says that a session with the peer is over.
type Synced struct {
	Peer messages.AuthorityID
	End  SyncEnd
	// Fingerprint is what both hold, after EndEqual.
	Fingerprint [32]byte
	// Sent and Received count the facts that moved.
	Sent, Received int
}

// SyncEnd says how a session ended (SPEC 13.1: "Ends with equal fingerprints
// or a typed reason"). Detail is one line, or empty.
type SyncEnd struct {
	Reason EndReason
	Detail string
}

// String is one line for people.
func (e SyncEnd) String() string {
	if e.Detail == "" {
		return endNames[e.Reason]
	}
	return endNames[e.Reason] + ": " + e.Detail
}

// EndReason is why a sync session ended.
type EndReason uint8

// The reasons.
const (
	// EndEqual: both hold the same set.
	EndEqual EndReason = iota + 1
	// EndNotConverged: after all rounds the sets still differ; facts wait for
	// their hour or their epoch, or were written meanwhile.
	EndNotConverged
	// EndNoCommonEpoch: neither holds a key under which the other can prove
	// that it means this context.
	EndNoCommonEpoch
	// EndFault: the peer sent what no honest member sends.
	EndFault
	// EndBusy: there are too many sessions, or this peer has asked for too much;
	// later there is room again.
	EndBusy
	// EndDuplicate: both sides opened one; the other goes on.
	EndDuplicate
	// EndSilent: nothing was heard for too long.
	EndSilent
	// EndLost: the stream or the channel is gone.
	EndLost
	// EndStopped: our own journal has stopped.
	EndStopped
)

var endNames = map[EndReason]string{
	EndEqual: "equal", EndNotConverged: "not converged", EndNoCommonEpoch: "no common epoch",
	EndFault: "the peer is at fault", EndBusy: "busy", EndDuplicate: "another session goes on",
	EndSilent: "silent", EndLost: "lost", EndStopped: "our journal has stopped",
}

func (OpenSession) syncEffect()  {}
func (SendFrame) syncEffect()    {}
func (TellJournal) syncEffect()  {}
func (CloseSession) syncEffect() {}
func (Synced) syncEffect()       {}
