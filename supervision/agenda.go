package supervision

import (
	"container/heap"
	"time"
)

// agenda holds what a crew waits for: seats by the time at which each is due.
// Invariant: seat.slot is its index here, or -1 exactly when seat.due is zero.
type agenda struct{ heap seatHeap }

// set makes s due at t; the zero time takes it off.
func (a *agenda) set(s *seat, t time.Time) {
	s.due = t
	switch {
	case t.IsZero() && s.slot >= 0:
		heap.Remove(&a.heap, s.slot)
	case t.IsZero():
	case s.slot >= 0:
		heap.Fix(&a.heap, s.slot)
	default:
		heap.Push(&a.heap, s)
	}
}

// take removes and returns the earliest seat due at now, or nil.
func (a *agenda) take(now time.Time) *seat {
	if len(a.heap) == 0 || a.heap[0].due.After(now) {
		return nil
	}
	s := a.heap[0]
	a.set(s, time.Time{})
	return s
}

// next is the earliest time, zero when nothing is due.
func (a *agenda) next() time.Time {
	if len(a.heap) == 0 {
		return time.Time{}
	}
	return a.heap[0].due
}

// seatHeap orders by due time, then by age, so that ties are decided alike in
// every run.
type seatHeap []*seat

func (h seatHeap) Len() int { return len(h) }
func (h seatHeap) Less(i, j int) bool {
	if h[i].due.Equal(h[j].due) {
		return h[i].born < h[j].born
	}
	return h[i].due.Before(h[j].due)
}

func (h seatHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].slot, h[j].slot = i, j
}

// Push and Pop are for container/heap alone.
func (h *seatHeap) Push(s any) {
	seat := s.(*seat)
	seat.slot = len(*h)
	*h = append(*h, seat)
}

func (h *seatHeap) Pop() any {
	last := len(*h) - 1
	s := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	s.slot = -1
	return s
}
