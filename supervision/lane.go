package supervision

// envelope is a message of the user lane.
type envelope struct {
	message any
	life    Incarnation // of the task that emitted it; zero: told from anywhere
	extra   *extra      // nil for most
}

// extra is what few messages have.
type extra struct {
	sort Sort
	ask  asked // nil: nobody waits for an answer
}

func (e *envelope) class() Class {
	if e.extra == nil {
		return MustDeliver
	}
	return e.extra.sort.Class
}

// verdict is what became of a message that was offered.
type verdict int

const (
	taken     verdict = iota
	replaced          // one with the same key
	dropped           // no room for it; it was droppable
	displaced         // taken, in the place of a droppable one
	full              // no room: ErrMailboxFull
	refusal           // the lane is shut: errShut
)

// lane is what waits for an actor, in the order in which it was told, but for
// what the classes of messages change. It is not safe for concurrent use.
//
// Invariant: latest holds the number of every LatestWins message that waits,
// and droppable counts the Droppable ones.
type lane struct {
	queue     queue[envelope]
	popped    uint64               // messages taken out so far: it numbers those that wait
	latest    map[latestKey]uint64 // to the number of what waits
	droppable int
	crowded   bool // it was full, and has not been half empty since
}

// latestKey is what LatestWins messages share that replace each other: those of
// different lives never do, for one may turn out stale.
type latestKey struct {
	key  string
	life Incarnation
}

func (e *envelope) key() latestKey { return latestKey{e.extra.sort.Key, e.life} }

// offer appends a message or, where there is no room or it is not needed, does
// what the verdict says. first is true for the first message that found no room
// since the lane was last half empty.
func (l *lane) offer(e envelope, limit int) (v verdict, first bool) {
	class := e.class()
	switch {
	case class == LatestWins && l.replace(e):
		return replaced, false
	case l.queue.n < limit:
		l.push(e)
		return taken, false
	}
	first, l.crowded = !l.crowded, true
	switch {
	case class == Droppable:
		return dropped, first
	case !l.displace():
		return full, first
	}
	l.push(e)
	return displaced, first
}

func (l *lane) push(e envelope) {
	switch e.class() {
	case LatestWins:
		if l.latest == nil {
			l.latest = make(map[latestKey]uint64)
		}
		l.latest[e.key()] = l.popped + uint64(l.queue.n)
	case Droppable:
		l.droppable++
	}
	l.queue.push(e)
}

// pop takes the oldest message out; there must be one.
func (l *lane) pop(limit int) envelope {
	e := l.queue.pop()
	l.popped++
	switch e.class() {
	case LatestWins:
		delete(l.latest, e.key())
	case Droppable:
		l.droppable--
	}
	l.crowded = l.crowded && l.queue.n > limit/2
	return e
}

// replace puts e in the place of a waiting message with the same key.
func (l *lane) replace(e envelope) bool {
	number, waits := l.latest[e.key()]
	if waits {
		*l.queue.at(int(number - l.popped)) = e
	}
	return waits
}

// displace drops the oldest droppable message, and reports whether there was
// one.
func (l *lane) displace() bool {
	if l.droppable == 0 {
		return false
	}
	i := 0
	for l.queue.at(i).class() != Droppable {
		i++
	}
	l.droppable--
	l.queue.remove(i)
	for key, number := range l.latest {
		if number > l.popped+uint64(i) {
			l.latest[key] = number - 1
		}
	}
	return true
}
