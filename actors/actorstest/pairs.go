package actorstest

import (
	"fmt"
	"time"

	"github.com/waymeet/waymeet/rendezvous/rendezvoustest"
	"github.com/waymeet/waymeet/supervision"
)

// Meeting is two members who were away and come back: what they do until they
// have a channel, and what becomes of it when somebody dies on the way. It is
// the same every time but for the deaths.
type Meeting struct {
	past rendezvoustest.Past
	seed uint64
	// reseed is called before every run: HPKE draws from the system.
	reseed func()
}

// NewMeeting founds a context with two members, and ends their processes.
func NewMeeting(seed uint64, reseed func()) (*Meeting, error) {
	reseed()
	r := &run{stage: newStage(seed, rendezvoustest.Beginning, nobody{})}
	r.world = rendezvoustest.NewOn(r.stage, seed)
	r.stage.world = r.world
	r.world.Silence()
	r.do("relay r1")
	for _, name := range []string{"alice", "bob"} {
		r.do("node %s relay=r1", name)
		r.names = append(r.names, name)
	}
	r.world.Errands()
	for range 24 {
		r.pass(look)
		if len(r.world.Unsettled()) == 0 {
			break
		}
	}
	m := &Meeting{past: r.world.Past(), seed: seed, reseed: reseed}
	open := r.world.Unsettled()
	r.end()
	if len(open) > 0 {
		return nil, fmt.Errorf("the two have not met: %v", open)
	}
	return m, nil
}

// nobody kills nobody.
type nobody struct{}

func (nobody) At(string, supervision.Point) bool { return false }

// Death is where somebody died.
type Death struct {
	Node  string
	Point supervision.Point
}

// String is the death as a person would look for it.
func (d Death) String() string {
	return fmt.Sprintf("%s %s %s %s", d.Node, d.Point.Path, d.Point.Phase, d.Point.Message)
}

// counter kills at points by their number, counted from 1 over all actors of
// both nodes; only once both run, for a process that dies in its first start is
// only started again.
type counter struct {
	at    []int
	count int
	armed bool
	// points are all that were passed, if they are kept; deaths are the kills.
	keep   bool
	points []Death
	deaths []Death
}

// At implements Chaos.
func (c *counter) At(node string, p supervision.Point) bool {
	if !c.armed {
		return false
	}
	c.count++
	if c.keep {
		c.points = append(c.points, Death{node, p})
	}
	if len(c.deaths) == len(c.at) || c.count != c.at[len(c.deaths)] {
		return false
	}
	c.deaths = append(c.deaths, Death{node, p})
	return true
}

// Points are those that are passed until the two have their channel.
func (m *Meeting) Points() ([]Death, error) {
	c := &counter{keep: true}
	if faults := m.run(c); len(faults) > 0 {
		return nil, fmt.Errorf("nobody was killed, and %v", faults)
	}
	return c.points, nil
}

// KillAt runs the meeting with deaths at the points of those numbers, in
// ascending order, and says who died and what went wrong.
func (m *Meeting) KillAt(points ...int) ([]Death, []string) {
	c := &counter{at: points}
	faults := m.run(c)
	return c.deaths, faults
}

func (m *Meeting) run(c *counter) []string {
	m.reseed()
	r := &run{stage: newStage(m.seed, m.past.At(), c), names: []string{"alice", "bob"}}
	r.stage.Runtime.Settle()
	r.world = m.past.After(r.stage)
	r.stage.world = r.world
	r.world.Silence()
	for _, name := range r.names {
		t := r.stage.running(name)
		r.stage.Pass(time.Minute, func() bool { return closed(t.tree.Up()) })
	}
	c.armed = true
	r.world.Errands()
	r.world.Rest()
	began := r.since()
	for r.since()-began < longestCalm {
		r.pass(time.Second)
		if len(r.world.Unsettled()) == 0 {
			break
		}
	}
	c.armed = false
	r.world.CheckDisks()
	for _, open := range r.world.Unsettled() {
		r.world.Fault("in the end, %s", open)
	}
	r.end()
	return r.world.Faults()
}
