package channel

import (
	"fmt"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// State is how far a channel is (SPEC 8.1).
type State uint8

const (
	// Establishing: entered when the handshake is complete; waits for the
	// journal; left when ChannelEstablished is on disk.
	Establishing State = iota
	// Active: entered when the streams are handed out; left by rotation or
	// when it ends.
	Active
	// Rotating: entered when new keys are agreed on; left when they are in
	// use, or when it ends.
	Rotating
	// Closed: it ended in order; never left.
	Closed
	// Errored: it ended for a reason that is an error; never left.
	Errored
)

var stateNames = [...]string{"Establishing", "Active", "Rotating", "Closed", "Errored"}

// String is the name that the specification uses.
func (s State) String() string { return stateNames[s] }

// Over reports whether the state is never left.
func (s State) Over() bool { return s == Closed || s == Errored }

// transitions are all that there are.
//
// SPEC 8.1: "Any transition not in the table is refused, and a test walks the
// whole product."
var transitions = map[State][]State{
	Establishing: {Active, Closed, Errored},
	Active:       {Rotating, Closed, Errored},
	Rotating:     {Active, Closed, Errored},
}

// SecureChannel is what is known of one channel of a pair in a context. Its
// keys, connection and streams are in the transport, under its id.
//
// Invariants: Initiator is Local or Remote; Reason is zero until the channel is
// over.
type SecureChannel struct {
	Channel       messages.ChannelID
	Context       messages.ContextID
	Local, Remote messages.AuthorityID
	Epoch         messages.Epoch
	Initiator     messages.AuthorityID
	Transcript    [32]byte
	// Path is the kind of path on which it was made, and paid for.
	Path   messages.PathKind
	State  State
	Reason messages.ChannelReason
	// Agreement is the mode of its ChannelEstablished (SPEC 9.1).
	Agreement messages.AgreementMode
	// NeedsRotation is set when the context is in a newer epoch (SPEC 8.4).
	NeedsRotation bool
	// CatchUp is set while the channel may carry nothing but sync (SPEC 7.8); it
	// is Establishing then.
	CatchUp bool
	// Draining is set when no new streams are handed out.
	Draining                 bool
	BytesSent, BytesReceived uint64

	// completed is the step of the manager in which the handshake completed;
	// zero for a channel of an earlier life.
	completed   uint64
	completedAt time.Time
	// disputedUntil is until when it waits for a rival; zero: it does not.
	disputedUntil time.Time
	// journaled is set when ChannelEstablished is on disk.
	journaled bool
	// syncing is set when sync was allowed before the channel was Active.
	syncing    bool
	openedAt   time.Time
	drainUntil time.Time
	// catchUpUntil is when a channel that still has to catch up is over.
	catchUpUntil time.Time
	// validFrom is when such a channel is looked at again, because a descriptor
	// is valid then; zero: it waits for none.
	validFrom time.Time
}

// ChannelOf is the id of the channel that a handshake gives.
//
// SPEC 7.5: "ChannelID = SHA-256(label ‖ context ‖ epoch ‖ handshake hash) of
// the first handshake; a channel keeps it for life."
func ChannelOf(context messages.ContextID, epoch messages.Epoch, handshake [32]byte) messages.ChannelID {
	return messages.ChannelID(messages.Hash(messages.LabelChannel, context[:], epochBytes(epoch), handshake[:]))
}

// ReversionRisk reports whether what was agreed on may still revert.
//
// SPEC 9.1: "it is provisional until the evidence is merged."
func (c *SecureChannel) ReversionRisk() bool { return c.Agreement != messages.A3Finalized }

// Usable reports whether new streams may be opened.
func (c *SecureChannel) Usable() bool {
	return (c.State == Active || c.State == Rotating) && !c.Draining
}

// Become moves the channel to another state, or says why not.
func (c *SecureChannel) Become(to State) error {
	for _, allowed := range transitions[c.State] {
		if allowed == to {
			c.State = to
			return nil
		}
	}
	return fmt.Errorf("channel %s: no way from %s to %s", c.Channel.Short(), c.State, to)
}

// must is Become where the machine itself has made sure of it.
func (c *SecureChannel) must(to State) {
	if err := c.Become(to); err != nil {
		panic("channel: " + err.Error())
	}
}

// Record is what the transport keeps of the channel.
func (c *SecureChannel) Record() messages.ChannelRecord {
	record := messages.ChannelRecord{
		Channel: c.Channel, Context: c.Context, Peer: c.Remote, Initiator: c.Initiator,
		Epoch: c.Epoch, Transcript: c.Transcript, Path: c.Path,
		Open: c.State == Active || c.State == Rotating, Draining: c.Draining,
	}
	if c.CatchUp {
		record.CatchUpUntil = messages.MillisOf(c.catchUpUntil)
	}
	return record
}

// fromRecord is the channel that a record tells of; it is Establishing.
func fromRecord(local messages.AuthorityID, r messages.ChannelRecord) *SecureChannel {
	c := &SecureChannel{
		Channel: r.Channel, Context: r.Context, Local: local, Remote: r.Peer, Initiator: r.Initiator,
		Epoch: r.Epoch, Transcript: r.Transcript, Path: r.Path, Agreement: messages.A1Provisional,
	}
	if r.CatchUpUntil != 0 && !r.Open {
		c.CatchUp, c.catchUpUntil = true, r.CatchUpUntil.Time()
	}
	return c
}
