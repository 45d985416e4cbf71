package supervision

import "time"

// keptCrashes is how many crash reports a tree keeps.
const keptCrashes = 64

// Report is all that a tree can tell of itself, ready to be written as JSON. No
// message is in it, only types of messages, and the texts of panics and errors.
type Report struct {
	At      time.Time   `json:"at"`
	Exit    string      `json:"exit,omitempty"` // why the root gave up, with the chain of reasons
	Actors  []ActorInfo `json:"actors"`
	Crashes []*Crash    `json:"crashes"` // the last ones, oldest first
	Totals  Totals      `json:"totals"`
}

// Totals counts what happened in a tree since it was started.
type Totals struct {
	Lives       uint64 `json:"lives"`       // begun
	Crashes     uint64 `json:"crashes"`     // kills among them
	Quarantined uint64 `json:"quarantined"` // dynamic children, relapses among them
	Escalated   uint64 `json:"escalated"`   // intensities exceeded by which a supervisor ended
	Stuck       uint64 `json:"stuck"`       // actors abandoned
}

// Report is a moment of the tree; after its end there are no actors in it.
func (t *Tree) Report() Report {
	actors := t.Inspect()
	t.mu.RLock()
	defer t.mu.RUnlock()
	r := Report{At: t.now(), Actors: actors, Crashes: []*Crash{}, Totals: t.totals}
	r.Totals.Lives = t.numbers.Load()
	for i := range t.crashes.n {
		r.Crashes = append(r.Crashes, *t.crashes.at(i))
	}
	if t.exit != nil && t.exit.Reason.Failure() {
		r.Exit = t.exit.Error()
	}
	return r
}

// Record is what the actor at path did last, oldest first, as a crash report
// would tell it now. Errors: ErrNoActor, ErrStopped.
func (t *Tree) Record(path string) ([]Step, error) {
	c, err := t.find(path)
	if err != nil {
		return nil, err
	}
	return c.box.steps().List(), nil
}

// remember keeps what a report tells of an event.
func (t *Tree) remember(e Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch e := e.(type) {
	case Crashed:
		t.totals.Crashes++
		if t.crashes.n == keptCrashes {
			t.crashes.pop()
		}
		t.crashes.push(e.Crash)
	case Quarantined:
		t.totals.Quarantined++
	case Escalated:
		t.totals.Escalated++
	case Stuck:
		t.totals.Stuck++
	}
}
