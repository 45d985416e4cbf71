package journal

import (
	"time"

	"github.com/waymeet/waymeet/messages"
)

// What a peer may have of us (SPEC 13.2: "per-peer rate limit"). All of it is
// above what an honest member asks for; one that is told to wait comes again.
var (
	// sessionRate is how often it may open a session.
	sessionRate = rate{burst: 32, every: 125 * time.Millisecond}
	// questionRate is how often it may have us compare ranges: each time we
	// walk over our facts.
	questionRate = rate{burst: 256, every: 100 * time.Millisecond}
)

// Of facts a peer may have, in every servedWithin, all that we hold twice, and
// servedBesides more: what is on its way when something dies is sent again. It
// is the longest time that a quota takes to be full again.
const (
	servedWithin  = time.Minute
	servedBesides = 1 << 14
)

// rate is how much may be had: burst at once, and one more every so often.
type rate struct {
	burst int
	every time.Duration
}

// quota is what is left of a rate. The zero quota is full.
type quota struct {
	tokens int
	at     time.Time
}

// take takes n, if so many are left.
func (q *quota) take(now time.Time, n int, r rate) bool {
	if q.at.IsZero() {
		q.tokens, q.at = r.burst, now
	}
	if refill := int(now.Sub(q.at) / r.every); refill > 0 {
		q.tokens = min(q.tokens+refill, r.burst)
		q.at = q.at.Add(time.Duration(refill) * r.every)
	}
	if q.tokens < n {
		return false
	}
	q.tokens -= n
	return true
}

// served counts the facts that a peer was sent.
type served struct {
	facts int
	since time.Time
}

// take counts n more facts of the so many that we hold. It reports whether the
// peer may have them.
func (s *served) take(now time.Time, n int, held uint64) bool {
	if now.Sub(s.since) >= servedWithin {
		*s = served{since: now}
	}
	s.facts += n
	return uint64(s.facts) <= 2*held+servedBesides
}

// maxGone bounds of how many peers that have left it is remembered what they
// have had.
const maxGone = 1024

// allowance is what one peer may still have of us.
type allowance struct {
	sessions, questions quota
	served              served
	// left is when the peer's last channel went; zero: it is here.
	left time.Time
}

// allowances are those of the peers that are here, and of those that have left
// and would not have all of it again yet: a new channel brings no new quotas.
type allowances map[messages.AuthorityID]*allowance

// meet is the allowance of a peer that comes, as it left it.
func (a allowances) meet(peer messages.AuthorityID) *allowance {
	if a[peer] == nil {
		a[peer] = &allowance{}
	}
	a[peer].left = time.Time{}
	return a[peer]
}

// leave notes that a peer goes. Those that have been away long enough to be full
// again are forgotten, and of too many the one that left first.
func (a allowances) leave(now time.Time, peer messages.AuthorityID) {
	a[peer].left = now
	gone, first := 0, peer
	for id, other := range a {
		switch {
		case other.left.IsZero():
			continue
		case now.Sub(other.left) >= servedWithin:
			delete(a, id)
			continue
		case other.left.Before(a[first].left):
			first = id
		}
		gone++
	}
	if gone > maxGone {
		delete(a, first)
	}
}
