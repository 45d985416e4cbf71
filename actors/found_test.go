package actors_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waymeet/waymeet/actors"
	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/supervision"
)

// slowStart is a node whose stores take 3 s to start. What is given to it runs
// when the first one does.
func (w *world) slowStart(dir string, meanwhile func(*actors.Node)) *actors.Node {
	var node atomic.Pointer[actors.Node]
	config := w.config(0, dir)
	config.Chaos = supervision.KillAt(func(p supervision.Point) bool {
		if p.Phase == supervision.Starting && strings.HasSuffix(p.Path, "/store") {
			if n := node.Swap(nil); n != nil {
				meanwhile(n)
			}
			time.Sleep(3 * time.Second)
		}
		return false
	})
	n := w.startOn(config)
	w.nodes = append(w.nodes, n)
	node.Store(n)
	return n
}

// expectContext fails unless the context is the only one of a node that is started in
// that directory.
func (w *world) expectContext(dir string, cx messages.ContextID) {
	w.t.Helper()
	if contexts := w.start(dir, nil).Contexts(); len(contexts) != 1 || contexts[0] != cx {
		w.t.Errorf("there are %v, and %v was made", contexts, cx)
	}
}

// A context is made once it is on disk, and the stop of the node changes nothing in
// that: whoever was told of an error would make another one.
func TestContextOfANodeThatStopsIsMade(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		node := w.slowStart(dir, func(n *actors.Node) { go func() { _ = n.Stop(context.Background()) }() })
		cx, err := node.Found(context.Background())
		if err != nil || cx.IsZero() {
			t.Errorf("made %v, and yet %v", cx, err)
		}
		<-node.Done()
		if late, err := node.Found(context.Background()); !errors.Is(err, actors.ErrStopped) || !late.IsZero() {
			t.Errorf("a node that has stopped made %v, %v", late, err)
		}
		w.expectContext(dir, cx)
	})
}

// Nor does it matter who is the first to lose patience while the node stops: whoever
// waits for the context, or whoever stops the node.
func TestContextOfANodeThatStopsIsMadeThoughNobodyWaits(t *testing.T) {
	for name, patience := range map[string]struct{ founder, stopper time.Duration }{
		"the founder does not": {time.Second, time.Minute},
		"the stopper does not": {time.Minute, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				defer w.stop()
				within := func(most time.Duration) context.Context {
					ctx, cancel := context.WithTimeout(context.Background(), most)
					t.Cleanup(cancel)
					return ctx
				}
				node := w.slowStart(dir, func(n *actors.Node) { go func() { _ = n.Stop(within(patience.stopper)) }() })
				began := time.Now()
				cx, err := node.Found(within(patience.founder))
				if took := time.Since(began); err != nil || cx.IsZero() || took != time.Second {
					t.Errorf("made %v after %v, and yet %v", cx, took, err)
				}
				if _, err := node.Append(context.Background(), cx, remark("too late")); !errors.Is(err, actors.ErrStopped) {
					t.Errorf("it says of the context: %v", err)
				}
				<-node.Done()
				w.nodes = nil // to stop it again says once more who was not waited for
				time.Sleep(3 * time.Second)
				w.expectContext(dir, cx)
			})
		})
	}
}

// A stop that is under way, and takes its time, makes nothing more.
func TestNodeThatStopsMakesNoContext(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		node := w.start(dir, func(p supervision.Point) bool {
			if p.Phase == supervision.Stopping && p.Path == "/network/generations" {
				time.Sleep(time.Second)
			}
			return false
		})
		go func() { _ = node.Stop(context.Background()) }()
		time.Sleep(time.Millisecond)
		if cx, err := node.Found(context.Background()); !errors.Is(err, actors.ErrStopped) || !cx.IsZero() {
			t.Errorf("it made %v, %v", cx, err)
		}
		<-node.Done()
		if contexts := w.start(dir, nil).Contexts(); len(contexts) != 0 {
			t.Errorf("there are %v", contexts)
		}
	})
}

// Who does not wait for the journal to come up is told that the context is made, and
// which one it is.
func TestContextThatIsNotUpInTimeIsNamed(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		node := w.slowStart(dir, func(*actors.Node) {})
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		cx, err := node.Found(ctx)
		expectEnd(t, err, messages.ExitWaiting, context.DeadlineExceeded, "did not come up in time")
		if cx.IsZero() || !strings.HasPrefix(err.Error(), cx.String()+" is made") {
			t.Errorf("made %v: %v", cx, err)
		}
		_, appended := node.Append(context.Background(), cx, remark("too soon"))
		_, opened := node.OpenStream(context.Background(), actors.Pair{Context: cx, Peer: messages.AuthorityID{1}}, "chat/1")
		_, invited := node.Invite(context.Background(), cx, 0)
		for _, err := range []error{appended, opened, invited} {
			wantProblem(t, err, messages.ExitWaiting, "its journal is not up yet")
		}
		for _, err := range node.Facts(context.Background(), cx, messages.FactQuery{}) {
			wantProblem(t, err, messages.ExitWaiting, "its journal is not up yet")
		}
		time.Sleep(5 * time.Second)
		if contexts := node.Contexts(); len(contexts) != 1 || contexts[0] != cx {
			t.Errorf("there are %v, and %v was made", contexts, cx)
		}
	})
}

// A context that is made while the supervisor of all contexts is between two lives
// comes up with it.
func TestContextIsMadeWhileTheirSupervisorRestarts(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		node := w.start(dir, func(p supervision.Point) bool {
			if p.Phase == supervision.Stopping && strings.HasSuffix(p.Path, "/store") {
				time.Sleep(time.Second)
			}
			return false
		})
		if _, err := node.Found(context.Background()); err != nil {
			t.Fatal(err)
		}
		if node.Kill("/contexts") != 1 {
			t.Error("nobody was killed")
		}
		time.Sleep(time.Millisecond)
		cx, err := node.Found(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := node.Append(context.Background(), cx, remark("it works")); err != nil {
			t.Error(err)
		}
	})
}

// Whoever waited in vain for a ticket into a new context is told which one that is, and
// why, in words for people and programs.
func TestTicketThatIsNotMadeNamesTheContextThatIs(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		node := w.start(dir, nil)
		if node.Tree().Suspend("/bootstrap/inviter") != 1 {
			t.Fatal("there is no inviter")
		}
		for _, end := range []struct {
			cause error
			code  messages.ExitCode
		}{
			{context.DeadlineExceeded, messages.ExitWaiting},
			{context.Canceled, messages.ExitFailed},
			{actors.ErrStopped, messages.ExitNoNode},
		} {
			before := node.Contexts()
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			time.AfterFunc(time.Second, func() {
				switch end.cause {
				case context.Canceled:
					cancel()
				case actors.ErrStopped:
					_ = node.Stop(context.Background())
				}
			})
			_, err := node.InviteIntoNew(ctx, 0)
			cancel()
			made := slices.DeleteFunc(node.Contexts(), func(cx messages.ContextID) bool { return slices.Contains(before, cx) })
			if len(made) != 1 {
				t.Fatalf("it made %v, and says %v", made, err)
			}
			expectEnd(t, err, end.code, end.cause, "; the new context "+made[0].String()+" is there")
		}
	})
}
