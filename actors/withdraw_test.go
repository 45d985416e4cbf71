package actors_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waymeet/waymeet/actors"
	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/supervision"
)

// noted is how many facts a node gives to its host.
func noted(t *testing.T, node *actors.Node, cx messages.ContextID) (count int) {
	t.Helper()
	for _, err := range node.Facts(context.Background(), cx, messages.FactQuery{}) {
		if err != nil {
			t.Fatal(err)
		}
		count++
	}
	return count
}

// remark is a fact of the host's own.
func remark(body string) messages.ApplicationFact {
	return messages.ApplicationFact{Type: messages.FactApplication, Body: []byte(body)}
}

// expectEnd fails unless an error has that code and cause, and says that.
func expectEnd(t *testing.T, err error, code messages.ExitCode, cause error, says string) {
	t.Helper()
	var problem messages.Problem
	if !errors.As(err, &problem) || !errors.Is(err, cause) || problem.Code != code || !strings.Contains(problem.Whose, says) {
		t.Errorf("got %v", err)
	}
}

// What was given up before it was begun is never done, though it was asked for: no
// fact is there twice because somebody tried again.
func TestWhatIsGivenUpIsNotDoneLater(t *testing.T) {
	a, _ := joined(t)
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		node := w.start(a, nil) // its peer is away: it writes after 5 s
		cx := node.Contexts()[0]
		epoch := node.Status().Contexts[0].Epoch
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		_, err := node.Append(ended, cx, remark("never asked for"))
		expectEnd(t, err, messages.ExitFailed, context.Canceled, "nothing was done")
		expectEnd(t, node.Rotate(ended, cx), messages.ExitFailed, context.Canceled, "nothing was done")
		for range 3 {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			_, err := node.Append(ctx, cx, remark("given up"))
			expectEnd(t, err, messages.ExitWaiting, context.DeadlineExceeded, "nothing was done; the node waits for a peer")
			cancel()
		}
		leaving, leave := context.WithTimeout(context.Background(), time.Minute)
		time.AfterFunc(100*time.Millisecond, leave)
		expectEnd(t, node.Rotate(leaving, cx), messages.ExitFailed, context.Canceled, "nothing was done")
		time.Sleep(10 * time.Second)
		if count := noted(t, node, cx); count != 0 || node.Status().Contexts[0].Epoch != epoch {
			t.Errorf("%d facts are there, in epoch %d after %d", count, node.Status().Contexts[0].Epoch, epoch)
		}
		if _, err := node.Append(context.Background(), cx, remark("once")); err != nil || noted(t, node, cx) != 1 {
			t.Errorf("after all that: %v", err)
		}
	})
}

// A nil context is a mistake of the host, which sees it before anything is done.
func TestNilContextAppendsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		node := w.start(t.TempDir(), nil)
		cx, err := node.Found(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		func() {
			defer func() { _ = recover() }()
			//lint:ignore SA1012 this is the mistake
			_, _ = node.Append(nil, cx, remark("by mistake"))
		}()
		time.Sleep(time.Second)
		if count := noted(t, node, cx); count != 0 {
			t.Errorf("%d facts are there", count)
		}
	})
}

// sleepy suspends an actor for some time, once it is armed and told something. The
// path is set before that.
type sleepy struct {
	supervision.KillAt
	path  string
	armed atomic.Bool
	rest  time.Duration
}

// Told implements supervision.Chaos.
func (s *sleepy) Told(d supervision.Delivery) supervision.Fate {
	if s.armed.Load() && d.Path == s.path && s.armed.CompareAndSwap(true, false) {
		return supervision.Fate{Suspend: s.rest}
	}
	return supervision.Fate{}
}

// asleep is a node with a context whose store sleeps for a minute when it is next
// told something.
func (w *world) asleep(dir string) (*actors.Node, messages.ContextID) {
	chaos := &sleepy{KillAt: func(supervision.Point) bool { return false }, rest: time.Minute}
	config := w.config(0, dir)
	config.Chaos = chaos
	node := w.startOn(config)
	w.nodes = append(w.nodes, node)
	cx, err := node.Found(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	time.Sleep(time.Second)
	for _, actor := range node.Inspect() {
		if strings.HasPrefix(actor.Path, "/contexts/") && strings.HasSuffix(actor.Path, "/store") {
			chaos.path = actor.Path
		}
	}
	chaos.armed.Store(true)
	return node, cx
}

// Of a journal that does not answer nobody knows what it will do, and the error
// says so.
func TestJournalThatDoesNotAnswerMayStillWrite(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		node, cx := w.asleep(dir)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		began := time.Now()
		_, err := node.Append(ctx, cx, remark("who knows"))
		expectEnd(t, err, messages.ExitWaiting, context.DeadlineExceeded, "it may still be done")
		if took := time.Since(began); took > 4*time.Second {
			t.Errorf("it took %v to say so", took)
		}
	})
}

// Who ended the wait is who is named: a node that stops, or whoever ended ctx for a
// reason of its own.
func TestWhoseStopEndedTheCallIsSaid(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		node, cx := w.asleep(dir)
		hungUp := messages.Problem{Code: messages.ExitNoNode, What: "the node hung up"}
		ended, end := context.WithCancelCause(context.Background())
		end(hungUp)
		_, err := node.Append(ended, cx, remark("never asked for"))
		expectEnd(t, err, messages.ExitNoNode, hungUp, "the node hung up before it was begun, so nothing was done")

		time.AfterFunc(time.Second, func() { _ = node.Stop(context.Background()) })
		_, err = node.Append(context.Background(), cx, remark("who knows"))
		expectEnd(t, err, messages.ExitNoNode, actors.ErrStopped, "the node has stopped before the journal answered, so it may be done")
	})
}
