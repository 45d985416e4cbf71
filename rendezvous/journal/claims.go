package journal

import (
	"iter"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// proveWithin is how long the mere word of a peer stops our writing. A peer that
// does hold facts of ours begins to send them long before.
const proveWithin = 10 * time.Minute

// peerClaims is what the peers show of our own chain. A peer that shows more than
// we hold has it from a node of ours whose state we lost, or lies. What proves
// it is our signature on a fact that we lack. Until one comes the peer is
// believed for proveWithin, and then no more in the life of this machine; each fact
// of ours that comes begins the time anew, for all who show more. So a liar stops us
// once after each start of the process or the actor, and a restored backup waits as
// long as facts of its own come. Claims are not kept on disk: one who has told the
// truth, and nobody heard the proof, is to be believed after a restart.
type peerClaims struct {
	shown map[messages.AuthorityID]messages.PeerHolds
	// since is when a peer first showed more than we held, or when that was
	// proved last. It stays when the peer takes it back: who claims it again
	// gets no more time.
	since map[messages.AuthorityID]time.Time
	// synced: since we started, we were given all that a peer showed.
	synced bool
}

// show takes in what a peer shows; it reports whether that is news.
func (p *peerClaims) show(now time.Time, e messages.PeerHolds, head messages.Seq) bool {
	if p.shown == nil {
		p.shown = map[messages.AuthorityID]messages.PeerHolds{}
		p.since = map[messages.AuthorityID]time.Time{}
	}
	before, known := p.shown[e.Peer]
	p.shown[e.Peer] = e
	p.synced = p.synced || e.Done
	if _, doubted := p.since[e.Peer]; e.Last > head && !doubted {
		p.since[e.Peer] = now
	}
	return !known || before.Own != e.Own || before.Last != e.Last
}

// prove takes in that a peer gave us a fact of ours. Whoever showed no more than
// what is here now has told the truth.
func (p *peerClaims) prove(now time.Time, head messages.Seq) {
	for peer := range p.since {
		if p.shown[peer].Last > head {
			p.since[peer] = now
		} else {
			delete(p.since, peer)
		}
	}
}

// ahead gives the peers that show more of our chain than we hold and are
// believed, and until when they are.
func (p *peerClaims) ahead(now time.Time, head messages.Seq) iter.Seq2[messages.AuthorityID, time.Time] {
	return func(yield func(messages.AuthorityID, time.Time) bool) {
		for peer, shown := range p.shown {
			if shown.Last <= head {
				continue
			}
			if lapse := p.since[peer].Add(proveWithin); now.Before(lapse) && !yield(peer, lapse) {
				return
			}
		}
	}
}

// cover adds what the peers are known to hold of our chain.
func (p *peerClaims) cover(covered map[messages.AuthorityID]messages.Seq, head messages.Seq) {
	for peer, shown := range p.shown {
		if shown.Own <= head {
			covered[peer] = max(covered[peer], shown.Own)
		}
	}
}
