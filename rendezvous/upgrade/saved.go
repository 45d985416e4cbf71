package upgrade

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// Config is what a Connection is told once.
type Config struct {
	// Attempts per cycle; zero: DefaultAttempts.
	Attempts uint64
	// Window spaces the attempts; zero: the defaults.
	Window BackoffWindow
	// FullSize is the size, in bytes, that a probe must have before its path
	// may carry the channel; zero: DefaultFullSize.
	FullSize int
	// Jitter is the seeded source of jitter and of probe ids; it must be set.
	Jitter *rand.Rand
}

// DefaultFullSize is a QUIC packet of 1200 bytes under header and tag.
const DefaultFullSize = 1200 + 25

func (c Config) attempts() uint64 {
	if c.Attempts > 0 {
		return c.Attempts
	}
	return DefaultAttempts
}

func (c Config) window() BackoffWindow {
	if c.Window != (BackoffWindow{}) {
		return c.Window
	}
	return BackoffWindow{Base: DefaultBackoffBase, Max: DefaultBackoffMax}
}

func (c Config) fullSize() int {
	if c.FullSize > 0 {
		return c.FullSize
	}
	return DefaultFullSize
}

// Saved is what a Connection must not forget when its actor dies. The zero
// Saved is that of a pair that never met.
//
// SPEC 10.3: "An actor restart NEVER refills a budget or the bucket."
type Saved struct {
	Attempts AttemptBudget
	Bucket   Bucket
	// Cycles counts the cycles that took a token.
	Cycles uint64
	// Asked counts how often we asked the peer to coordinate, in this cycle.
	Asked uint64
	// Number is the last attempt that we offered.
	Number messages.AttemptNumber
	// The newest generations seen; they only grow.
	Network       messages.NetworkGeneration
	Local, Remote messages.CandidateGeneration
	// Waiting says that a newer generation waits for a token.
	Waiting bool
	// NextAttempt is when the next attempt is due; zero: none is.
	NextAttempt time.Time
	// Held keeps the pair on the relay.
	Held bool
	// Probed are the probes of the last minute.
	Probed []ProbeMark
	// Path, Since and Reason are what was last announced.
	Path   messages.Path
	Since  time.Time
	Reason string
}

// ProbeMark remembers a probe for its limit (SPEC 10.6).
type ProbeMark struct {
	Network NetworkPrefix
	At      time.Time
}

func (s Saved) clone() Saved {
	s.Probed = slices.Clone(s.Probed)
	return s
}
