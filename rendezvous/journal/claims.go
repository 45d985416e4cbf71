package journal

import (
	"iter"
	"maps"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// proveWithin is how long the mere word of a peer stops our writing. A peer that
// does hold facts of ours begins to send them long before.
const proveWithin = 10 * time.Minute

// Claims is what others have shown of our own chain since the process started: by
// their word, and by our signature. The zero Claims is that of a process that has met
// nobody. It outlives the Journal, not the process: a new life of the actor gets it
// back (SaveClaims, Config.Claims). It is not kept on disk: one who has told the
// truth, and nobody heard the proof, is to be believed after a restart.
//
// A peer that shows more than we hold has it from a node of ours whose state we
// lost, or lies. What proves it is our signature on a fact that we lack. Until one
// comes the peer is believed for proveWithin, and then no more; each fact of ours
// that comes begins the time anew, for all who show more. So a liar stops us once
// in a process, and a restored backup waits as long as facts of its own come.
type Claims struct {
	peers map[messages.AuthorityID]claim
	// signed is the greatest seq of ours under which somebody has shown us our own
	// signature, whether we may take the fact in or not. There is a fact at every seq
	// up to it.
	signed messages.Seq
	// synced: we were given all that a peer showed.
	synced bool
	// unsaved: SaveClaims has not given it out as it is.
	unsaved bool
}

// claim is what one peer shows of our chain, as PeerHolds says it.
type claim struct {
	own, last messages.Seq
	// since is when the peer first showed more than we held, or when that was
	// proved last; zero: it shows no more than we hold. It stays when the peer takes
	// it back: who claims it again gets no more time.
	since time.Time
	// proved: facts of ours came while it showed more. It cannot be taken back, for
	// the peer is not the only one who said so.
	proved bool
}

// put changes what is known of a peer.
func (c *Claims) put(peer messages.AuthorityID, next claim) {
	if before, known := c.peers[peer]; known && before == next {
		return
	}
	if c.peers == nil {
		c.peers = map[messages.AuthorityID]claim{}
	}
	c.peers[peer], c.unsaved = next, true
}

// show takes in what a peer shows; it reports whether that is news.
func (c *Claims) show(now time.Time, e messages.PeerHolds, head messages.Seq) bool {
	if e.Done && !c.synced {
		c.synced, c.unsaved = true, true
	}
	before, known := c.peers[e.Peer]
	next := before
	if next.own, next.last = e.Own, e.Last; before.proved {
		next.last = max(before.last, e.Last)
	}
	if e.Last > head && next.since.IsZero() {
		next.since = now
	}
	c.put(e.Peer, next)
	return !known || before.own != next.own || before.last != next.last
}

// prove takes in that a fact of ours came, with our signature. Whoever showed no more
// than what is here now has told the truth. If that is lost with a life that has not
// written it yet, signed still tells.
func (c *Claims) prove(now time.Time, seq, head messages.Seq) {
	if seq > c.signed {
		c.signed, c.unsaved = seq, true
	}
	for peer, shown := range c.peers {
		if shown.since.IsZero() {
			continue
		}
		if shown.proved = shown.last > head; shown.proved {
			shown.since = now
		} else {
			shown.since = time.Time{}
		}
		c.put(peer, shown)
	}
}

// ahead gives the peers that show more of our chain than we hold and are
// believed, and until when they are.
func (c *Claims) ahead(now time.Time, head messages.Seq) iter.Seq2[messages.AuthorityID, time.Time] {
	return func(yield func(messages.AuthorityID, time.Time) bool) {
		for peer, shown := range c.peers {
			if shown.last <= head {
				continue
			}
			if lapse := shown.since.Add(proveWithin); now.Before(lapse) && !yield(peer, lapse) {
				return
			}
		}
	}
}

// cover adds what the peers are known to hold of our chain.
func (c *Claims) cover(covered map[messages.AuthorityID]messages.Seq, head messages.Seq) {
	for peer, shown := range c.peers {
		if shown.own <= head {
			covered[peer] = max(covered[peer], shown.own)
		}
	}
}

// save has what is new kept for the next life.
func (c *Claims) save() []Effect {
	if !c.unsaved {
		return nil
	}
	c.unsaved = false
	return []Effect{SaveClaims{c.clone()}}
}

func (c *Claims) clone() Claims {
	clone := *c
	clone.peers = maps.Clone(c.peers)
	return clone
}
