package upgrade

import (
	"time"

	"github.com/waymeet/waymeet/messages"
)

// Times of an attempt.
const (
	// coordinateTimeout is how long the peer's next frame may take.
	coordinateTimeout = 3 * time.Second
	// minRound is the least time between two probes to one address.
	minRound = 100 * time.Millisecond
	// maxRound bounds it on slow relays.
	maxRound = time.Second
	// probeRounds is how many rounds an attempt lasts: three with probes, and
	// one for the last answer; but no less than minProbing: the direct path
	// may be slower than the relay.
	probeRounds = 4
	minProbing  = 2 * time.Second
	// maxStagger is the most that the second sender waits for the first.
	maxStagger = 50 * time.Millisecond
	// maxTargets bounds the addresses of one attempt.
	maxTargets = messages.MaxEndpoints + maxStrangers
	// maxStrangers bounds the peer-reflexive ones among them.
	maxStrangers = 8
)

// phase says how far the coordination of an attempt is.
type phase uint8

const (
	// offered: we have offered; the peer's echo is awaited.
	offered phase = iota + 1
	// echoed: we have echoed an offer; the peer's fire is awaited.
	echoed
	// armed: both ends know when to fire; the time has not come.
	armed
	// probing: probes are out.
	probing
)

// generations are those under which something was made (SPEC 10.4).
type generations struct {
	network       messages.NetworkGeneration
	local, remote messages.CandidateGeneration
}

// attempt is one try to find a direct path. It lives in memory only: what must
// survive, that it was used, is saved before its first frame leaves.
type attempt struct {
	number messages.AttemptNumber
	// made is what the attempt relies on; where a newer generation comes, the
	// attempt is dropped.
	made  generations
	phase phase
	// said is when our last frame left, for the round trip.
	said time.Time
	// next is when something is due: the peer's frame is late, it is time to
	// fire, or it is time for the next round; zero: no round is left.
	next time.Time
	// end is when a probing attempt is over.
	end   time.Time
	round time.Duration

	targets []*target
	pending map[messages.ProbeID]pendingProbe
	// found says that a path was validated.
	found bool
}

// target is an address that the attempt probes.
type target struct {
	candidate
	small, full int
	answered    bool
	validated   bool
}

// pendingProbe is a probe that was sent and not answered.
type pendingProbe struct {
	target *target
	size   int
}

func (a *attempt) due() time.Time {
	if a.phase == probing && (a.next.IsZero() || a.end.Before(a.next)) {
		return a.end
	}
	return a.next
}

// current reports the generations that a new attempt relies on.
func (c *Connection) current() generations {
	return generations{network: c.saved.Network, local: c.saved.Local, remote: c.saved.Remote}
}

// driveAttempt does what is due in the attempt that runs.
func (c *Connection) driveAttempt(now time.Time) {
	a := c.attempt
	if a == nil || now.Before(a.due()) {
		return
	}
	switch {
	case a.phase == offered || a.phase == echoed:
		c.endAttempt(now, "the peer did not answer the coordination")
	case a.phase == armed:
		c.fire(now)
	case !now.Before(a.end):
		c.endAttempt(now, "")
	default:
		c.probeRound(now)
	}
}

// endAttempt ends an attempt. If it was the last one and led nowhere, the host
// is told why the pair stays on the relay.
func (c *Connection) endAttempt(now time.Time, failure string) {
	found := c.attempt.found
	if failure == "" {
		failure = c.whyNoAnswer()
	}
	c.attempt = nil
	if found || c.saved.Attempts.Left() || c.channel.path.Kind != messages.PathRelay {
		return
	}
	c.stay(now, failure)
}

// whyNoAnswer says why probing led nowhere (SPEC 10.8).
func (c *Connection) whyNoAnswer() string {
	switch {
	case c.local.HardNAT && c.peer.hardNAT:
		return "hard NAT both sides"
	case len(c.attempt.targets) == 0:
		return "no address of the peer can be tried"
	}
	return "no direct address answered"
}

// stay tells the host why the pair stays on the relay.
func (c *Connection) stay(now time.Time, reason string) {
	path := c.channel.path
	c.remember(now, path, reason)
	c.do(Announce{Change: Change{From: path.Kind, To: path.Kind, Remote: path.Addr, Stays: true, Reason: reason}})
}
