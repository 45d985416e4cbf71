package supervision_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	sup "github.com/waymeet/waymeet/supervision"
	"github.com/waymeet/waymeet/supervision/virtual"
)

// "The failing message is lost; the rest of the mailbox survives."
func TestTrapOnlyTheMessageAtHandIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n notes
		tree := start(t, sup.Config{}, sup.SupervisorSpec{Intensity: often, Children: []sup.Child{worker("a", puppet{}).Child()}})
		dies := func(word string) act {
			return func(*sup.Context[act]) { n.add("%s", word); panic(word) }
		}
		do(t, tree, "/a", n.note("1"), dies("2!"), n.note("3"), dies("4!"), dies("5!"), n.note("6"))
		time.Sleep(time.Second)
		n.expect(t, "1 2! 3 4! 5! 6") // each once: none again, none left out
		stop(t, tree)
	})
}

// "Stash is last-in-first-out and replays only on restart." What waits here,
// waits in order, for a start and for a restart alike.
func TestTrapWhatWaitsKeepsItsOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n notes
		gate := make(chan struct{})
		slow := worker("a", puppet{start: func(c *sup.Context[act]) error {
			do(t, c.Tree(), "/d/a", n.note("0"))
			<-gate
			return nil
		}})
		tree := start(t, sup.Config{}, sup.SupervisorSpec{Children: []sup.Child{sup.SupervisorSpec{Name: "d", Strategy: sup.Dynamic}.Child()}})
		if err := tree.Spawn("/d", slow.Child()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		do(t, tree, "/d/a", n.note("1"), n.note("2"), n.note("3"))
		close(gate)
		n.expect(t, "0 1 2 3")
		do(t, tree, "/d/a", func(c *sup.Context[act]) {
			do(t, c.Tree(), c.Path(), boom) // the second restart waits
			boom(c)
		})
		synctest.Wait()
		do(t, tree, "/d/a", n.note("4"), n.note("5"), n.note("6"))
		n.expect(t, "0 1 2 3")
		time.Sleep(time.Second)
		n.expect(t, "0 1 2 3 0 4 5 6 0")
		stop(t, tree)
	})
}

// "Bounded mailboxes spin when full, a self-send never returns".
func TestTrapFullMailboxSaysSoAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n notes
		spec := worker("a", puppet{})
		spec.Mailbox = 2
		tree := start(t, sup.Config{}, sup.SupervisorSpec{Children: []sup.Child{spec.Child()}})
		do(t, tree, "/a", func(c *sup.Context[act]) {
			for _, word := range []string{"1", "2", "3"} {
				if err := c.Self().Tell(n.note(word)); errors.Is(err, sup.ErrMailboxFull) {
					n.add("full")
				}
			}
		})
		n.expect(t, "full 1 2")
		if i := inspect(tree, "/a"); i.Refused != 1 {
			t.Errorf("not counted: %+v", i)
		}
		stop(t, tree)
	})
}

// "BoundedDropping burns CPU for ever after a drop." Whatever its class, a
// message that a full mailbox has no room for costs nothing once it is decided:
// neither while the mailbox is full nor when it is empty again.
func TestTrapADropBurnsNothing(t *testing.T) {
	for _, class := range []sup.Class{sup.MustDeliver, sup.LatestWins, sup.Droppable} {
		t.Run(class.String(), func(t *testing.T) {
			spec := worker("a", puppet{})
			spec.Mailbox = 8
			spec.Sort = func(act) sup.Sort { return sup.Sort{Class: class, Key: "all"} }
			run := virtual.New(1, time.Unix(0, 0))
			tree, err := sup.Launch(sup.Config{Runtime: run, BlockedAfter: -1}, sup.SupervisorSpec{Children: []sup.Child{spec.Child()}})
			if err != nil {
				t.Fatal(err)
			}
			idle(t, run, "started")
			tree.Suspend("/a")
			flood(t, tree)
			idle(t, run, "full")
			tree.Resume("/a")
			idle(t, run, "empty again")
			do(t, tree, "/a", func(*sup.Context[act]) { flood(t, tree) })
			idle(t, run, "flooded while at a message")
			if i := inspect(tree, "/a"); i.Mailbox != 0 {
				t.Errorf("not emptied: %+v", i)
			}
		})
	}
}

// flood tells more than the mailbox takes: it is full, or replaces.
func flood(t *testing.T, tree *sup.Tree) {
	t.Helper()
	before := inspect(tree, "/a")
	for range 100 {
		_ = sup.Lookup[act](tree, "/a").Tell(func(*sup.Context[act]) {})
	}
	i := inspect(tree, "/a")
	if lost := i.Refused + i.Dropped + i.Replaced - before.Refused - before.Dropped - before.Replaced; lost < 90 {
		t.Errorf("only %d messages found no room: %+v", lost, i)
	}
}

// idle checks that soon nothing is left to do, now or later. A mailbox that
// spins is always ready for its next turn.
func idle(t *testing.T, run *virtual.Runtime, when string) {
	t.Helper()
	for range 1000 {
		if !run.Step() {
			return
		}
	}
	t.Fatalf("%s: it goes on and on", when)
}

// "SetReceiveTimeout races." A timer that was replaced or taken back while it
// fired is not heard: make race runs this with the race detector.
func TestTrapTimersDoNotRace(t *testing.T) {
	const last = 5001
	var asked, heard uint64 // the timer that counts, and the last that came; owned by the actor
	var wrong, early atomic.Int64
	ended := make(chan struct{}, 1)
	set := func(c *sup.Context[act], number uint64) {
		asked = number
		at := c.Now().Add(20 * time.Microsecond)
		c.WakeAt(at, func(c *sup.Context[act]) {
			if number != asked {
				wrong.Add(1)
			}
			if c.Now().Before(at) {
				early.Add(1)
			}
			if heard = number; number == last {
				ended <- struct{}{}
			}
		})
	}
	tree := start(t, sup.Config{}, sup.SupervisorSpec{Children: []sup.Child{worker("a", puppet{}).Child()}})
	ref := sup.Lookup[act](tree, "/a")
	for number := uint64(1); number <= last; number++ {
		tell := func(c *sup.Context[act]) { set(c, number) }
		if number%7 == 0 {
			tell = func(c *sup.Context[act]) { asked = 0; c.WakeAt(time.Time{}, nil) }
		}
		for ref.Tell(tell) != nil {
			time.Sleep(10 * time.Microsecond)
		}
		if number%50 == 0 {
			time.Sleep(30 * time.Microsecond)
		}
	}
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Error("the last timer was lost")
	}
	stop(t, tree)
	if asked != last || heard != last || wrong.Load()+early.Load() > 0 {
		t.Errorf("asked for %d, heard %d; %d timers came that were not asked for any more, %d too early", asked, heard, wrong.Load(), early.Load())
	}
}
