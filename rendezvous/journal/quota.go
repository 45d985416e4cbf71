package journal

import "time"

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
// servedBesides more: what is on its way when something dies is sent again.
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
