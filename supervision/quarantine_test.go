package supervision

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A bad dynamic child is quarantined alone: its siblings never notice, messages
// wait for the life that is tried, monitors hear that it may live again, and a
// start that fails counts like a crash.
func TestQuarantine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, ev := &diary{}, &events{}
		pool := SupervisorSpec{Name: "pool", Strategy: Dynamic}
		tree := mustStart(t, Config{Events: ev.add}, SupervisorSpec{Children: []Child{pool.Child()}})
		var cured atomic.Bool
		bad := d.starter("bad", func(*Context[script]) error {
			if !cured.Load() {
				return errors.New("nope")
			}
			return nil
		})
		bad.Mailbox = 2
		tree.Spawn("/pool", d.play("good").Child())
		synctest.Wait()
		tree.Spawn("/pool", bad.Child())
		rest(10 * time.Second)
		d.expect(t, "one start and three restarts", "+good, +bad, +bad, +bad, +bad")
		told := of[Quarantined](ev)
		if len(told) != 1 || told[0].Path != "/pool/bad" || len(of[Escalated](ev)) != 0 || tree.Report().Totals.Quarantined != 1 {
			t.Fatalf("quarantined %+v, escalated %v", told, of[Escalated](ev))
		}
		if got := info(tree, "/pool/bad").State; got != StateQuarantined {
			t.Errorf("state %v", got)
		}
		tell(t, tree, "/pool/bad", "1", "2")
		if err := Lookup[script](tree, "/pool/bad").Tell("3"); !errors.Is(err, ErrMailboxFull) {
			t.Errorf("a full mailbox: %v", err)
		}
		if err := tree.Spawn("/pool", bad.Child()); !errors.Is(err, ErrExists) {
			t.Errorf("its place is not kept: %v", err)
		}
		rest(told[0].For)
		d.expect(t, "one life is tried", "+bad")
		told = of[Quarantined](ev)
		if len(told) != 2 || told[1].For < 90*time.Second {
			t.Fatalf("the relapse is not longer: %+v", told)
		}
		cured.Store(true)
		rest(told[1].For)
		d.expect(t, "what waited is served", "+bad, bad:1, bad:2")
		if got := info(tree, "/pool/good"); got.State != StateUp || got.Restarts != 0 {
			t.Errorf("good: %+v", got)
		}
		mustStop(t, tree)
	})
}

// Monitors hear that another life may follow, and the last word only when the
// child is stopped.
func TestQuarantineIsMonitored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{}
		pool := SupervisorSpec{Name: "pool", Strategy: Dynamic}
		tree := mustStart(t, Config{}, SupervisorSpec{Children: []Child{pool.Child()}})
		bad := d.play("bad")
		bad.Intensity = Intensity{0, time.Minute}
		tree.Spawn("/pool", bad.Child())
		synctest.Wait()
		tree.Spawn("/pool", d.watching("w", "/pool/bad"))
		synctest.Wait()
		tell(t, tree, "/pool/bad", "boom")
		d.expect(t, "into quarantine", "+bad, +w, w:/pool/bad crashed again=true")
		if err := tree.StopChild("/pool/bad"); err != nil {
			t.Fatal(err)
		}
		d.expect(t, "stopped", "w:/pool/bad was stopped again=false")
		if err := tree.Spawn("/pool", d.play("bad").Child()); err != nil {
			t.Errorf("its place is not free: %v", err)
		}
		mustStop(t, tree)
	})
}

