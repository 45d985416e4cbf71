package supervision

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
)

// watching specifies a player that monitors paths when it starts.
func (d *diary) watching(name string, paths ...string) Child {
	return d.starter(name, func(c *Context[script]) error {
		for _, path := range paths {
			c.Monitor(path, func(down Down) script {
				return script(fmt.Sprintf("%s %v again=%v", down.Path, down.Reason.Reason, down.Restarting))
			})
		}
		return nil
	}).Child()
}

func TestMonitor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{}
		gone := d.play("gone")
		gone.Restart = Transient
		tree := mustStart(t, Config{}, SupervisorSpec{
			Children: []Child{d.play("a").Child(), gone.Child(), d.watching("w", "/a", "/gone", "/nobody")},
		})
		d.expect(t, "no such path: at once", "+a, +gone, +w, w:/nobody does not exist again=false")
		tell(t, tree, "/a", "boom")
		if got := d.take(); got != "+a, w:/a crashed again=true" && got != "w:/a crashed again=true, +a" {
			t.Errorf("crash: %q", got)
		}
		tell(t, tree, "/gone", "end")
		d.expect(t, "ended for good", "gone:end, -gone, w:/gone ended again=false")
		if err := Lookup[script](tree, "/gone").Tell("x"); !errors.Is(err, ErrNoActor) {
			t.Errorf("tell to a free path: %v", err)
		}
		tell(t, tree, "/w", "boom")
		d.expect(t, "monitors die with their life and are made anew", "+w, w:/gone does not exist again=false, w:/nobody does not exist again=false")
		if n := len(tree.monitors["/a"]); n != 1 || len(tree.monitors) != 1 {
			t.Errorf("%d monitors of /a, %d paths", n, len(tree.monitors))
		}
		w, _ := tree.find("/w")
		if n := len(w.body.(*worker[script]).ctx.monitors); n != 1 {
			t.Errorf("the life keeps %d monitors", n)
		}
		mustStop(t, tree)
	})
}

// A panic in the function that makes the message is a crash of the watcher.
func TestMonitorFunctionPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{}
		first := true
		w := d.starter("w", func(c *Context[script]) error {
			if first {
				first = false
				c.Monitor("/nobody", func(Down) script { panic("no message") })
			}
			return nil
		})
		tree := mustStart(t, Config{}, SupervisorSpec{Children: []Child{w.Child()}})
		d.expect(t, "crash and restart", "+w, +w")
		mustStop(t, tree)
	})
}

// The path is free before the last word is heard: who hears it may spawn again.
func TestMonitorThenSpawnAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{}
		pool := SupervisorSpec{Name: "pool", Strategy: Dynamic}
		respawn := func() Actor[script] { return &respawner{diary: d} }
		tree := mustStart(t, Config{}, SupervisorSpec{
			Children: []Child{pool.Child(), WorkerSpec[script]{Name: "w", New: respawn}.Child()},
		})
		for range 3 {
			tell(t, tree, "/pool/x", "end")
			d.take()
			if info(tree, "/pool/x").State != StateUp {
				t.Fatal("x was not spawned again")
			}
		}
		mustStop(t, tree)
	})
}

// respawner keeps a temporary child x alive.
type respawner struct{ diary *diary }

func (r *respawner) Start(c *Context[script]) error { r.spawn(c); return nil }
func (r *respawner) Stop(*Context[script])          {}
func (r *respawner) Receive(c *Context[script], m script) {
	if m == "down" {
		r.spawn(c)
	}
}

func (r *respawner) spawn(c *Context[script]) {
	x := r.diary.play("x")
	x.Restart = Temporary
	if err := c.Tree().Spawn("/pool", x.Child()); err == nil {
		c.Monitor("/pool/x", func(Down) script { return "down" })
	}
}
