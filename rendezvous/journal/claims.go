package journal

import "github.com/waymeet/waymeet/messages"

// peerClaims is what the peers show of our own chain.
type peerClaims struct {
	shown map[messages.AuthorityID]messages.Seq
	// synced: since we started, we were given all that a peer showed.
	synced bool
}

// show takes in what a peer shows; it reports whether that is news.
func (p *peerClaims) show(e messages.PeerHolds) bool {
	if p.shown == nil {
		p.shown = map[messages.AuthorityID]messages.Seq{}
	}
	before, known := p.shown[e.Peer]
	p.shown[e.Peer] = e.Own
	p.synced = p.synced || e.Done
	return !known || before != e.Own
}

// block reports whether a peer shows more of our chain than we hold: it was
// written by a node of ours whose state we lost, and writing now would fork.
func (p *peerClaims) block(head messages.Seq) bool {
	for _, own := range p.shown {
		if own > head {
			return true
		}
	}
	return false
}

// cover adds what the peers are known to hold of our chain.
func (p *peerClaims) cover(covered map[messages.AuthorityID]messages.Seq, head messages.Seq) {
	for peer, own := range p.shown {
		if own <= head {
			covered[peer] = max(covered[peer], own)
		}
	}
}
