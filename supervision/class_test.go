package supervision

import (
	"errors"
	"testing"
	"testing/synctest"
)

// What finds no room is refused, replaced or dropped as its class has it;
// Inspect counts it, and one event tells that the mailbox was full.
func TestClasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, ev := &diary{}, &events{}
		gate := make(chan struct{})
		spec := WorkerSpec[script]{Name: "a", Mailbox: 4, Sort: sorted, New: func() Actor[script] {
			return &player{name: "a", diary: d, gate: gate}
		}}
		tree := mustStart(t, Config{Events: ev.add}, SupervisorSpec{Children: []Child{spec.Child()}})
		tell(t, tree, "/a", "block")
		synctest.Wait()
		tell(t, tree, "/a", "maybe1", "now1", "must1", "maybe2")
		tell(t, tree, "/a", "now2", "maybe3") // now1 is replaced, maybe3 dropped
		tell(t, tree, "/a", "must2", "must3") // in the places of maybe1 and maybe2
		if err := Lookup[script](tree, "/a").Tell("must4"); !errors.Is(err, ErrMailboxFull) {
			t.Errorf("full: %v", err)
		}
		if i := info(tree, "/a"); i.Refused != 1 || i.Dropped != 3 || i.Replaced != 1 || i.Mailbox != 4 {
			t.Errorf("info %+v", i)
		}
		close(gate)
		d.expect(t, "handled", "+a, a:block, a:now2, a:must1, a:must2, a:must3")
		if o := of[Overloaded](ev); len(o) != 1 || o[0].Path != "/a" || o[0].Limit != 4 {
			t.Errorf("overloaded: %+v", o)
		}
		mustStop(t, tree)
	})
}

// A mailbox that was full is told of again only after it was half empty.
func TestOverloadIsToldOnce(t *testing.T) {
	l := &lane{}
	const limit = 4
	told := 0
	offer := func(n int) {
		for range n {
			if _, first := l.offer(envelope{}, limit); first {
				told++
			}
		}
	}
	offer(10)
	l.pop(limit)
	offer(10)
	if told != 1 {
		t.Errorf("told %d times while it stayed crowded", told)
	}
	for range limit {
		l.pop(limit)
	}
	offer(10)
	if told != 2 {
		t.Errorf("told %d times, want 2", told)
	}
}