// Too many children in quarantine end the supervisor, and the chain of reasons
// is whole: through a supervisor in quarantine down to who crashed first.
func TestQuarantineEscalates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{}
		never := Intensity{0, time.Minute}
		pool := SupervisorSpec{Name: "pool", Strategy: Dynamic, Intensity: never}
		tree := mustStart(t, Config{}, SupervisorSpec{Intensity: never, Children: []Child{pool.Child()}})
		for _, name := range []string{"x", "y"} {
			context := SupervisorSpec{Name: name, Intensity: never, Children: d.plays("bad")}
			if err := tree.Spawn("/pool", context.Child()); err != nil {
				t.Fatal(err)
			}
			tell(t, tree, fmt.Sprintf("/pool/%s/bad", name), "boom")
			synctest.Wait()
		}
		d.expect(t, "both", "+bad, +bad")
		never0 := "more than 0 restarts in 1m0s"
		want := "/ gave up (" + never0 + "): /pool gave up (more children in quarantine than 1 restarts in 1m0s): " +
			"/pool/y gave up (" + never0 + "): /pool/y gave up (" + never0 + "): /pool/y/bad crashed: boom"
		if got := tree.Err(); got == nil || got.Error() != want {
			t.Errorf("chain\n got %v\nwant %s", got, want)
		}
		mustStop(t, tree)
	})
}

// When a significant child ends, its supervisor stops the others, last first,
// and ends as it did; it takes nobody in meanwhile.
func TestSignificant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, ev := &diary{}, &events{}
		key := d.play("key")
		key.Restart, key.Significant = Transient, true
		session := SupervisorSpec{Name: "session", Restart: Transient, Children: []Child{d.play("a").Child(), key.Child(), d.play("z").Child()}}
		tree := mustStart(t, Config{Events: ev.add}, SupervisorSpec{Children: []Child{session.Child(), d.play("other").Child()}})
		tell(t, tree, "/session/key", "boom")
		d.expect(t, "a crash is not the end", "+a, +key, +z, +other, +key")
		tell(t, tree, "/session/key", "end")
		d.expect(t, "all go", "key:end, -key, -z, -a")
		if i := info(tree, "/session"); i.Path != "" {
			t.Errorf("the session is left: %+v", i)
		}
		if got := info(tree, "/other"); got.State != StateUp || got.Restarts != 0 || len(of[Escalated](ev)) != 0 {
			t.Errorf("other: %+v, escalated %v", got, of[Escalated](ev))
		}
		mustStop(t, tree)
	})
}

// A tree whose root goes along ends cleanly, and its error says why.
func TestSignificantChildOfTheRoot(t *testing.T) {
	for word, want := range map[script]string{
		"end":  "<nil>",
		"boom": "/ went with a significant child: /key crashed: boom",
	} {
		synctest.Test(t, func(t *testing.T) {
			d := &diary{}
			key := d.play("key")
			key.Restart, key.Significant = Temporary, true
			tree := mustStart(t, Config{}, SupervisorSpec{Children: []Child{d.play("a").Child(), key.Child()}})
			tell(t, tree, "/key", word)
			synctest.Wait()
			select {
			case <-tree.Done():
			default:
				t.Fatal("the tree runs on")
			}
			if got := fmt.Sprint(tree.Err()); got != want {
				t.Errorf("%s: got %s, want %s", word, got, want)
			}
			mustStop(t, tree)
		})
	}
}

// A supervisor that goes with its child takes nobody in while others stop.
func TestSpawnWhileGoing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{}
		slow := WorkerSpec[script]{Name: "slow", New: func() Actor[script] {
			return &player{name: "slow", diary: d, onStop: func(*Context[script]) { time.Sleep(time.Second) }}
		}}
		key := d.play("key")
		key.Restart, key.Significant = Transient, true
		tree := mustStart(t, Config{}, SupervisorSpec{Children: []Child{SupervisorSpec{Name: "pool", Strategy: Dynamic}.Child()}})
		tree.Spawn("/pool", slow.Child())
		tree.Spawn("/pool", key.Child())
		tell(t, tree, "/pool/key", "end")
		synctest.Wait()
		if err := tree.Spawn("/pool", d.play("x").Child()); !errors.Is(err, ErrStopped) {
			t.Errorf("spawn: %v", err)
		}
		rest(2 * time.Second)
		if got := info(tree, "/pool"); got.State != StateUp || got.Restarts != 1 {
			t.Errorf("a permanent supervisor does not come back: %+v", got)
		}
		mustStop(t, tree)
	})
}
