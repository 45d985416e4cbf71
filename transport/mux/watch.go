package mux

import (
	"math"
	"sync/atomic"
	"time"
)

// pingsBeforeSilent: a path is asked at one and two thirds of its patience, so
// that a peer which had nothing to say is not taken for a silent path, nor one
// lost datagram.
const pingsBeforeSilent = 3

// restAtLeast is how long the watcher sleeps at least.
const restAtLeast = time.Millisecond

// never is when a watcher without work wakes.
const never = moment(math.MaxInt64)

// watcher is the one goroutine of a socket that looks after time: silence,
// keepalives, death, held datagrams.
type watcher struct {
	wake  chan struct{}
	quit  chan struct{}
	ended chan struct{}
	// next is when the watcher will look.
	next atomic.Int64
}

func (w *watcher) init() {
	w.wake = make(chan struct{}, 1)
	w.quit = make(chan struct{})
	w.ended = make(chan struct{})
	w.next.Store(int64(never))
}

// stop ends the goroutine and waits for it.
func (w *watcher) stop() {
	close(w.quit)
	<-w.ended
}

// wakeWatcher makes the watcher look at that moment at the latest.
func (s *Socket) wakeWatcher(at moment) {
	if int64(at) >= s.watch.next.Load() {
		return
	}
	select {
	case s.watch.wake <- struct{}{}:
	default:
	}
}

func (s *Socket) runWatcher() {
	defer close(s.watch.ended)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		// Until the look is over everyone who wakes must leave a token.
		s.watch.next.Store(int64(never))
		now := s.now()
		next := s.look(now)
		rest := max(next.since(now), restAtLeast)
		if next == never {
			rest = time.Hour
		}
		timer.Reset(rest)
		s.watch.next.Store(int64(now.add(rest)))
		select {
		case <-timer.C:
		case <-s.watch.wake:
		case <-s.watch.quit:
			return
		}
	}
}

// look does what is due and returns when to look again.
func (s *Socket) look(now moment) moment {
	dropped, next := s.held.expire(now)
	s.count.held.Add(uint64(dropped))
	if next == 0 {
		next = never
	}
	s.mu.RLock()
	links := make([]*Link, 0, len(s.links))
	for _, l := range s.links {
		links = append(links, l)
	}
	s.mu.RUnlock()
	for _, l := range links {
		next = min(next, l.look(now))
	}
	return next
}

// look does what is due for one link and returns when to look again.
func (l *Link) look(now moment) moment {
	next := l.lookForDeath(now)
	if l.send.Load() == nil {
		return min(next, l.lookForHello(now))
	}
	if !l.Established() {
		return next
	}
	r := l.routes.Load()
	next = min(next, l.lookAtPath(r.first, now), l.lookForIdleness(r.first, now))
	if r.second != nil {
		next = min(next, l.lookAtPath(r.second, now))
	}
	return next
}

// lookForDeath tells once that nothing valid came for 90 s.
func (l *Link) lookForDeath(now moment) moment {
	if l.buried {
		return never
	}
	due := max(l.made, moment(l.lastHeard.Load())).add(deadAfter)
	if now < due {
		return due
	}
	l.buried = true
	l.socket.tell(Dead{Link: l})
	return never
}

// lookForHello repeats an initiator's hello. SPEC 7.2: "A held data datagram
// without message 2 after 5 ms makes the initiator repeat its hello at once."
func (l *Link) lookForHello(now moment) moment {
	since := moment(l.heldSince.Load())
	if since == 0 {
		return never
	}
	if due := since.add(helloAgainAfter); now < due {
		return due
	}
	l.heldSince.Store(0)
	l.sayHello(l.routes.Load().first.path)
	return never
}

// lookAtPath measures a path in use, asks when traffic on it is unanswered, and
// tells when it is silent, again and again while it is.
func (l *Link) lookAtPath(t *track, now moment) moment {
	if t.silent.Load() {
		return min(l.tellAgain(t, now), l.lookForMeasure(t, now))
	}
	since := moment(t.expecting.Load())
	if since == 0 {
		return l.lookForMeasure(t, now)
	}
	pings, pinged := t.pings.Load(), moment(t.pinged.Load())
	third := t.patience() / pingsBeforeSilent
	due := since.add(third * time.Duration(pings+1))
	if pings > 0 {
		// Late is late: a ping always gets its third to be answered.
		due = max(due, pinged.add(third))
	}
	switch {
	case now < due:
		return min(due, l.lookForMeasure(t, now))
	case pings < pingsBeforeSilent-1:
		t.pings.Add(1)
		l.ping(t, now)
		return now.add(third)
	}
	if t.silent.CompareAndSwap(false, true) {
		l.tellSilent(t, now)
		return now.add(silentAgain)
	}
	return never
}

// tellAgain tells of a silence that goes on: who was told before may not have
// lived to act on it.
func (l *Link) tellAgain(t *track, now moment) moment {
	if due := moment(t.told.Load()).add(silentAgain); now < due {
		return due
	}
	l.tellSilent(t, now)
	return now.add(silentAgain)
}

// lookForMeasure pings a path whose round trip is not known, and under traffic
// now and then one whose round trip is.
func (l *Link) lookForMeasure(t *track, now moment) moment {
	again := relaySilentAfter
	if t.rtt.Load() != 0 {
		if again = keepAliveAfter; t.expecting.Load() == 0 || t.silent.Load() {
			return never
		}
	}
	pinged := moment(t.pinged.Load())
	if due := pinged.add(again); pinged != 0 && now < due {
		return due
	}
	l.ping(t, now)
	return now.add(again)
}

// ping asks the peer for a sign over one path.
func (l *Link) ping(t *track, now moment) {
	t.pinged.Store(int64(now))
	id, err := l.socket.drawUint64()
	if err != nil {
		return // then silence is all there is to go by
	}
	l.probe(ProbeID(id)|ownProbe, t.path, minProbe)
}

// lookForIdleness keeps the path in use alive and tells when the peer's
// keepalives stay away.
func (l *Link) lookForIdleness(t *track, now moment) moment {
	alive := max(moment(l.lastSent.Load()), l.made).add(keepAliveAfter)
	if now >= alive {
		l.sendFrame([]byte{frameKeepalive}, t.path)
		alive = now.add(keepAliveAfter)
	}
	heard := max(moment(t.heard.Load()), l.chosenAt()).add(idleSilentAfter)
	if t.silent.Load() {
		return alive
	}
	if now >= heard && t.silent.CompareAndSwap(false, true) {
		l.tellSilent(t, now)
		return alive
	}
	return min(alive, heard)
}

// chosenAt is when the path in use came into use.
func (l *Link) chosenAt() moment {
	l.mu.Lock()
	defer l.mu.Unlock()
	return max(l.setAt, l.made)
}

func (l *Link) tellSilent(t *track, now moment) {
	t.told.Store(int64(now))
	heard := max(moment(t.heard.Load()), l.made)
	l.socket.tell(PathSilent{Link: l, Path: t.path, For: now.since(heard)})
}
