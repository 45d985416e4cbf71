package mux

import (
	"net/netip"
	"time"
)

// Event is something that happened to a link and that its owner decides about.
type Event interface{ event() }

// Confirmed is told once, by the responder of an attempt: the initiator's first
// valid data datagram came, so it holds the keys (SPEC 7.2).
type Confirmed struct{ Link *Link }

// ProbeReceived is told for a probe of the peer. It has been answered, unless
// too many were (SPEC 10.6).
type ProbeReceived struct {
	Link *Link
	From Path
	// Size is that of the plaintext, comparable with PacketSize.
	Size int
}

// ProbeAnswered is told for an answer to a probe of ours.
type ProbeAnswered struct {
	Link *Link
	ID   ProbeID
	// To is where the probe went and From where the answer came from; they
	// differ when something on the way translates addresses.
	To, From Path
	// Observed is our address as the peer saw it.
	Observed netip.AddrPort
	// Size is what passed in both directions.
	Size int
	RTT  time.Duration
}

// PathSilent is told when what we sent on a path in use has been unanswered for
// too long (SPEC 10.7), pings included, and every second while that goes on.
type PathSilent struct {
	Link *Link
	Path Path
	// For is how long nothing valid has come on the path.
	For time.Duration
}

// PathHeard is told when something valid came on a path that was silent.
type PathHeard struct {
	Link *Link
	Path Path
}

// PathMoved is told when the link followed its peer to another session or
// relay. Direct paths never move by themselves.
type PathMoved struct {
	Link     *Link
	From, To Path
}

// Dead is told once when nothing valid has come on any path for 90 s.
type Dead struct{ Link *Link }

func (Confirmed) event()     {}
func (ProbeReceived) event() {}
func (ProbeAnswered) event() {}
func (PathSilent) event()    {}
func (PathHeard) event()     {}
func (PathMoved) event()     {}
func (Dead) event()          {}
