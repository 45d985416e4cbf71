package supervision

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// clerk answers questions: "now" at once, "later" when the next message comes,
// "never" not at all; "boom" makes it panic.
type clerk struct{ owed []Reply[string] }

type inquiry struct {
	word  string
	reply Reply[string]
}

func (c *clerk) Start(*Context[inquiry]) error { return nil }
func (c *clerk) Stop(*Context[inquiry])        {}

func (c *clerk) Receive(_ *Context[inquiry], q inquiry) {
	for _, reply := range c.owed {
		reply.Send("late")
		reply.Send("twice") // the first counts
	}
	c.owed = nil
	switch q.word {
	case "now":
		q.reply.Send("here")
	case "later":
		c.owed = append(c.owed, q.reply)
	case "boom":
		panic("boom")
	}
}

func askClerk(ctx context.Context, tree *Tree, word string) (string, error) {
	return Ask(ctx, Lookup[inquiry](tree, "/clerk"), func(r Reply[string]) inquiry { return inquiry{word, r} })
}

func startClerk(t *testing.T, mailbox int) *Tree {
	t.Helper()
	spec := WorkerSpec[inquiry]{Name: "clerk", Mailbox: mailbox, New: func() Actor[inquiry] { return &clerk{} }}
	return mustStart(t, Config{}, SupervisorSpec{Children: []Child{spec.Child()}})
}

func TestAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tree := startClerk(t, 0)
		if answer, err := askClerk(t.Context(), tree, "now"); answer != "here" || err != nil {
			t.Errorf("now: %q, %v", answer, err)
		}
		go func() {
			time.Sleep(time.Second)
			_ = Lookup[inquiry](tree, "/clerk").Tell(inquiry{})
		}()
		if answer, err := askClerk(t.Context(), tree, "later"); answer != "late" || err != nil {
			t.Errorf("later: %q, %v", answer, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := askClerk(ctx, tree, "never"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("never: %v", err)
		}
		var nowhere Reply[string]
		nowhere.Send("to nobody")
		mustStop(t, tree)
	})
}

// Who asks hears of the end of the life that heard the question, whatever it was
// at, and of nothing that it did not hear.
func TestAskHearsOfACrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tree := startClerk(t, 0)
		begun := time.Now()
		_, err := askClerk(t.Context(), tree, "boom")
		var exit *Exit
		if !errors.Is(err, ErrNoAnswer) || !errors.As(err, &exit) || exit.Crash.Text != "boom" || !strings.Contains(err.Error(), "/clerk") {
			t.Errorf("crash on the question: %v", err)
		}
		answers := make(chan error, 2)
		for range 2 {
			go func() { _, err := askClerk(t.Context(), tree, "never"); answers <- err }()
		}
		synctest.Wait()
		tree.Kill("/clerk")
		for range 2 {
			if err := <-answers; !errors.Is(err, ErrNoAnswer) {
				t.Errorf("crash after the question: %v", err)
			}
		}
		if answer, err := askClerk(t.Context(), tree, "now"); answer != "here" || err != nil {
			t.Errorf("told while it was down, answered by the next life: %q, %v", answer, err)
		}
		if waited := time.Since(begun); waited > time.Second {
			t.Errorf("the news took %v", waited)
		}
		mustStop(t, tree)
	})
}

// A question that nobody will hear fails at once.
func TestAskNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tree := startClerk(t, 1)
		if _, err := Ask(t.Context(), Lookup[inquiry](tree, "/nobody"), func(r Reply[string]) inquiry { return inquiry{"now", r} }); !errors.Is(err, ErrNoActor) {
			t.Errorf("nobody: %v", err)
		}
		tree.Suspend("/clerk")
		synctest.Wait()
		answers := make(chan error, 1)
		go func() { _, err := askClerk(t.Context(), tree, "now"); answers <- err }()
		synctest.Wait()
		if _, err := askClerk(t.Context(), tree, "now"); !errors.Is(err, ErrMailboxFull) {
			t.Errorf("full: %v", err)
		}
		mustStop(t, tree)
		if err := <-answers; !errors.Is(err, ErrNoAnswer) {
			t.Errorf("waiting at the stop: %v", err)
		}
		if _, err := askClerk(t.Context(), tree, "now"); !errors.Is(err, ErrStopped) {
			t.Errorf("after the stop: %v", err)
		}
	})
}

// Answered questions are forgotten: a life that answers late keeps what it owes,
// no more.
func TestAskForgetsWhatIsAnswered(t *testing.T) {
	c := &life{}
	var open, soon []*question[string]
	for i := range 1000 {
		q := &question[string]{done: make(chan outcome[string], 1)}
		c.hear(q)
		if i%100 == 0 {
			open = append(open, q)
			continue
		}
		if soon = append(soon, q); len(soon) > 3 { // answers come a little later
			soon[0].end(outcome[string]{})
			soon = soon[1:]
		}
	}
	if len(c.asks) > 64 {
		t.Errorf("%d questions kept, %d are open", len(c.asks), len(open))
	}
	for _, a := range c.asks {
		a.fail(&AskError{Path: "/x", Err: ErrStopped})
	}
	for i, q := range open {
		if !q.answered() {
			t.Errorf("open question %d was forgotten", i)
		}
	}
}

// Questions whose asker gave up are forgotten too.
func TestAskForgetsWhoGaveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tree := startClerk(t, 0)
		for range 1000 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			_, _ = askClerk(ctx, tree, "never")
			cancel()
		}
		synctest.Wait()
		c, _ := tree.find("/clerk")
		if n := len(c.life.Load().asks); n > 100 {
			t.Errorf("%d questions are kept that nobody waits for", n)
		}
		mustStop(t, tree)
	})
}
