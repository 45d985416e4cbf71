package messages

// ChannelManagerMessage is the inbox of the ChannelManagerActor: there is one
// a node, it wants and holds the channels of all contexts (SPEC 8.5). The
// answers of the store, Journaled and JournalRefused, belong to it too.
type ChannelManagerMessage interface{ channelManagerMessage() }

// ContextChanged says that the view of a context is a newer one, or that the
// node has left it. After every start of the actor it is sent once for every
// context, and once more for every context that has channels.
type ContextChanged struct{ Context ContextID }

// PathReady says that datagrams can be exchanged with the peer over that kind
// of path; it is sent again after every start of the manager or of the
// PeerConnectionActor.
type PathReady struct {
	Context ContextID
	Peer    AuthorityID
	Path    PathKind
}

// PathLost says that there is no way to the peer for now.
type PathLost struct {
	Context ContextID
	Peer    AuthorityID
}

// HelloReceived is a hello that the mux has opened with a key of that context
// and epoch: its sender is a member, and nothing else is known of it.
type HelloReceived struct {
	Context ContextID
	Epoch   Epoch
	Hello   Hello
	// Hash is over the whole datagram.
	Hash HelloHash
	Via  Via
}

// HandshakeComplete says that an attempt has a transport that is up, with the
// keys of a handshake that both ends have completed.
type HandshakeComplete struct {
	Attempt AttemptID
	Result  HandshakeResult
}

// HandshakerDown says that the handshaker of an attempt has ended without a
// channel: it failed, or it died.
type HandshakerDown struct {
	Attempt AttemptID
	Failure HandshakeFailure
}

// ChannelClosed says that the transport of a channel is gone.
type ChannelClosed struct {
	Channel ChannelID
	Reason  ChannelReason
}

// ChannelCounted tells how much a channel has carried since it was made, in
// bytes of sealed datagrams.
type ChannelCounted struct {
	Channel                  ChannelID
	BytesSent, BytesReceived uint64
}

// ChannelReason says why a channel is over.
type ChannelReason uint8

// The reasons. Those from ReasonRefused on are errors.
const (
	// ReasonClosedHere: the host asked for it.
	ReasonClosedHere ChannelReason = iota + 1
	// ReasonClosedByPeer: the peer closed it.
	ReasonClosedByPeer
	// ReasonSuperseded: another channel of the same pair took its place.
	ReasonSuperseded
	// ReasonDrained: it was of an older epoch, or superseded, and its time to
	// drain is over.
	ReasonDrained
	// ReasonRemoved: the peer is no longer a member, or the node has left.
	ReasonRemoved
	// ReasonRemovedByPeer: the peer closed it because the node is no longer a
	// member, as it says.
	ReasonRemovedByPeer
	// ReasonRefused: the rules or a budget refused it at completion.
	ReasonRefused
	// ReasonJournalSilent: the store did not answer.
	ReasonJournalSilent
	// ReasonSilent: nothing valid was heard for too long.
	ReasonSilent
	// ReasonBroken: the transport failed.
	ReasonBroken
	// ReasonNotCaughtUp: it was for catching up, and the ends did not come to
	// hold each other's current descriptor and epoch in time (SPEC 7.8).
	ReasonNotCaughtUp
)

var channelReasonNames = map[ChannelReason]string{
	ReasonClosedHere: "closed here", ReasonClosedByPeer: "closed by the peer", ReasonSuperseded: "superseded",
	ReasonDrained: "drained", ReasonRemoved: "no longer a member", ReasonRemovedByPeer: "the peer says that this node was removed", ReasonRefused: "refused",
	ReasonJournalSilent: "the journal did not answer", ReasonSilent: "silent", ReasonBroken: "the transport failed",
	ReasonNotCaughtUp: "not caught up in time",
}

// String says why; zero is "open".
func (r ChannelReason) String() string {
	if name, ok := channelReasonNames[r]; ok {
		return name
	}
	return "open"
}

// IsError reports whether a channel that is over for this reason has failed.
func (r ChannelReason) IsError() bool { return r >= ReasonRefused }

// ChannelRecord is what the transport keeps beside the keys of a channel, so
// that a manager that starts again knows what it holds. Nothing in it is
// secret.
type ChannelRecord struct {
	Channel ChannelID
	Context ContextID
	Peer    AuthorityID
	// Initiator is who began the first handshake: the peer or we.
	Initiator  AuthorityID
	Epoch      Epoch
	Transcript [32]byte
	// Path is the kind of path on which it was made.
	Path PathKind
	// CatchUpUntil is set while the channel may carry nothing but sync: then it
	// is Open, or over (SPEC 7.8). Once it is Open it says nothing more.
	CatchUpUntil Millis
	// Open is set by the transport once its streams were handed out.
	Open bool
	// Draining is set by the transport once no new streams are.
	Draining bool
}

// Established is the fact that the record gives for the end self.
func (r ChannelRecord) Established(self AuthorityID) ChannelEstablished {
	e := ChannelEstablished{
		Initiator: r.Initiator, Responder: r.Peer, Channel: r.Channel, Epoch: r.Epoch, Transcript: r.Transcript,
	}
	if r.Initiator == r.Peer {
		e.Responder = self
	}
	return e
}

func (Tick) channelManagerMessage()              {}
func (ContextChanged) channelManagerMessage()    {}
func (PathReady) channelManagerMessage()         {}
func (PathLost) channelManagerMessage()          {}
func (HelloReceived) channelManagerMessage()     {}
func (HandshakeComplete) channelManagerMessage() {}
func (HandshakerDown) channelManagerMessage()    {}
func (ChannelClosed) channelManagerMessage()     {}
func (ChannelCounted) channelManagerMessage()    {}
func (Journaled) channelManagerMessage()         {}
func (JournalRefused) channelManagerMessage()    {}
