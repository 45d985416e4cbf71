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
	// questionRate is how often it may have us compare ranges.
	questionRate = rate{burst: 256, every: 100 * time.Millisecond}
)

// Of facts a peer may have, in every servedWithin, all that we hold twice, and
// servedBesides more: what is on its way when something dies is sent again. It
// is the longest time that a quota takes to be full again.
const (
	servedWithin  = time.Minute
	servedBesides = 1 << 14
)

// Of facts that we look at to compare ranges, a peer may have in every servedWithin
// walkedTimes all that we hold, and walkedBesides more. Most sessions look at all of
// them less than five times, one that finds that every second fact is forked some
// fifteen times. So one peer has a few hundredths of the journal's time.
const (
	walkedTimes   = 32
	walkedBesides = 1 << 20
)

// maxUseless is how many facts a peer may send in every servedWithin that are
// neither admitted nor held already. They are no fault: an honest member has some
// where clocks differ, or ops are contested. Each costs a signature that is checked,
// so one peer has a hundredth of a processor's time.
const maxUseless = 1 << 13

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

// window counts facts in every servedWithin. The zero window is empty.
type window struct {
	used  uint64
	since time.Time
}

// spend counts n more facts.
func (w *window) spend(now time.Time, n uint64) {
	if w.isOver(now) {
		*w = window{since: now}
	}
	w.used += n
}

// exceeds reports whether more than so many were counted.
func (w *window) exceeds(now time.Time, most uint64) bool { return !w.isOver(now) && w.used > most }

func (w *window) isOver(now time.Time) bool { return now.Sub(w.since) >= servedWithin }

// served counts the facts that a peer was sent.
type served struct{ window }

// take counts n more facts of the so many that we hold. It reports whether the
// peer may have them.
func (s *served) take(now time.Time, n int, held uint64) bool {
	s.spend(now, uint64(n))
	return !s.exceeds(now, 2*held+servedBesides)
}

// compared counts what a peer has had us compare: the questions, and in the window
// the facts that we looked at for it.
type compared struct {
	window
	questions quota
	// asked is when it asked what is not answered yet; zero: all is.
	asked time.Time
	// most is how many facts it may have us look at, by what we held last.
	most uint64
}

// ask reports whether the peer may have ranges compared now. One question is
// answered before the next one, whatever session it is of: what it costs is known
// then. An answer that is lost is waited for as long as a session waits.
func (c *compared) ask(now time.Time) bool {
	isAsked := !c.asked.IsZero() && now.Sub(c.asked) < maxSilence
	if c.exceeds(now, c.most) || isAsked || !c.questions.take(now, 1, questionRate) {
		return false
	}
	c.asked = now
	return true
}

// answered counts what an answer has cost, of the so many facts that we hold.
func (c *compared) answered(now time.Time, walked, held uint64) {
	c.spend(now, walked)
	c.asked = time.Time{}
	c.most = walkedTimes*held + walkedBesides
}

// maxOffers is how many batches of facts of one peer the journal may have to answer:
// of two sessions, for one may have ended with its batches under way.
const maxOffers = 2 * maxUnacked

// offers counts the batches of a peer that the journal has not answered, whatever
// session they are of. The zero offers is none.
type offers struct {
	underWay int
	last     time.Time
}

// give reports whether the journal may be given one more. Answers that are lost are
// waited for as long as a session waits.
func (o *offers) give(now time.Time) bool {
	if now.Sub(o.last) >= maxSilence {
		o.underWay = 0
	}
	if o.underWay >= maxOffers {
		return false
	}
	o.underWay++
	o.last = now
	return true
}

func (o *offers) answered() { o.underWay = max(o.underWay-1, 0) }

// maxGone bounds of how many peers that have left it is remembered what they
// have had.
const maxGone = 1024

// allowance is what one peer may still have of us.
type allowance struct {
	sessions quota
	served   served
	// useless counts the facts that it sent for nothing.
	useless  window
	offers   offers
	compared compared
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
