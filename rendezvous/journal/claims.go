package journal

import "github.com/waymeet/waymeet/messages"

// peerClaims is what the peers show of our own chain.
type peerClaims struct {
	shown map[messages.AuthorityID]messages.PeerHolds
	// synced: since we started, we were given all that a peer showed.
	synced bool
}

// show takes in what a peer shows; it reports whether that is news.
func (p *peerClaims) show(e messages.PeerHolds) bool {
	if p.shown == nil {
		p.shown = map[messages.AuthorityID]messages.PeerHolds{}
	}
	before, known := p.shown[e.Peer]
	p.shown[e.Peer] = e
	p.synced = p.synced || e.Done
	return !known || before.Own != e.Own || before.Last != e.Last
}

// block reports whether a peer shows more of our chain than we hold: it was
// written by a node of ours whose state we lost, and writing now would fork.
func (p *peerClaims) block(head messages.Seq) bool {
	for _, shown := range p.shown {
		if shown.Last > head {
			return true
		}
	}
	return false
}

// cover adds what the peers are known to hold of our chain.
func (p *peerClaims) cover(covered map[messages.AuthorityID]messages.Seq, head messages.Seq) {
	for peer, shown := range p.shown {
		if shown.Own <= head {
			covered[peer] = max(covered[peer], shown.Own)
		}
	}
}
