package supervision

import "time"

// agenda holds what a crew waits for: seats by the time at which each is due,
// for its start or as the deadline of its state. It is a binary heap.
// Invariant: seat.slot is its index here, or -1 when it is not due.
type agenda struct {
	heap []dueSeat
	base time.Time // the first time that was set
}

type dueSeat struct {
	at   time.Duration // after base: a third of a time.Time
	seat *seat
}

// agendaKeep is for how many entries an empty agenda keeps room: what a mass
// start needed, it does not keep.
const agendaKeep = 64

// set makes s due at t; the zero time takes it off.
func (a *agenda) set(s *seat, t time.Time) {
	switch i := int(s.slot); {
	case t.IsZero() && i >= 0:
		a.remove(i)
	case t.IsZero():
	case i >= 0:
		a.heap[i].at = t.Sub(a.base)
		a.settle(i)
	default:
		if a.base.IsZero() {
			a.base = t
		}
		s.slot = int32(len(a.heap))
		a.heap = append(a.heap, dueSeat{t.Sub(a.base), s})
		a.settle(int(s.slot))
	}
}

// due is when s is; zero: it is not.
func (a *agenda) due(s *seat) time.Time {
	if s.slot < 0 {
		return time.Time{}
	}
	return a.base.Add(a.heap[s.slot].at)
}

// take removes and returns the earliest seat due at now, or nil.
func (a *agenda) take(now time.Time) *seat {
	if len(a.heap) == 0 || a.heap[0].at > now.Sub(a.base) {
		return nil
	}
	s := a.heap[0].seat
	a.remove(0)
	return s
}

// next is the earliest time, zero when nothing is due.
func (a *agenda) next() time.Time {
	if len(a.heap) == 0 {
		return time.Time{}
	}
	return a.base.Add(a.heap[0].at)
}

func (a *agenda) remove(i int) {
	last := len(a.heap) - 1
	a.swap(i, last)
	a.heap[last].seat.slot = -1
	a.heap[last] = dueSeat{}
	a.heap = a.heap[:last]
	switch {
	case i < last:
		a.settle(i)
	case last == 0 && cap(a.heap) > agendaKeep:
		a.heap = nil
	}
}

// settle moves the entry at i up or down to where it belongs.
func (a *agenda) settle(i int) {
	for i > 0 && a.less(i, (i-1)/2) {
		a.swap(i, (i-1)/2)
		i = (i - 1) / 2
	}
	for {
		first := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(a.heap); child++ {
			if a.less(child, first) {
				first = child
			}
		}
		if first == i {
			return
		}
		a.swap(i, first)
		i = first
	}
}

// less orders by time, then by age, so that ties are decided alike in every run.
func (a *agenda) less(i, j int) bool {
	if a.heap[i].at == a.heap[j].at {
		return a.heap[i].seat.born < a.heap[j].seat.born
	}
	return a.heap[i].at < a.heap[j].at
}

func (a *agenda) swap(i, j int) {
	a.heap[i], a.heap[j] = a.heap[j], a.heap[i]
	a.heap[i].seat.slot, a.heap[j].seat.slot = int32(i), int32(j)
}
