package supervision

import (
	"testing"
	"testing/synctest"
	"time"
)

// TRAPS: an actor that blocks in Receive is silent for ever. Here it is
// reported, once, with what it is at; one that only has much to do is not.
func TestBlockedActorIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, ev := &diary{}, &events{}
		gate := make(chan struct{})
		a := WorkerSpec[script]{Name: "a", New: func() Actor[script] { return &player{name: "a", diary: d, gate: gate} }}
		busy := WorkerSpec[int]{Name: "busy", New: func() Actor[int] { return sleeper{} }}
		tree := mustStart(t, Config{Events: ev.add, BlockedAfter: 4 * time.Second}, SupervisorSpec{Children: []Child{a.Child(), busy.Child()}})
		for range 20 {
			if err := Lookup[int](tree, "/busy").Tell(1); err != nil {
				t.Fatal(err)
			}
		}
		tell(t, tree, "/a", "block")
		rest(time.Minute)
		got := of[Blocked](ev)
		if len(got) != 1 {
			t.Fatalf("reported %+v", got)
		}
		if b := got[0]; b.Path != "/a" || b.Phase != BeforeMessage || b.Message != "supervision.script" || b.For < 4*time.Second || b.For > 8*time.Second {
			t.Errorf("reported %+v", b)
		}
		if i := info(tree, "/a"); i.Handling != "supervision.script" {
			t.Errorf("info %+v", i)
		}
		close(gate)
		rest(time.Minute)
		if i := info(tree, "/a"); i.Handling != "" {
			t.Errorf("info %+v", i)
		}
		tell(t, tree, "/a", "1")
		rest(time.Minute)
		if got := of[Blocked](ev); len(got) != 1 {
			t.Errorf("reported %+v", got)
		}
		mustStop(t, tree)
	})
}

// sleeper takes a second for every message.
type sleeper struct{}

func (sleeper) Start(*Context[int]) error      { return nil }
func (sleeper) Stop(*Context[int])             {}
func (sleeper) Receive(_ *Context[int], _ int) { time.Sleep(time.Second) }
