package journal

import (
	"time"

	"github.com/waymeet/waymeet/messages"
)

// The pen is the right to write our own chain. Two facts of ours with one seq
// would be a fork, so a node that may have lost some of its chain has no pen.
//
// It is looked at when a fact is formed. What was formed for the next batch while a
// Write was under way is written, whatever a peer shows meanwhile. What keeps a
// restored backup from a fork is the wait at the start (SPEC 3.1): nothing is formed
// before one sync is done or WriteAfter is past.

// mayWrite reports whether our own chain may grow now.
func (j *Journal) mayWrite(now time.Time) bool {
	held, _ := j.penWithheld(now, messages.AuthorityID{})
	return !held
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
	held, _ := j.penWithheld(now, removed)
	return !held
}

// penWithheld reports whether something keeps our chain from being written, though
// that member says nothing, and until when for all that is known; zero: until
// facts come.
//
// SPEC 3.1: "at every start, before its first own fact in a context with other
// members, a node syncs once or waits 5 s for a peer, and a peer that shows
// more of *its* chain than it holds stops its writing until fetched (a restored
// backup waits without limit)". A fact of ours behind a gap shows it beyond
// doubt; the word of a peer does for a while (peerClaims).
func (j *Journal) penWithheld(now time.Time, but messages.AuthorityID) (held bool, until time.Time) {
	head, roster := j.ownHead(), j.set.epochs.open().roster
	if j.ownLast() > head {
		return true, time.Time{}
	}
	for peer, lapse := range j.peers.ahead(now, head) {
		if peer != but && roster.Has(peer) && lapse.After(until) {
			held, until = true, lapse
		}
	}
	if held {
		return true, until
	}
	alone := roster.Len() <= 1 && roster.Has(j.config.Identity.Authority())
	if alone || j.peers.synced || !now.Before(j.config.WriteAfter) {
		return false, time.Time{}
	}
	return true, j.config.WriteAfter
}

// lookAtPen has a view published when our chain may be written, or not any
// more: channels wait for it.
func (j *Journal) lookAtPen(now time.Time) {
	held, until := j.penWithheld(now, messages.AuthorityID{})
	j.changed = j.changed || held != j.penHeld
	j.penHeld, j.penDue = held, until
}

// ownHead is the last seq of our chain.
func (j *Journal) ownHead() messages.Seq {
	if head := j.set.head(j.config.Identity.Authority()); head != nil {
		return head.seq
	}
	return 0
}

// ownLast is the greatest seq of ours that is held, behind a gap or not.
func (j *Journal) ownLast() messages.Seq {
	if c := j.set.chains[j.config.Identity.Authority()]; c != nil && len(c.entries) > 0 {
		return c.entries[len(c.entries)-1].seq
	}
	return 0
}

// ownFacts is how many facts of ours are held.
func (j *Journal) ownFacts() int {
	if c := j.set.chains[j.config.Identity.Authority()]; c != nil {
		return len(c.entries)
	}
	return 0
}
