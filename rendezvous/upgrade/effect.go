package upgrade

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// Effect is one thing that a Connection wants done. Effects are performed in
// their order.
type Effect interface{ effect() }

// Save stores what must survive the actor. It comes before every effect that
// relies on it and is performed first (SPEC 10.3).
type Save struct{ Saved Saved }

// OpenRelay asks for a session with the peer at its slot. It is answered by
// RelayReady or RelayFailed.
type OpenRelay struct{ Endpoint messages.LinkEndpoint }

// PathReady tells the manager that a hello can be sent over a path.
type PathReady struct{ Path messages.Path }

// PathLost tells the manager that there is no way to the peer for now.
type PathLost struct{}

// KeepWarm names the relay path beside the one in use, to be kept alive
// (SPEC 10.1).
type KeepWarm struct{ Path messages.Path }

// Coordinate sends a frame over the channel's control stream.
type Coordinate struct{ Frame messages.Coordination }

// Probe sends a sealed probe of Size bytes; its answer has the same size.
type Probe struct {
	ID   messages.ProbeID
	To   netip.AddrPort
	Size int
}

// Promote moves the channel to a validated direct path. It carries the
// generations under which it was made; whoever performs it drops it if a newer
// one is known by then (SPEC 10.4). It ends SendBoth.
type Promote struct {
	Path messages.Path
	// Relay stays warm behind it; zero if there is none.
	Relay         messages.Path
	RTT           time.Duration
	Network       messages.NetworkGeneration
	Local, Remote messages.CandidateGeneration
}

// SendBoth sends every datagram over the relay too, or stops doing so.
type SendBoth struct {
	On    bool
	Relay messages.Path
}

// FailOver moves the channel to a relay path. It ends SendBoth.
type FailOver struct {
	To     messages.Path
	Reason string
}

// RepeatLast sends the last datagrams again, newly sealed, over the path in use:
// they draw an answer at once (SPEC 10.7).
type RepeatLast struct{}

// Announce tells the host of a change of path, or why there is none.
type Announce struct{ Change Change }

// BudgetReset tells the host that a newer generation has given a new budget.
type BudgetReset struct {
	Attempts AttemptBudget
	Reason   string
}

func (Save) effect()        {}
func (OpenRelay) effect()   {}
func (PathReady) effect()   {}
func (PathLost) effect()    {}
func (KeepWarm) effect()    {}
func (Coordinate) effect()  {}
func (Probe) effect()       {}
func (Promote) effect()     {}
func (SendBoth) effect()    {}
func (FailOver) effect()    {}
func (RepeatLast) effect()  {}
func (Announce) effect()    {}
func (BudgetReset) effect() {}

// Change is a change of path with its reason, or the reason of staying.
type Change struct {
	From, To messages.PathKind
	Remote   netip.AddrPort
	// Stays says that nothing moved.
	Stays bool
	// Reason is "validated 203.0.113.9:51820, 18 ms".
	Reason string
}

// String is what a person reads (SPEC 10.8):
//
//	relay → direct (validated 203.0.113.9:51820, 18 ms)
//	direct → relay (no answer 320 ms)
//	staying on relay (hard NAT both sides)
func (c Change) String() string {
	if c.Stays {
		return fmt.Sprintf("staying on %s (%s)", c.To, c.Reason)
	}
	return fmt.Sprintf("%s → %s (%s)", c.From, c.To, c.Reason)
}
