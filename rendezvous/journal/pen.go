package journal

import (
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

// pen is the right to write our own chain. Two facts of ours with one seq would be a
// fork, so a node that may have lost some of its chain has no pen.
//
// It is looked at when a fact is formed. What was formed for the next batch while a
// Write was under way is written, whatever a peer shows meanwhile. What keeps a
// restored backup from a fork is the wait at the start (SPEC 3.1): nothing is formed
// before one sync is done or writeAfter is past.
type pen struct {
	// self is whose chain it is.
	self messages.AuthorityID
	// writeAfter is from when on it need not wait for a peer.
	writeAfter time.Time
	claims     Claims
	// mayWrite: our chain may be written, as look found it last; due is when it may
	// for all that was known then, if it may not; zero: when facts come.
	mayWrite bool
	due      time.Time
}

// withheld reports whether something keeps our chain, of which so much is held, from
// being written, whatever one member says, and until when for all that is known;
// zero: until facts come.
//
// SPEC 3.1: "at every start, before its first own fact in a context with other
// members, a node syncs once or waits 5 s for a peer, and a peer that shows
// more of *its* chain than it holds stops its writing until fetched (a restored
// backup waits without limit)". A fact of ours behind a gap, or one that waits for
// its hour, shows it beyond doubt; the word of a peer does for a while (Claims).
func (p *pen) withheld(now time.Time, own extent, roster membership.Roster, but messages.AuthorityID) (withheld bool, until time.Time) {
	if max(own.last, p.claims.signed) > own.head {
		return true, time.Time{}
	}
	for peer, lapse := range p.claims.ahead(now, own.head) {
		if peer != but && roster.Has(peer) && lapse.After(until) {
			withheld, until = true, lapse
		}
	}
	if withheld {
		return true, until
	}
	alone := roster.Len() <= 1 && roster.Has(p.self)
	if alone || p.claims.synced || !now.Before(p.writeAfter) {
		return false, time.Time{}
	}
	return true, p.writeAfter
}

// look finds out whether our chain may be written now, and reports whether that is
// news: a view says so, for channels wait for it.
func (p *pen) look(now time.Time, own extent, roster membership.Roster) (news bool) {
	withheld, until := p.withheld(now, own, roster, messages.AuthorityID{})
	news = p.mayWrite == withheld
	p.mayWrite, p.due = !withheld, until
	return news
}

// look has a view published when our chain may be written, or not any more.
func (j *Journal) look(now time.Time) {
	j.changed = j.pen.look(now, j.own(), j.set.epochs.open().roster) || j.changed
}

// mayWrite reports whether our own chain may grow now.
func (j *Journal) mayWrite(now time.Time) bool { return j.mayWriteBut(now, messages.AuthorityID{}) }

// mayWriteBut is mayWrite as it is if that member says nothing.
func (j *Journal) mayWriteBut(now time.Time, member messages.AuthorityID) bool {
	withheld, _ := j.pen.withheld(now, j.own(), j.set.epochs.open().roster, member)
	return !withheld
}

// mayDo reports whether what is asked for may be done now. A charge alone is no
// fact, nor are keys: they need not wait for a peer. A member can be removed
// though it is the one that shows more of our chain.
func (j *Journal) mayDo(now time.Time, event messages.JournalMessage) bool {
	var removed messages.AuthorityID
	switch e := event.(type) {
	case messages.Commit:
		if len(e.Facts) == 0 {
			return true
		}
	case messages.GiveKeys:
		return true
	case messages.RemoveMember:
		removed = e.Member
	}
	return j.mayWriteBut(now, removed)
}

// own is how far our chain is held.
func (j *Journal) own() extent {
	c := j.set.chains[j.pen.self]
	if c == nil {
		return extent{}
	}
	return extent{head: wholeUpTo(c), last: c.entries[len(c.entries)-1].seq}
}

// recognize takes in that a fact came which is new here, if it is ours: one of an
// unknown epoch, too, for our own key needs no roster.
func (j *Journal) recognize(now messages.Millis, c *candidate) {
	if c.fact.Header.Author != j.pen.self {
		return
	}
	if c.signer.IsZero() {
		c.authenticate(j.config.Identity.Public())
	}
	if c.forged.admits() {
		j.pen.claims.prove(now.Time(), c.fact.Header.Seq, j.own().head)
	}
}
