package journal

import (
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// SyncConfig is what a Sync is made with.
type SyncConfig struct {
	// Random draws session nonces; a cryptographic source.
	Random io.Reader
	// Jitter spreads timers; seeded.
	Jitter *rand.Rand
}

// Sync is the machine of the JournalSyncActor of one context (SPEC 13). It is
// not safe for concurrent use.
//
// It needs a messages.JournalState first and then after every Publish, and
// messages.SyncPeerUp for every member that a channel leads to; it knows
// nothing after a restart and needs nothing more. Killing it at any message
// loses nothing: what was offered is the Journal's, and the peer is asked
// again.
type Sync struct {
	config   SyncConfig
	state    messages.JournalState
	peers    map[messages.AuthorityID]*syncPeer
	sessions map[messages.SyncSession]*session
	// allowances outlive the channels.
	allowances allowances
	// sweep is when every peer is asked anyway.
	sweep time.Time
	// out collects the effects of one step.
	out []SyncEffect
}

// NewSync makes the machine.
func NewSync(config SyncConfig) *Sync {
	return &Sync{
		config:   config,
		peers:    map[messages.AuthorityID]*syncPeer{},
		sessions: map[messages.SyncSession]*session{},

		allowances: allowances{},
	}
}

// Step takes in one event and says what to do.
func (y *Sync) Step(now time.Time, event messages.JournalSyncMessage) []SyncEffect {
	y.out = nil
	switch e := event.(type) {
	case messages.JournalState:
		y.stateChanged(now, e)
	case messages.SyncPeerUp:
		y.peerUp(now, e)
	case messages.SyncPeerDown:
		y.peerDown(now, e.Peer)
	case messages.SyncOpened:
		y.opened(now, e)
	case messages.SyncOpenFailed:
		if peer := y.peers[e.Peer]; peer != nil && peer.channel == e.Channel && !peer.opening.IsZero() {
			peer.opening = time.Time{}
			y.failed(now, peer)
		}
	case messages.SyncClosed:
		if s := y.sessions[e.Session]; s != nil {
			y.end(now, s, SyncEnd{Reason: EndLost, Detail: e.Reason}, false)
		}
	case messages.SyncFrame:
		y.frame(now, e)
	case messages.FactsRead:
		y.factsRead(now, e)
	case messages.RangesCompared:
		y.rangesCompared(now, e)
	case messages.FactsOffered:
		y.factsOffered(now, e)
	case messages.Tick:
	}
	y.timers(now)
	y.pump(now)
	return y.out
}

// Deadline is when the Sync wants a Tick.
func (y *Sync) Deadline() time.Time {
	var due time.Time
	earlier := func(t time.Time) {
		if !t.IsZero() && (due.IsZero() || t.Before(due)) {
			due = t
		}
	}
	if len(y.peers) > 0 {
		earlier(y.sweep)
	}
	for _, s := range y.sessions {
		earlier(s.heard.Add(maxSilence))
	}
	for _, peer := range y.peers {
		earlier(peer.opening)
		if y.canSync() && peer.waits() {
			if y.busy() < maxSessions {
				earlier(peer.retryAt)
			} else if longest := y.longest(); longest != nil {
				earlier(later(peer.retryAt, longest.begun.Add(maxTurn)))
			}
		}
	}
	return due
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

func (y *Sync) emit(effect SyncEffect) { y.out = append(y.out, effect) }

// stateChanged wants a session with every peer that is not known to hold what
// we hold now.
//
// SPEC 13.2: "New facts are pushed to connected members at once". A session that
// ended unequal can have been one with an honest peer, so news does not wait for the
// next try.
func (y *Sync) stateChanged(now time.Time, state messages.JournalState) {
	isNews := y.state.Fingerprint != state.Fingerprint
	y.state = state
	for _, peer := range y.peers {
		peer.want = peer.want || peer.known != state.Fingerprint
		if soon := later(now, peer.turn.Add(pushEvery)); isNews && soon.Before(peer.retryAt) {
			peer.retryAt = soon
		}
	}
}

// endReplaced is how a session ends whose channel was replaced. The peer may
// have forgotten it: it would win over the one on the new channel, and say
// nothing.
var endReplaced = SyncEnd{Reason: EndLost, Detail: "the channel was replaced"}

func (y *Sync) peerUp(now time.Time, e messages.SyncPeerUp) {
	if peer := y.peers[e.Peer]; peer != nil {
		if peer.channel != e.Channel {
			peer.channel, peer.opening = e.Channel, time.Time{}
		}
		if s := y.sessions[peer.session]; s != nil && s.channel != e.Channel {
			y.end(now, s, endReplaced, true)
		}
		peer.want, peer.retryAt, peer.failures = true, now, 0
		return
	}
	if len(y.peers) == 0 {
		y.sweep = now.Add(y.jitter(antiEntropy, 10))
	}
	y.peers[e.Peer] = &syncPeer{channel: e.Channel, want: true, turn: now, retryAt: now, allowance: y.allowances.meet(e.Peer)}
}

func (y *Sync) peerDown(now time.Time, id messages.AuthorityID) {
	peer := y.peers[id]
	if peer == nil {
		return
	}
	if s := y.sessions[peer.session]; s != nil {
		y.end(now, s, SyncEnd{Reason: EndLost, Detail: "the channel is gone"}, true)
	}
	delete(y.peers, id)
	y.allowances.leave(now, id)
}

// timers handles what is due.
func (y *Sync) timers(now time.Time) {
	for _, id := range slices.Sorted(maps.Keys(y.sessions)) {
		if s := y.sessions[id]; !now.Before(s.heard.Add(maxSilence)) {
			y.end(now, s, SyncEnd{Reason: EndSilent}, true)
		}
	}
	for _, id := range slices.SortedFunc(maps.Keys(y.peers), messages.AuthorityID.Compare) {
		if peer := y.peers[id]; !peer.opening.IsZero() && !now.Before(peer.opening) {
			peer.opening = time.Time{}
			y.failed(now, peer)
		}
	}
	if len(y.peers) > 0 && !now.Before(y.sweep) {
		y.sweep = now.Add(y.jitter(antiEntropy, 10))
		for _, peer := range y.peers {
			peer.want = true
		}
	}
}

// end closes a session and forgets it. Its stream is closed unless it is gone
// already.
func (y *Sync) end(now time.Time, s *session, end SyncEnd, closeStream bool) {
	delete(y.sessions, s.id)
	if closeStream {
		y.emit(CloseSession{Session: s.id, End: end})
	}
	peer := y.peers[s.peer]
	if peer != nil && peer.session == s.id {
		peer.session = 0
		if s.proven {
			peer.unproven = 0
		} else if s.initiator && end.Reason != EndDuplicate {
			peer.unproven++
		}
		if !s.finished && end.Reason != EndDuplicate {
			if s.received > 0 {
				peer.failures = 0
			}
			y.failed(now, peer)
		}
	}
	if s.finished {
		return
	}
	y.emit(Synced{Peer: s.peer, End: end, Sent: s.sent, Received: s.received})
}
