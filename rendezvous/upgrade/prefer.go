package upgrade

import (
	"time"

	"github.com/waymeet/waymeet/messages"
)

// Weights of the choice of a path (SPEC 10.7).
const (
	stickiness = 5 * time.Millisecond
	ipv6Bonus  = 3 * time.Millisecond
)

// Estimate is what is known of a path when paths are compared.
type Estimate struct {
	Path messages.Path
	// Validated: the peer has answered on it, at full size.
	Validated bool
	// Recoverable: its local binding exists now.
	Recoverable bool
	RTT         time.Duration
	// Silent: what was sent over it goes unanswered.
	Silent bool
}

func (e Estimate) usable() bool { return e.Validated && e.Recoverable }

// cost is the round trip after the bonus.
func (e Estimate) cost() time.Duration {
	if e.Path.Kind == messages.PathDirect && e.Path.Addr.Addr().Is6() {
		return e.RTT - ipv6Bonus
	}
	return e.RTT
}

// Prefer reports whether the challenger should take the place of the current
// path. It is the whole policy.
//
// SPEC 10.7: "Path choice is one pure function (validated, recoverable, RTT
// with 5 ms stickiness, IPv6 bonus 3 ms, loss evidence)." A direct path goes
// before a relay whatever the round trips: it costs nobody anything.
func Prefer(current, challenger Estimate) bool {
	switch {
	case !challenger.usable():
		return false
	case !current.usable():
		return true
	case challenger.Silent != current.Silent:
		return current.Silent
	case challenger.Path.Kind != current.Path.Kind:
		return challenger.Path.Kind == messages.PathDirect
	}
	return challenger.cost()+stickiness < current.cost()
}
