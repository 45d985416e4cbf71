package journal

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// Bounds of when a session begins (SPEC 13.2).
const (
	// maxSessions are at once, in both directions.
	maxSessions = 5
	// antiEntropy is how often every peer is asked anyway, ± 10 %.
	antiEntropy = 60 * time.Second
	// maxTurn is how long a session may keep others waiting that would be one
	// too many. What it has moved stays moved, and it gets a turn again.
	maxTurn = 60 * time.Second
	// A failed session is tried again after retryBase·2ⁿ, at most retryMax,
	// ± 20 %.
	retryBase = 200 * time.Millisecond
	retryMax  = 60 * time.Second
	// pushEvery is how soon after the last session with a peer, at the earliest,
	// news has another one tried before its time.
	pushEvery = time.Second
	// openWithin is how long the opening of a stream may take.
	openWithin = 10 * time.Second
)

// syncPeer is a member that a channel leads to.
type syncPeer struct {
	channel messages.ChannelID
	// session is the one that goes on; 0: none.
	session messages.SyncSession
	// opening is until when a stream is being opened; zero: none is.
	opening time.Time
	// want: there is a reason for a session. turn is when the peer came, or last
	// had one: who has waited longest comes first.
	want bool
	turn time.Time
	// known is the fingerprint that the peer was last known to hold.
	known    [32]byte
	retryAt  time.Time
	failures int
	// unproven counts the sessions that we have opened in a row without the peer's
	// tag having been right.
	unproven int
	// allowance is what it may still have of us.
	*allowance
}

// waits reports whether a session is wanted, and none goes on or is being opened.
func (p *syncPeer) waits() bool { return p.want && p.session == 0 && p.opening.IsZero() }

// canSync reports whether we hold a key by which a peer can prove that it means this
// context.
func (y *Sync) canSync() bool { return len(y.state.Tags) > 0 }

// pump opens the sessions that are wanted, as many as may be at once.
func (y *Sync) pump(now time.Time) {
	if !y.canSync() {
		return
	}
	inTurn := func(a, b messages.AuthorityID) int {
		return cmp.Or(y.peers[a].turn.Compare(y.peers[b].turn), a.Compare(b))
	}
	for _, id := range slices.SortedFunc(maps.Keys(y.peers), inTurn) {
		peer := y.peers[id]
		if !peer.waits() || now.Before(peer.retryAt) {
			continue
		}
		if y.busy() >= maxSessions && !y.makeRoom(now) {
			return
		}
		peer.want, peer.turn = false, now
		peer.opening = now.Add(openWithin)
		y.emit(OpenSession{Peer: id, Channel: peer.channel})
	}
}

// makeRoom ends the session that has gone on longest, if it has had its turn:
// who keeps a session busy for ever must not keep the others out.
func (y *Sync) makeRoom(now time.Time) bool {
	s := y.longest()
	if s == nil || now.Before(s.begun.Add(maxTurn)) {
		return false
	}
	y.end(now, s, SyncEnd{Reason: EndBusy, Detail: "others wait for their turn"}, true)
	return true
}

// longest is the session that has gone on longest, or nil.
func (y *Sync) longest() (longest *session) {
	for _, id := range slices.Sorted(maps.Keys(y.sessions)) {
		if s := y.sessions[id]; longest == nil || s.begun.Before(longest.begun) {
			longest = s
		}
	}
	return longest
}

// busy counts the sessions and those being opened.
func (y *Sync) busy() int {
	n := len(y.sessions)
	for _, peer := range y.peers {
		if !peer.opening.IsZero() {
			n++
		}
	}
	return n
}

// failed plans the next try.
func (y *Sync) failed(now time.Time, peer *syncPeer) {
	peer.want = true
	delay := min(retryBase<<min(peer.failures, 16), retryMax)
	peer.failures++
	peer.retryAt = now.Add(min(y.jitter(delay, 20), retryMax))
}

// jitter is d plus or minus so many percent.
func (y *Sync) jitter(d time.Duration, percent int64) time.Duration {
	spread := int64(d) * percent / 100
	return d + time.Duration(y.config.Jitter.Int64N(2*spread+1)-spread)
}
