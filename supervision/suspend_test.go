package supervision

import (
	"testing"
	"testing/synctest"
	"time"
)

// A suspended actor sees neither messages nor its timer nor news, over a
// restart too; a resumed one sees all of it.
func TestSuspend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{}
		a := d.starter("a", func(c *Context[script]) error {
			c.WakeAt(c.Now().Add(time.Second), "tick")
			c.Monitor("/b", func(down Down) script { return "news of b" })
			return nil
		})
		tree := mustStart(t, Config{}, SupervisorSpec{Children: []Child{a.Child(), d.play("b").Child()}})
		d.take()
		if n := tree.Suspend("/a"); n != 1 || tree.Suspend("/") != 0 {
			t.Errorf("suspended %d", n)
		}
		synctest.Wait()
		tell(t, tree, "/a", "1", "2")
		tell(t, tree, "/b", "boom")
		rest(time.Minute)
		d.expect(t, "suspended", "+b")
		if i := info(tree, "/a"); !i.Suspended || i.Mailbox != 2 || i.State != StateUp {
			t.Errorf("info %+v", i)
		}
		tree.Kill("/a")
		d.expect(t, "it may die", "+a")
		rest(time.Minute)
		d.expect(t, "and stays suspended", "")
		if n := tree.Resume("/*"); n != 2 {
			t.Errorf("resumed %d", n)
		}
		d.expect(t, "resumed", "a:tick, a:1, a:2")
		if i := info(tree, "/a"); i.Suspended {
			t.Errorf("info %+v", i)
		}
		mustStop(t, tree)
	})
}

// Who takes the place of a stuck actor that was suspended is suspended too.
func TestSuspendedAndAbandoned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{}
		gate := make(chan struct{})
		defer close(gate)
		a := WorkerSpec[script]{Name: "a", New: func() Actor[script] { return &player{name: "a", diary: d, gate: gate} }}
		tree := mustStart(t, Config{}, SupervisorSpec{Strategy: AllForOne, Children: []Child{a.Child(), d.play("b").Child()}})
		tell(t, tree, "/a", "block", "1")
		synctest.Wait()
		tree.Suspend("/a") // it is at it, and cannot hear of it before it is abandoned
		tell(t, tree, "/b", "boom")
		rest(time.Minute)
		d.expect(t, "suspended", "+a, +b, +a, +b")
		if i := info(tree, "/a"); !i.Suspended || i.Mailbox != 1 || i.State != StateUp {
			t.Errorf("info %+v", i)
		}
		tree.Resume("/a")
		d.expect(t, "resumed", "a:1")
		_ = tree.Stop(t.Context()) // names the stuck one
	})
}

// A stop does not wait for Resume.
func TestStopOfASuspendedActor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{}
		tree := mustStart(t, Config{}, SupervisorSpec{Children: d.plays("a")})
		tree.Suspend("/a")
		synctest.Wait()
		tell(t, tree, "/a", "1")
		mustStop(t, tree)
		d.expect(t, "stopped", "+a, -a")
	})
}
