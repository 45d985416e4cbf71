package rendezvoustest

import (
	"container/heap"
	"time"
)

// job is something that happens at a time; of two at one time, the one that
// was planned first goes first.
type job struct {
	at    time.Time
	order uint64
	do    func()
}

// agenda holds the jobs to come.
type agenda struct {
	jobs  jobs
	order uint64
}

func (a *agenda) add(at time.Time, do func()) {
	a.order++
	heap.Push(&a.jobs, job{at, a.order, do})
}

// next takes the first job, if it is due by then.
func (a *agenda) next(by time.Time) (job, bool) {
	if len(a.jobs) == 0 || a.jobs[0].at.After(by) {
		return job{}, false
	}
	return heap.Pop(&a.jobs).(job), true
}

type jobs []job

func (j jobs) Len() int { return len(j) }
func (j jobs) Less(a, b int) bool {
	if !j[a].at.Equal(j[b].at) {
		return j[a].at.Before(j[b].at)
	}
	return j[a].order < j[b].order
}
func (j jobs) Swap(a, b int) { j[a], j[b] = j[b], j[a] }
func (j *jobs) Push(x any)   { *j = append(*j, x.(job)) }
func (j *jobs) Pop() any {
	last := (*j)[len(*j)-1]
	*j = (*j)[:len(*j)-1]
	return last
}
