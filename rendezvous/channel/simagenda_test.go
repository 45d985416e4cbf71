package channel_test

import (
	"container/heap"
	"time"
)

// job is something that happens at a time.
type job struct {
	at    time.Time
	order int
	do    func()
}

type agenda struct {
	jobs []job
	next int
}

func (a *agenda) Len() int { return len(a.jobs) }
func (a *agenda) Less(i, j int) bool {
	if !a.jobs[i].at.Equal(a.jobs[j].at) {
		return a.jobs[i].at.Before(a.jobs[j].at)
	}
	return a.jobs[i].order < a.jobs[j].order
}
func (a *agenda) Swap(i, j int) { a.jobs[i], a.jobs[j] = a.jobs[j], a.jobs[i] }
func (a *agenda) Push(x any)    { a.jobs = append(a.jobs, x.(job)) }
func (a *agenda) Pop() any {
	last := a.jobs[len(a.jobs)-1]
	a.jobs = a.jobs[:len(a.jobs)-1]
	return last
}

func (s *sim) after(wait time.Duration, do func()) {
	s.queue.next++
	heap.Push(&s.queue, job{s.now.Add(wait), s.queue.next, do})
}
