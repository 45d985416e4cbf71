package supervision

import (
	"slices"
	"strings"
)

// State is where an actor stands.
type State int

const (
	StateDown     State = iota // no life: not started yet, or waiting to be restarted
	StateStarting              // told to start, not acknowledged
	StateUp
	StateStopping // a clean stop, its tasks included
	StateGone     // has no place in the tree any more
)

var stateNames = [...]string{
	StateDown: "down", StateStarting: "starting", StateUp: "up", StateStopping: "stopping", StateGone: "gone",
}

// String is the state in one word.
func (s State) String() string { return stateNames[s] }

// ActorInfo is what Inspect tells of one actor.
type ActorInfo struct {
	Path        string
	Supervisor  bool
	State       State
	Incarnation Incarnation // of the last life begun; zero: none yet
	Restarts    uint64      // lives after the first
	Mailbox     int         // messages of users that wait
	Refused     uint64      // messages refused because the mailbox was full
	Stale       uint64      // messages of dead lives that were dropped
	Tasks       []string    // names of the tasks that run, sorted
}

// Inspect lists all actors, sorted by path. It waits for none of them; each
// entry is a moment of its own.
func (t *Tree) Inspect() []ActorInfo {
	cells := t.snapshot()
	infos := make([]ActorInfo, 0, len(cells))
	for _, c := range cells {
		infos = append(infos, c.info())
	}
	slices.SortFunc(infos, func(a, b ActorInfo) int { return strings.Compare(a.Path, b.Path) })
	return infos
}

func (c *cell) info() ActorInfo {
	info := ActorInfo{
		Path:       c.path,
		Supervisor: c.child.spec != nil,
		State:      State(c.state.Load()),
		Restarts:   c.restarts(),
		Mailbox:    c.box.depth(),
		Refused:    c.refused.Load(),
		Stale:      c.stale.Load(),
		Tasks:      c.tasks.list(),
	}
	if l := c.life.Load(); l != nil {
		info.Incarnation = l.number
	}
	return info
}
