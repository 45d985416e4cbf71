package rendezvoustest

import (
	"fmt"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/channel"
)

// Stage is what a World needs of where it plays: the clock, and trees in which
// the machines of processes run.
type Stage interface {
	Clock
	// Tree is for the process of a node, which starts now.
	Tree(node string) Tree
}

// Clock is virtual time.
type Clock interface {
	Now() time.Time
	// After does something later; what is overdue comes as soon as it may.
	After(wait time.Duration, do func())
	// Pass lets the time pass, or less if it is enough before. It reports
	// whether it was.
	Pass(wait time.Duration, enough func() bool) bool
}

// Tree runs the machines of one process.
type Tree interface {
	// Start starts the machines that every node has.
	Start(Machines)
	// The others come and end as it is found out that they are needed. Who runs
	// already is left alone.
	SpawnContext(messages.ContextID, *JournalHost, *SyncHost, *PublisherHost)
	SpawnPair(channel.Pair, *PairHost)
	SpawnHandshaker(messages.AttemptID, *ShakerHost)
	SpawnRelay(name string, host *RelayHost)
	SpawnJoin(name string, host *JoinerHost)
	// Halt ends the process without a farewell; its hosts are Gone.
	Halt()
}

// Machines are those that every node has.
type Machines struct {
	Network *NetworkHost
	Manager *ManagerHost
	Inviter *InviterHost
	// KeepContexts and KeepRelays spawn whoever of the contexts and of the
	// relay clients does not run.
	KeepContexts, KeepRelays func()
}

// bareStage is the Stage of scripts: no supervision, one thing after the other
// in the order in which it was planned.
type bareStage struct {
	now    time.Time
	agenda agenda
	chaos  chaos
}

// maxJobs bounds what a bareStage does in one Pass: machines that wake each
// other for ever are a mistake, and end the test.
const maxJobs = 1_000_000

// Now implements Clock.
func (s *bareStage) Now() time.Time { return s.now }

// After implements Clock.
func (s *bareStage) After(wait time.Duration, do func()) { s.agenda.add(s.now.Add(max(wait, 0)), do) }

// Pass implements Clock.
func (s *bareStage) Pass(wait time.Duration, enough func() bool) bool {
	until := s.now.Add(wait)
	for range maxJobs {
		if enough() {
			return true
		}
		next, ok := s.agenda.next(until)
		if !ok {
			s.now = until
			return false
		}
		s.now = next.at
		next.do()
	}
	panic(fmt.Sprintf("rendezvoustest: %d jobs in one command: machines wake each other for ever", maxJobs))
}

// Tree implements Stage.
func (s *bareStage) Tree(string) Tree { return bareTree{&s.chaos} }

// chaos notes who takes every step, and says at which one somebody dies.
type chaos struct {
	takers []string
	at     int
}

func (c *chaos) strikes(who string) bool {
	c.takers = append(c.takers, who)
	return len(c.takers) == c.at
}
