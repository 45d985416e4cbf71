package supervision

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestSpawn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{}
		pool := SupervisorSpec{Name: "pool", Strategy: Dynamic}
		tree := mustStart(t, Config{}, SupervisorSpec{Children: []Child{pool.Child(), d.play("a").Child()}})
		d.take()
		if err := tree.Spawn("/pool", d.play("x").Child()); err != nil {
			t.Fatal(err)
		}
		tell(t, tree, "/pool/x", "1") // queued though x may not have started
		d.expect(t, "spawn", "+x, x:1")

		for want, err := range map[error]error{
			ErrExists:     tree.Spawn("/pool", d.play("x").Child()),
			ErrNotDynamic: tree.Spawn("/", d.play("x").Child()),
			ErrNoActor:    tree.Spawn("/nowhere", d.play("x").Child()),
		} {
			if !errors.Is(err, want) {
				t.Errorf("got %v, want %v", err, want)
			}
		}
		if err := tree.Spawn("/a", d.play("x").Child()); !errors.Is(err, ErrNotDynamic) {
			t.Errorf("spawn under a worker: %v", err)
		}
		if err := tree.StopChild("/a"); !errors.Is(err, ErrNotDynamic) {
			t.Errorf("stop a static child: %v", err)
		}
		if err := tree.StopChild("/pool/y"); !errors.Is(err, ErrNoActor) {
			t.Errorf("stop nobody: %v", err)
		}

		tell(t, tree, "/pool/x", "boom")
		d.expect(t, "restart", "+x")
		first := info(tree, "/pool/x").Incarnation
		if err := tree.StopChild("/pool/x"); err != nil {
			t.Fatal(err)
		}
		d.expect(t, "stop", "-x")
		if err := tree.Spawn("/pool", d.play("x").Child()); err != nil {
			t.Fatal(err)
		}
		d.expect(t, "again", "+x")
		if !info(tree, "/pool/x").Incarnation.After(first) {
			t.Error("a later life of the path has no greater number")
		}
		mustStop(t, tree)
	})
}

// Dynamic children are gone when their supervisor restarts, and a spawn in that
// moment is refused or undone, never lost.
func TestDynamicSupervisorRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{}
		pool := SupervisorSpec{Name: "pool", Strategy: Dynamic}
		tree := mustStart(t, Config{}, SupervisorSpec{Children: []Child{pool.Child(), d.watching("w", "/pool/y")}})
		d.take()
		tree.Spawn("/pool", d.play("x").Child())
		synctest.Wait()
		tree.Kill("/pool")
		tree.Spawn("/pool", d.play("y").Child()) // before, while or after pool goes down
		d.take()
		if i := info(tree, "/pool/x"); i.Path != "" {
			t.Errorf("outlived its supervisor: %+v", i)
		}
		if y, pool := info(tree, "/pool/y"), info(tree, "/pool"); y.Path != "" && !y.Incarnation.After(pool.Incarnation) {
			t.Errorf("outlived its supervisor %+v: %+v", pool, y)
		}
		if err := tree.Spawn("/pool", d.play("x").Child()); err != nil {
			t.Error(err)
		}
		d.expect(t, "again", "+x")
		mustStop(t, tree)
	})
}

// A spawn that passed the door while its supervisor went down is undone: the
// path is free again, monitors hear of it, and so does the host.
func TestSpawnTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{}
		pool := SupervisorSpec{Name: "pool", Strategy: Dynamic}
		var stopped atomic.Int32
		events := func(e Event) {
			if s, ok := e.(Stopped); ok && s.Exit.Path == "/pool/x" {
				stopped.Add(1)
			}
		}
		tree := mustStart(t, Config{Events: events}, SupervisorSpec{Children: []Child{pool.Child()}})
		for range 2 {
			tree.Kill("/pool")
			synctest.Wait()
		}
		if err := tree.Spawn("/pool", d.play("x").Child()); !errors.Is(err, ErrStopped) {
			t.Errorf("spawn while down: %v", err)
		}
		c, _ := tree.find("/pool")
		c.setState(StateUp) // as a moment before
		if err := tree.Spawn("/pool", d.play("x").Child()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if i := info(tree, "/pool/x"); i.Path != "" {
			t.Errorf("left behind: %+v", i)
		}
		rest(time.Second)
		d.expect(t, "x never ran", "")
		if n := stopped.Load(); n != 1 {
			t.Errorf("told %d times that x is gone", n)
		}
		mustStop(t, tree)
	})
}

// A supervisor that is stopping says so and takes nobody in.
func TestSpawnWhileStopping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{}
		slow := WorkerSpec[script]{Name: "slow", New: func() Actor[script] {
			return &player{name: "slow", diary: d, onStop: func(*Context[script]) { time.Sleep(time.Second) }}
		}}
		tree := mustStart(t, Config{}, SupervisorSpec{Children: []Child{SupervisorSpec{Name: "pool", Strategy: Dynamic}.Child()}})
		tree.Spawn("/pool", slow.Child())
		synctest.Wait()
		tree.Kill("/pool")
		synctest.Wait()
		if i := info(tree, "/pool"); i.State != StateStopping {
			t.Errorf("state %v", i.State)
		}
		if err := tree.Spawn("/pool", d.play("x").Child()); !errors.Is(err, ErrStopped) {
			t.Errorf("spawn: %v", err)
		}
		rest(2 * time.Second)
		mustStop(t, tree)
	})
}

// A thousand children crash at once and all serve again.
func TestMassRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{}
		pool := SupervisorSpec{Name: "pool", Strategy: Dynamic}
		tree := mustStart(t, Config{}, SupervisorSpec{Children: []Child{pool.Child()}})
		const n = 1000
		for i := range n {
			if err := tree.Spawn("/pool", d.play(fmt.Sprint("x", i)).Child()); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if got := tree.Kill("/pool/*"); got != n {
			t.Errorf("%d killed", got)
		}
		synctest.Wait()
		for _, a := range tree.Inspect() {
			if a.Path != "/" && a.Path != "/pool" && (a.Restarts != 1 || a.State != StateUp) {
				t.Fatalf("%+v", a)
			}
		}
		mustStop(t, tree)
	})
}
