package mux

import (
	"sync/atomic"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// tracksKept bounds how many paths a link remembers evidence about.
const tracksKept = 4

// followResponder and followInitiator say how long a relay path must have been
// neither chosen nor heard before a link follows its peer to another session.
// They differ so that two ends which both dialled anew do not swap sessions for
// ever: the responder follows first.
const (
	followResponder = 250 * time.Millisecond
	followInitiator = 750 * time.Millisecond
)

// track is the evidence about one path of a link (SPEC 10.7: "Liveness comes
// from data-plane evidence first"). All is atomic: sender, reader and watcher
// touch it.
type track struct {
	path Path
	// heard is when the last valid datagram came on the path; 0: never.
	heard atomic.Int64
	// expecting is when the first QUIC packet went out that nothing has
	// followed; 0: none.
	expecting atomic.Int64
	// pings counts those sent since expecting, and pinged is when the last was.
	pings  atomic.Int64
	pinged atomic.Int64
	// rtt is the smoothed round trip, in nanoseconds; 0: not known.
	rtt atomic.Int64
	// silent is set from PathSilent to PathHeard; told is when the silence was
	// told last.
	silent atomic.Bool
	told   atomic.Int64
}

func newTrack(p Path) *track { return &track{path: p} }

// expectAnswer notes that a QUIC packet went out; true: it is the first since
// something was heard.
func (t *track) expectAnswer(now moment) bool {
	return t.expecting.Load() == 0 && t.expecting.CompareAndSwap(0, int64(now))
}

// hear notes a valid datagram; true: the path was silent.
func (t *track) hear(now moment) bool {
	t.heard.Store(int64(now))
	if t.expecting.Load() != 0 {
		t.expecting.Store(0)
		t.pings.Store(0)
	}
	return t.silent.Load() && t.silent.CompareAndSwap(true, false)
}

// measure takes a new sample of the round trip. One that has doubled is
// believed at once: patience must not be short of it.
func (t *track) measure(sample time.Duration) {
	old := t.rtt.Load()
	if old == 0 || int64(sample) > 2*old {
		t.rtt.Store(int64(sample))
		return
	}
	t.rtt.Store(old + (int64(sample)-old)/8) // RFC 6298, 2: alpha = 1/8
}

func (t *track) roundTrip() time.Duration { return time.Duration(t.rtt.Load()) }

// patience is how long traffic may be unanswered. SPEC 10.7: "suspect after
// max(3 RTT, 150 ms)"; a relay gets a second, and so does a path whose round
// trip is not known yet.
func (t *track) patience() time.Duration {
	least := directSilentAfter
	if t.path.Kind == messages.PathRelay || t.rtt.Load() == 0 {
		least = relaySilentAfter
	}
	return max(3*t.roundTrip(), least)
}

// routes are the paths of a link at one moment. It is immutable; its tracks are
// not.
type routes struct {
	first *track
	// second gets a copy of everything, while first is suspect; or nil.
	second *track
	// past are paths that were in use, newest first: they may be heard again.
	past []*track
}

// find is the track of a path, or nil.
func (r *routes) find(p Path) *track {
	switch {
	case r.first.path == p:
		return r.first
	case r.second != nil && r.second.path == p:
		return r.second
	}
	for _, t := range r.past {
		if t.path == p {
			return t
		}
	}
	return nil
}

// with are the routes with other paths in use. Evidence about paths is kept;
// evidence of silence starts anew for one that comes into use.
func (r *routes) with(first, second Path) *routes {
	next := &routes{first: r.use(first)}
	if !second.IsZero() && second != first {
		next.second = r.use(second)
	}
	for _, t := range append([]*track{r.first, r.second}, r.past...) {
		if t != nil && t != next.first && t != next.second && len(next.past) < tracksKept {
			next.past = append(next.past, t)
		}
	}
	return next
}

func (r *routes) use(p Path) *track {
	t := r.find(p)
	switch {
	case t == nil:
		return newTrack(p)
	case t != r.first && t != r.second:
		t.expecting.Store(0)
		t.pings.Store(0)
	}
	return t
}

// inUse reports whether the link sends on a path.
func (r *routes) inUse(p Path) bool {
	return r.first.path == p || r.second != nil && r.second.path == p
}

// SetPath makes a path the one that the link sends on, from the next datagram
// on.
func (l *Link) SetPath(p Path) { l.SetPaths(p, Path{}) }

// SetPaths makes the link send everything on both paths, first the better one:
// what SPEC 10.7 asks for while the first is suspect. A zero second path is
// none. A zero first path changes nothing.
func (l *Link) SetPaths(first, second Path) {
	if first.IsZero() {
		return
	}
	now := l.socket.now()
	l.mu.Lock()
	l.routes.Store(l.routes.Load().with(first, second))
	l.setAt = now
	l.mu.Unlock()
	l.socket.wakeWatcher(now) // measures a path that is new
}

// Paths are those that the link sends on; second is zero if there is one.
func (l *Link) Paths() (first, second Path) {
	r := l.routes.Load()
	if r.second != nil {
		second = r.second.path
	}
	return r.first.path, second
}

// heardOn notes a valid datagram on a path.
func (l *Link) heardOn(p Path, now moment, newest bool) {
	l.lastHeard.Store(int64(now))
	r := l.routes.Load()
	if t := r.find(p); t != nil && t.hear(now) {
		l.socket.tell(PathHeard{Link: l, Path: p})
	}
	if newest && p.Kind == messages.PathRelay && !r.inUse(p) {
		l.follow(p, now)
	}
}

// follow moves a relay path to where the peer is heard now, so that a restarted
// relay or a session dialled anew is found without asking. A direct path is
// never moved: only the owner, who validated it, changes it.
func (l *Link) follow(p Path, now moment) {
	l.mu.Lock()
	r := l.routes.Load()
	old := r.first
	if old.path.Kind != messages.PathRelay {
		old = r.second
	}
	wait := followResponder
	if l.initiator {
		wait = followInitiator
	}
	if old == nil || old.path.Kind != messages.PathRelay || now.since(max(l.setAt, moment(old.heard.Load()))) < wait {
		l.mu.Unlock()
		return
	}
	next := r.with(p, Path{})
	if old == r.second {
		next = r.with(r.first.path, p)
	} else if r.second != nil {
		next = r.with(p, r.second.path)
	}
	next.find(p).hear(now)
	l.routes.Store(next)
	l.setAt = now
	l.mu.Unlock()
	l.socket.tell(PathMoved{Link: l, From: old.path, To: p})
}
