package rendezvoustest

import (
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/channel"
)

// How long traffic may be unanswered before its path is silent, and how long a
// relay path must be silent before a line follows its peer to another session
// (the initiator later than the responder, so that not both do).
const (
	directSilent    = 150 * time.Millisecond
	relaySilent     = time.Second
	followResponder = 250 * time.Millisecond
	followInitiator = 750 * time.Millisecond
)

// track is the evidence about one path of a line.
type track struct {
	heard time.Time
	// expecting is when the first datagram left that nothing has followed.
	expecting time.Time
	rtt       time.Duration
	// silent says that it is, and telling that this is told now and then.
	silent, telling bool
}

func (l *line) track(path messages.Path) *track {
	t := l.evidence[path]
	if t == nil {
		t = &track{}
		l.evidence[path] = t
	}
	return t
}

// expect notes that something was sent over a path that will be answered.
func (l *line) expect(path messages.Path) {
	t := l.track(path)
	if !t.expecting.IsZero() {
		return
	}
	since := l.process.world.now()
	t.expecting = since
	patience := directSilent
	if path.Kind == messages.PathRelay || t.rtt == 0 {
		patience = relaySilent
	}
	l.after(max(patience, 3*t.rtt), func() {
		if t.expecting.Equal(since) && !t.silent {
			t.silent = true
			l.silent(path, t)
		}
	})
}

// silent tells that a path in use is, and again while it is.
func (l *line) silent(path messages.Path, t *track) {
	t.telling = t.silent && (path == l.path || path == l.second)
	if !t.telling {
		return
	}
	l.after(silentAgain, func() { l.silent(path, t) })
	if r := l.record; r == nil || l.process.channelOf(channel.Pair{Context: r.Context, Peer: r.Peer}) != l {
		return // what another channel of the pair sends on may be well
	}
	l.tellPair(messages.PathSilent{Path: path, For: l.process.world.now().Sub(t.expecting)})
	if path.Kind == messages.PathRelay {
		l.process.tellRelaysAt(path.Addr, messages.RelayUnanswered{})
	}
}

// hear notes a valid datagram on a path.
func (l *line) hear(via messages.Path) {
	now := l.process.world.now()
	t := l.track(via)
	if !t.expecting.IsZero() {
		t.rtt = now.Sub(t.expecting)
		t.expecting = time.Time{}
	}
	t.heard, l.heard = now, now
	if t.silent {
		t.silent = false
		l.heardAgain(via)
	}
	if via.Kind == messages.PathRelay && via != l.path && via != l.second {
		l.follow(via)
	}
}

func (l *line) heardAgain(via messages.Path) {
	l.tellPair(messages.PathHeard{Path: via})
	if via.Kind == messages.PathRelay {
		l.process.tellRelaysAt(via.Addr, messages.RelayHeard{})
	}
}

// follow moves a relay path to the session where the peer is heard now. A
// direct path is never moved.
func (l *line) follow(via messages.Path) {
	old := &l.path
	if old.Kind != messages.PathRelay {
		old = &l.second
	}
	wait := followResponder
	if l.terms.Initiator() {
		wait = followInitiator
	}
	last := l.setAt
	if heard := l.track(*old).heard; heard.After(last) {
		last = heard
	}
	if old.Kind != messages.PathRelay || l.process.world.now().Sub(last) < wait {
		return
	}
	*old, l.setAt = via, l.process.world.now()
	l.heardAgain(via)
}

// setPaths chooses what the line sends on.
func (l *line) setPaths(first, second messages.Path) {
	if first.IsZero() {
		return
	}
	for _, path := range []messages.Path{first, second} {
		if path != l.path && path != l.second {
			l.track(path).expecting = time.Time{}
		}
	}
	if second == first {
		second = messages.Path{}
	}
	l.path, l.second, l.setAt = first, second, l.process.world.now()
	for _, path := range []messages.Path{first, second} {
		if t := l.track(path); t.silent && !t.telling {
			l.silent(path, t)
		}
	}
}

// repeat sends the last thing again: it draws an answer at once (SPEC 10.7).
func (l *line) repeat() {
	if !l.flow.repeatLast() {
		l.send(ping{})
	}
}

// stayAlive asks for a sign of life as long as the line is there.
func (l *line) stayAlive() {
	l.send(ping{})
	l.after(keepAlive, l.stayAlive)
}

// stayWarm keeps the relay behind a direct path from letting go of the session.
func (l *line) stayWarm() {
	if !l.relay.IsZero() && l.relay != l.path {
		l.sendOn(l.relay, ping{})
	}
	l.after(warmEvery, l.stayWarm)
}

// lookForDeath ends a line on which nothing was heard for 90 s.
func (l *line) lookForDeath() {
	if left := l.heard.Add(deadAfter).Sub(l.process.world.now()); left > 0 {
		l.after(left, l.lookForDeath)
		return
	}
	l.close(messages.ReasonSilent)
}

// probe asks over a path for an answer of the same size.
func (l *line) probe(id messages.ProbeID, to messages.Path, size int) {
	if !l.keyed {
		return
	}
	l.probes[id] = l.process.world.now()
	l.sendOn(to, probe{id, size})
}

func (l *line) probeAnswered(e probeAnswer, via messages.Path) {
	sent, asked := l.probes[e.id]
	if !asked {
		return
	}
	delete(l.probes, e.id)
	rtt := l.process.world.now().Sub(sent)
	l.track(via).rtt = rtt
	l.tellPair(messages.ProbeAnswered{ID: e.id, From: via.Addr, Observed: e.observed, Size: e.size, RTT: rtt})
}
