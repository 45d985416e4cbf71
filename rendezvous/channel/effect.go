package channel

import "github.com/waymeet/waymeet/messages"

// Effect is something that the Manager wants done. The actor does them in
// their order. Each may come again after a restart; doing it twice must be the
// same as doing it once.
type Effect interface{ effect() }

// HelloKey is a key that hellos to us are opened with.
type HelloKey struct {
	Index messages.KeyIndex
	Key   messages.SecretKey
	Epoch messages.Epoch
}

// InstallHelloKeys replaces all hello keys of the context in the mux; an empty
// list takes them away. What opens comes back as HelloReceived.
type InstallHelloKeys struct {
	Context messages.ContextID
	Keys    []HelloKey
}

// SpawnConnection starts the PeerConnectionActor of the pair, if it does not
// run. It answers with PathReady.
type SpawnConnection struct{ Pair Pair }

// StopConnection stops it.
type StopConnection struct{ Pair Pair }

// SavePair keeps what must outlive the actor; Config.Saved gives it back.
type SavePair struct {
	Pair  Pair
	Saved Saved
}

// Commit goes to the store, which answers with Journaled or JournalRefused. It
// is sent again, with the same operation id, until it is answered.
type Commit struct {
	Context messages.ContextID
	Commit  messages.Commit
}

// SpawnHandshaker starts the handshaker of an attempt. A HandshakerActor is
// temporary: when it ends without HandshakeComplete, whatever the cause, the
// manager is told HandshakerDown.
type SpawnHandshaker struct {
	Terms messages.HandshakeTerms
	// Hello is what the peer began with; its kind is zero if we begin.
	Hello messages.Hello
}

// Begin is the first message to the handshaker, once the mux has reserved the
// index under which we receive.
func (s SpawnHandshaker) Begin(receive messages.KeyIndex) messages.HandshakerMessage {
	terms := s.Terms
	terms.ReceiveIndex = receive
	if terms.Initiator() {
		return messages.InitiateHandshake{Terms: terms}
	}
	return messages.AnswerHandshake{Terms: terms, Hello: s.Hello}
}

// ForwardHello hands an answer to the handshaker of the attempt, as
// HandshakeAnswered.
type ForwardHello struct {
	Attempt messages.AttemptID
	Hello   messages.Hello
}

// Resend has the transport answer the same hello with the same bytes, if there
// is an answer yet.
type Resend struct {
	Attempt messages.AttemptID
	Via     messages.Via
}

// FreeAttempt stops the handshaker of the attempt, if it still runs, closes
// the connection that the attempt has, and frees its keys.
type FreeAttempt struct{ Attempt messages.AttemptID }

// AdoptChannel turns the attempt into a channel in the transport. From now on
// the transport keeps the record and tells ChannelClosed.
type AdoptChannel struct {
	Attempt messages.AttemptID
	Record  messages.ChannelRecord
}

// OpenStreams lets streams of the host and of the sync be opened and accepted,
// and sets Open in the record. Before it none is.
type OpenStreams struct{ Channel messages.ChannelID }

// AllowSync lets streams of the sync, and no others, be opened and accepted on
// a channel that is not Active (SPEC 7.8). Streams of the host that come early,
// because the other end was Active first, wait for OpenStreams.
type AllowSync struct {
	Pair    Pair
	Channel messages.ChannelID
}

// StopSync says that a channel with AllowSync is over and was never Active.
type StopSync struct {
	Pair    Pair
	Channel messages.ChannelID
}

// DrainChannel lets the host open no new streams; those that are open go on,
// and so does the sync. It sets Draining in the record.
type DrainChannel struct{ Channel messages.ChannelID }

// CloseChannel closes the connection of the channel and frees its keys.
// ChannelClosed need not follow.
type CloseChannel struct {
	Channel messages.ChannelID
	Reason  messages.ChannelReason
}

// ChannelUp tells the pair's PeerConnectionActor and the host that the channel
// can be used.
type ChannelUp struct {
	Pair    Pair
	Channel messages.ChannelID
	Epoch   messages.Epoch
	// Initiator reports whether we are the initiator.
	Initiator bool
}

// ChannelDown tells them that it is over. Another channel of the pair may have
// taken its place before.
type ChannelDown struct {
	Pair    Pair
	Channel messages.ChannelID
	Reason  messages.ChannelReason
}

// Refused tells the host, and nobody else, why a peer was not called, not
// answered, or its channel not kept (SPEC 15.1). It comes once for as long as
// the decision is the same.
type Refused struct {
	Pair     Pair
	Decision messages.Decision
}

// AttemptFailed tells the host why an attempt led nowhere; the next one comes
// by itself.
type AttemptFailed struct {
	Pair    Pair
	Attempt messages.AttemptID
	Failure messages.HandshakeFailure
}

func (AllowSync) effect()        {}
func (StopSync) effect()         {}
func (AttemptFailed) effect()    {}
func (InstallHelloKeys) effect() {}
func (SpawnConnection) effect()  {}
func (StopConnection) effect()   {}
func (SavePair) effect()         {}
func (Commit) effect()           {}
func (SpawnHandshaker) effect()  {}
func (ForwardHello) effect()     {}
func (Resend) effect()           {}
func (FreeAttempt) effect()      {}
func (AdoptChannel) effect()     {}
func (OpenStreams) effect()      {}
func (DrainChannel) effect()     {}
func (CloseChannel) effect()     {}
func (ChannelUp) effect()        {}
func (ChannelDown) effect()      {}
func (Refused) effect()          {}
