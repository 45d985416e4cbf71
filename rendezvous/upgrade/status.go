package upgrade

import (
	"time"

	"github.com/waymeet/waymeet/messages"
)

// Status is what a Connection says of itself: a copy.
type Status struct {
	State State
	// Path is the one in use, Since when and Reason why.
	Path   messages.Path
	Since  time.Time
	Reason string
	// RTT of Path; zero while unknown.
	RTT      time.Duration
	Attempts AttemptBudget
	Cycles   uint64
	// NextAttempt is when the next attempt is due; zero: none is.
	NextAttempt time.Time
	// Waiting says that a fresh cycle waits for a token.
	Waiting bool
	Held    bool
	// Remote is the peer's candidate generation.
	Remote   messages.CandidateGeneration
	Counters Counters
}

// Status is how the machine stands.
func (c *Connection) Status() Status {
	s := Status{
		State: c.State(), Path: c.channel.path, RTT: c.channel.rtt, Attempts: c.saved.Attempts, Cycles: c.saved.Cycles,
		NextAttempt: c.attemptDue(), Waiting: c.saved.Waiting, Held: c.saved.Held, Remote: c.saved.Remote,
		Counters: c.counters,
	}
	if s.Path == c.saved.Path {
		s.Since, s.Reason = c.saved.Since, c.saved.Reason
	}
	return s
}
