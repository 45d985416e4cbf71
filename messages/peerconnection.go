package messages

import (
	"net/netip"
	"strconv"
	"time"
)

// PathKind says over what a path runs. Values are in the journal's costs and
// on the wire and are never used again.
type PathKind uint8

const (
	// PathRelay goes through a slot at a relay.
	PathRelay PathKind = 1
	// PathDirect goes from socket to socket.
	PathDirect PathKind = 2
)

// String is "relay" or "direct".
func (k PathKind) String() string {
	switch k {
	case PathRelay:
		return "relay"
	case PathDirect:
		return "direct"
	}
	return "path " + strconv.Itoa(int(k))
}

// MarshalText writes "relay" or "direct".
func (k PathKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// Path is one way for datagrams to a peer. It is comparable; the zero Path is
// no path.
type Path struct {
	Kind PathKind
	// Addr is the peer's address, or the relay's.
	Addr netip.AddrPort
	// Session is our side of the pair at the relay; zero on a direct path.
	Session HopSession
}

// IsZero reports whether there is no path.
func (p Path) IsZero() bool { return p == Path{} }

// String is "direct 203.0.113.9:51820" or "relay 203.0.113.1:7342". The session
// stays out of logs: the relay could tell by it whose they are.
func (p Path) String() string {
	if p.IsZero() {
		return "no path"
	}
	return p.Kind.String() + " " + p.Addr.String()
}

// PeerConnectionMessage is the inbox of a PeerConnectionActor: one a
// (context, peer), it owns the set of paths of that pair (SPEC chapter 10).
type PeerConnectionMessage interface{ peerConnectionMessage() }

// PeerEndpoints is how the peer may be reached, out of its newest descriptor.
// It is sent again after every start of the actor.
type PeerEndpoints struct {
	Candidates CandidateGeneration
	Endpoints  []LinkEndpoint
}

// LocalNetwork is this node's own network as it is now. It is sent again after
// every start of the actor.
type LocalNetwork struct {
	Network NetworkGeneration
	// Candidates is the generation of our own newest descriptor in this
	// context; zero if there is none yet.
	Candidates CandidateGeneration
	// Bindings are the interface addresses that our socket can send from.
	Bindings []Binding
	// Socket is what our socket is bound to.
	Socket netip.AddrPort
	// HardNAT says that our mapping depends on whom we send to.
	HardNAT bool
}

// RelayReady answers OpenRelay: datagrams can be exchanged with the peer over
// the session.
type RelayReady struct {
	Endpoint LinkEndpoint
	Path     Path
}

// RelayFailed answers OpenRelay: there is no session at that endpoint.
type RelayFailed struct {
	Endpoint LinkEndpoint
	Reason   string
}

// RelayLost says that a session is gone: the relay died, forgot it, or moved.
type RelayLost struct {
	Path   Path
	Reason string
}

// PathUnanswered says that a call of ours over that path led nowhere: the
// session may be one that the relay has let go, or that the peer had before it
// was restarted.
type PathUnanswered struct{ Path Path }

// ChannelUp says that the pair has a channel. It is sent again after every
// start of the actor, with the paths as the vault holds them.
type ChannelUp struct {
	Channel ChannelID
	// Initiator says that we began its first handshake: then we coordinate.
	Initiator bool
	// Path is the one in use; Relay the warm one through a relay, if any.
	Path, Relay Path
	// RTT is the round trip of Path; zero while unknown.
	RTT time.Duration
}

// ChannelDown says that the channel is gone; or, with a zero Channel, that
// none could be established over the path that was last said to be ready.
type ChannelDown struct {
	Channel ChannelID
	Reason  string
}

// ProbeID names one probe that we sent. The upper half of the numbers belongs
// to the transport's own.
type ProbeID uint64

// ProbeAnswered says that the peer has answered a probe. It is sealed under
// the channel's keys, so nobody else can have done so.
type ProbeAnswered struct {
	ID ProbeID
	// From is where the answer came from; Observed is where the peer saw the
	// probe come from.
	From, Observed netip.AddrPort
	// Size is how large both the probe and its answer were, in bytes.
	Size int
	RTT  time.Duration
}

// ProbeReceived says that a valid probe of the peer came from an address.
type ProbeReceived struct {
	From netip.AddrPort
	Size int
}

// PathSilent says that datagrams were sent over a path and nothing valid came
// back for a while. It is sent again as the silence goes on.
type PathSilent struct {
	Path Path
	For  time.Duration
}

// PathHeard says that a valid datagram came over a path after silence, or over
// one that the actor has not named.
type PathHeard struct{ Path Path }

// HoldRelay keeps the pair on the relay, or lets it go. It is for debugging.
type HoldRelay struct{ On bool }

func (Tick) peerConnectionMessage()           {}
func (PeerEndpoints) peerConnectionMessage()  {}
func (LocalNetwork) peerConnectionMessage()   {}
func (RelayReady) peerConnectionMessage()     {}
func (RelayFailed) peerConnectionMessage()    {}
func (RelayLost) peerConnectionMessage()      {}
func (PathUnanswered) peerConnectionMessage() {}
func (ChannelUp) peerConnectionMessage()      {}
func (ChannelDown) peerConnectionMessage()    {}
func (Coordination) peerConnectionMessage()   {}
func (ProbeAnswered) peerConnectionMessage()  {}
func (ProbeReceived) peerConnectionMessage()  {}
func (PathSilent) peerConnectionMessage()     {}
func (PathHeard) peerConnectionMessage()      {}
func (HoldRelay) peerConnectionMessage()      {}
