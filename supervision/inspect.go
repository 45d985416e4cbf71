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
	StateStopping    // a clean stop, its tasks included
	StateQuarantined // no life: crashed too often, and waits for long to be tried again
	StateGone        // has no place in the tree any more
)

var stateNames = [...]string{
	StateDown: "down", StateStarting: "starting", StateUp: "up", StateStopping: "stopping",
	StateQuarantined: "quarantined", StateGone: "gone",
}

// String is the state in one word.
func (s State) String() string { return stateNames[s] }

// MarshalText is String.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// ActorInfo is what Inspect tells of one actor.
type ActorInfo struct {
	Path        string      `json:"path"`
	Supervisor  bool        `json:"supervisor,omitempty"`
	State       State       `json:"state"`
	Incarnation Incarnation `json:"incarnation"`         // of the last life begun; zero: none yet
	Restarts    uint64      `json:"restarts"`            // lives after the first
	Mailbox     int         `json:"mailbox"`             // messages of users that wait
	Suspended   bool        `json:"suspended,omitempty"` // by Tree.Suspend
	Handling    string      `json:"handling,omitempty"`  // type of the message at hand; empty: none
	Refused     uint64      `json:"refused"`             // messages refused because the mailbox was full
	Dropped     uint64      `json:"dropped"`             // droppable messages lost because it was full
	Replaced    uint64      `json:"replaced"`            // messages that a later one of their key replaced
	Stale       uint64      `json:"stale"`               // messages of dead lives that were dropped
	Tasks       []string    `json:"tasks,omitempty"`     // names of the tasks that run, sorted
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
		Refused:    c.counters.refused.Load(),
		Dropped:    c.counters.dropped.Load(),
		Replaced:   c.counters.replaced.Load(),
		Stale:      c.counters.stale.Load(),
		Tasks:      c.tasks.list(),
	}
	if l := c.life.Load(); l != nil {
		info.Incarnation = l.number
	}
	info.Mailbox, info.Suspended = c.box.waiting()
	if step, busy := c.box.handling(); busy {
		info.Handling = unpack(step, c.tree).Message
	}
	return info
}
