package channel

import (
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous"
)

// A channel that catches up carries the whole journal, not "epoch, membership
// and descriptor facts only" (SPEC 7.8). What a member holds of another's chain
// has no gaps, and its frontier says so with one number: a member that left out
// some facts of a chain would never show an equal set, and the next session
// could not tell what is missing. The peer is in the current roster, checked
// before any Diffie-Hellman, so nothing is shown to it that it may not see.

// A node that has just started may not write that it has a channel before it
// has synced (SPEC 3.1), and nothing can be synced without a channel. So its
// channels begin like those that catch up, and go on when it holds the pen: at
// the latest 5 s after the start, if the sync should fail. The other end, which
// waits for nothing, may be Active long before.

// catchUpTime is how long a channel may catch up (SPEC 7.8).
const catchUpTime = 30 * time.Second

// The calls to catch up that are answered, of all peers together: so many at
// once, and one more every catchUpEvery.
const (
	catchUpBurst = 8
	catchUpEvery = time.Second
)

// bucket holds the tokens for catching up. It begins empty, so that a restart
// fills nothing: who calls in the first second is heard when it repeats.
type bucket struct {
	tokens int
	// at is when it was last filled, first the start of the manager.
	at time.Time
}

// take takes a token, if there is one.
//
// SPEC 7.8: "all old-epoch hellos share one token bucket".
func (b *bucket) take(now time.Time) bool {
	if fresh := int(now.Sub(b.at) / catchUpEvery); fresh > 0 {
		b.tokens = min(b.tokens+fresh, catchUpBurst)
		b.at = b.at.Add(time.Duration(fresh) * catchUpEvery)
	}
	if b.tokens == 0 {
		return false
	}
	b.tokens--
	return true
}

// catchUp lets a channel sync, and makes it Active as soon as it may be.
func (m *Manager) catchUp(c *SecureChannel) {
	view, p := m.view(c.Context), m.pair(Pair{c.Context, c.Remote})
	if view == nil {
		m.close(c, messages.ReasonRemoved)
		return
	}
	snapshot := m.config.Service.Snapshot(view, c.Remote, messages.MillisOf(m.now))
	outcome := m.config.Service.PrepareCatchUp(snapshot, view, c.Remote)
	m.refuse(p, outcome.Decision)
	if !outcome.Decision.Allowed() {
		m.close(c, messages.ReasonRefused)
		return
	}
	// Until rotation exists, one that is behind makes room for a new one.
	c.NeedsRotation = view.Epoch.After(c.Epoch)
	c.syncing = true
	m.emit(AllowSync{Pair: p.Pair, Channel: c.Channel})
	m.activate(view, c)
}

// caughtUp looks at the channels of a context that still have to catch up.
func (m *Manager) caughtUp(view *rendezvous.View) {
	for _, c := range m.registry.All() {
		if c.Context == view.Context && c.CatchUp && !c.State.Over() {
			m.activate(view, c)
		}
	}
}

// becomeValid looks again at a channel whose descriptors are valid now.
func (m *Manager) becomeValid(c *SecureChannel) {
	c.validFrom = time.Time{}
	if view := m.view(c.Context); view != nil && c.CatchUp && !c.State.Over() {
		m.activate(view, c)
	}
}

// mayWrite reports whether nothing is known that keeps us from writing facts in the
// context.
func (m *Manager) mayWrite(context messages.ContextID) bool {
	view := m.view(context)
	return view == nil || view.MayWrite
}

// activate lets a channel go the way of any other once it has caught up: it is
// paid for by the responder, journaled and opened.
//
// SPEC 7.8: "it becomes Active without a new handshake when both ends hold
// each other's current descriptor and epoch (an epoch behind: it rotates), or
// closes."
func (m *Manager) activate(view *rendezvous.View, c *SecureChannel) {
	now := messages.MillisOf(m.now)
	c.validFrom = time.Time{}
	if view.Lacks(c.Remote, c.Epoch, now) != "" {
		if from := view.ValidFrom(c.Remote); from > now { // no newer view will tell
			c.validFrom = from.Time()
		}
		return
	}
	c.CatchUp, c.catchUpUntil = false, time.Time{}
	m.pair(Pair{c.Context, c.Remote}).behind = false
	m.journal(c)
}

// giveUpOn closes a channel that has not caught up in time, and tells the host
// what it lacks.
func (m *Manager) giveUpOn(c *SecureChannel) {
	if view := m.view(c.Context); view != nil {
		m.refuse(m.pair(Pair{c.Context, c.Remote}), messages.Decision{
			Refused: messages.GuardRules,
			Reason:  "not caught up: " + view.Lacks(c.Remote, c.Epoch, messages.MillisOf(m.now)),
		})
	}
	m.close(c, messages.ReasonNotCaughtUp)
}

// mayMeet reports whether a full channel with the peer is possible now.
func (m *Manager) mayMeet(view *rendezvous.View, p *pair) bool {
	snapshot := m.config.Service.Snapshot(view, p.Peer, messages.MillisOf(m.now))
	outcome, establish := m.config.Service.PrepareEstablishChannel(snapshot, view, p.Peer, p.path)
	return outcome.Decision.Allowed() && !establish.CatchUp
}

// hasten calls a peer with whom a full channel is possible now, whatever was
// under way to catch up.
func (m *Manager) hasten(p *pair) {
	p.behind, p.failures = false, 0
	if p.call != nil && p.call.establish.CatchUp {
		m.drop(p.call)
	}
	m.scheduleFirst(p)
}

// syncsWith reports whether a channel of the pair carries the sync.
func (m *Manager) syncsWith(p *pair) bool {
	for _, c := range m.registry.All() {
		if c.Context == p.Context && c.Remote == p.Peer && !c.State.Over() && (c.State != Establishing || c.syncing) {
			return true
		}
	}
	return false
}
