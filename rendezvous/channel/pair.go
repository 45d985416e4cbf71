package channel

import (
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous"
)

// Counter orders the attempts of one initiator: by boot, then by n (SPEC 7.3).
type Counter struct {
	Boot messages.Boot
	N    uint64
}

// After reports whether c is newer than d.
func (c Counter) After(d Counter) bool {
	return c.Boot > d.Boot || c.Boot == d.Boot && c.N > d.N
}

// Saved is what of a pair outlives the manager: it is kept in the vault under
// the pair, and may be kept on disk. Nothing in it is secret.
type Saved struct {
	// Last is the counter of our last attempt; a counter never comes twice.
	Last Counter
	// Operation is what was paid, or is about to be, for a channel that does
	// not exist yet; zero if nothing is. Doing it again charges nothing
	// (SPEC 5.5).
	Operation messages.OperationID
	// Since is when the operation began, Epoch the epoch it was charged in: the
	// one that was open then.
	Since messages.Millis
	Epoch messages.Epoch
	// Completed is the counter of the last handshake that the peer initiated
	// and that was completed; what is not after it is a replay (SPEC 7.3).
	Completed Counter
}

// pair is what the manager knows of one peer in one context.
type pair struct {
	Pair
	saved Saved
	// wanted is set while the peer is a member with a descriptor.
	wanted bool
	// path is how the peer can be reached now; zero: it cannot.
	path messages.PathKind
	// call is our own attempt, or nil; attempts counts it and the peer's.
	call     *attempt
	attempts int
	// behind is set when the last call, or channel, could only be one to catch
	// up.
	behind bool
	// dialAt is the earliest time of the next call, failures how many there
	// were in a row.
	dialAt   time.Time
	failures int
	// refused is the last decision that the host was told.
	refused messages.Decision
}

// stage is how far an attempt is.
type stage uint8

const (
	// paying: our call waits for the store.
	paying stage = iota
	// shaking: a handshaker runs.
	shaking
)

// attempt is one try to establish a channel, ours or the peer's.
type attempt struct {
	id        messages.AttemptID
	pair      *pair
	stage     stage
	establish rendezvous.Establish
	path      messages.PathKind
	via       messages.Via
	suite     messages.Suite
	// began is the step of the manager in which it began.
	began uint64
	// deadline is when its handshaker must have ended.
	deadline time.Time
}

// initiator is who began the attempt.
func (a *attempt) initiator(self messages.AuthorityID) messages.AuthorityID {
	if a.id.Inbound() {
		return a.id.Peer
	}
	return self
}

// counter is the initiator's.
func (a *attempt) counter() Counter { return Counter{a.id.Boot, a.id.N} }

func compareAttempts(a, b *attempt) int {
	if c := a.pair.Compare(b.pair.Pair); c != 0 {
		return c
	}
	switch {
	case a.began < b.began:
		return -1
	case a.began > b.began:
		return 1
	}
	return 0
}
