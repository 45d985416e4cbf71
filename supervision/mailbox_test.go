package supervision

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// A full mailbox refuses at once and counts; orders of the supervisor still get
// through. TRAPS: protoactor's bounded mailbox spins, and a self-send into it
// never returns.
func TestMailboxFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{}
		gate := make(chan struct{})
		var self error
		spec := WorkerSpec[script]{Name: "a", Mailbox: 2, New: func() Actor[script] {
			return &player{name: "a", diary: d, gate: gate, onStart: func(c *Context[script]) error {
				c.Self().Tell("1")
				c.Self().Tell("block")
				self = c.Self().Tell("3")
				return nil
			}}
		}}
		tree := mustStart(t, Config{}, SupervisorSpec{Children: []Child{spec.Child()}})
		if !errors.Is(self, ErrMailboxFull) {
			t.Errorf("third message to itself: %v", self)
		}
		d.expect(t, "start", "+a, a:1")
		tell(t, tree, "/a", "2", "3")
		if err := Lookup[script](tree, "/a").Tell("4"); !errors.Is(err, ErrMailboxFull) {
			t.Errorf("full: %v", err)
		}
		if i := info(tree, "/a"); i.Refused != 2 || i.Mailbox != 2 {
			t.Errorf("info %+v", i)
		}
		time.AfterFunc(time.Second, func() { close(gate) })
		mustStop(t, tree)
		d.expect(t, "the stop goes ahead of messages", "a:block, -a")
	})
}

// Messages told while the actor is down wait for the next life.
func TestMailboxKeepsWhileRestarting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{}
		tree := mustStart(t, Config{}, SupervisorSpec{Children: d.plays("a")})
		tell(t, tree, "/a", "boom", "boom")
		d.expect(t, "the second restart waits", "+a, +a")
		if i := info(tree, "/a"); i.State != StateDown {
			t.Fatalf("state %v", i.State)
		}
		tell(t, tree, "/a", "1", "2")
		d.expect(t, "still down", "")
		rest(time.Second)
		d.expect(t, "up again", "+a, a:1, a:2")
		mustStop(t, tree)
	})
}

func TestRef(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{}
		var zero Ref[script]
		if err := zero.Tell("x"); !errors.Is(err, ErrNoActor) || zero.Path() != "" {
			t.Errorf("zero Ref: %v", err)
		}
		early := make(chan error, 1)
		first := d.starter("first", func(c *Context[script]) error {
			early <- Lookup[script](c.Tree(), "/second").Tell("early") // not started yet
			return nil
		})
		tree := mustStart(t, Config{}, SupervisorSpec{Children: []Child{first.Child(), d.play("second").Child()}})
		d.expect(t, "a message before the start waits", "+first, +second, second:early")
		if err := <-early; err != nil {
			t.Error(err)
		}
		if err := Lookup[int](tree, "/first").Tell(1); !errors.Is(err, ErrInbox) {
			t.Errorf("wrong inbox: %v", err)
		}
		if err := Lookup[script](tree, "/").Tell("x"); !errors.Is(err, ErrInbox) {
			t.Errorf("to a supervisor: %v", err)
		}
		ref := Lookup[script](tree, "/nobody")
		if err := ref.Tell("x"); !errors.Is(err, ErrNoActor) || ref.Path() != "/nobody" {
			t.Errorf("nobody: %v", err)
		}
		mustStop(t, tree)
	})
}

// The ring agrees with a slice, whatever is pushed and popped.
func TestQueueAgainstSlice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q queue[int]
		var model []int
		for i := range rapid.IntRange(0, 400).Draw(t, "steps") {
			if rapid.IntRange(0, 2).Draw(t, "op") > 0 {
				q.push(i)
				model = append(model, i)
			} else if len(model) > 0 {
				if got := q.pop(); got != model[0] {
					t.Fatalf("popped %d, want %d", got, model[0])
				}
				model = model[1:]
			}
			if q.n != len(model) {
				t.Fatalf("length %d, want %d", q.n, len(model))
			}
		}
	})
}

func TestConcurrentTell(t *testing.T) {
	const tellers, each = 8, 500
	got := make(chan int, 1)
	spec := WorkerSpec[int]{Name: "sum", Mailbox: tellers * each, New: func() Actor[int] { return &counter{want: tellers * each, done: got} }}
	tree := mustStart(t, Config{}, SupervisorSpec{Children: []Child{spec.Child()}})
	ref := Lookup[int](tree, "/sum")
	var wg sync.WaitGroup
	for range tellers {
		wg.Go(func() {
			for range each {
				if err := ref.Tell(1); err != nil {
					t.Error(err)
				}
				tree.Inspect()
			}
		})
	}
	wg.Wait()
	if n := <-got; n != tellers*each {
		t.Errorf("handled %d", n)
	}
	if err := tree.Stop(context.Background()); err != nil {
		t.Error(err)
	}
}

// counter counts messages.
type counter struct {
	n, want int
	done    chan int
}

func (c *counter) Start(*Context[int]) error { return nil }
func (c *counter) Stop(*Context[int])        {}
func (c *counter) Receive(_ *Context[int], _ int) {
	if c.n++; c.n == c.want {
		c.done <- c.n
	}
}

// A ring that was large once is let go of; one that is needed again and again
// is kept.
func TestQueueLetsGo(t *testing.T) {
	var q queue[int]
	burst := func(n int) {
		for i := range n {
			q.push(i)
		}
		for range n {
			q.pop()
		}
	}
	burst(1000)
	burst(1000)
	if len(q.buf) != 1024 {
		t.Errorf("a ring of %d slots after bursts of 1000", len(q.buf))
	}
	burst(3)
	if len(q.buf) > queueKeep {
		t.Errorf("a ring of %d slots is kept for 3", len(q.buf))
	}
}
