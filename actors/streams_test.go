package actors_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waymeet/waymeet/actors"
	"github.com/waymeet/waymeet/messages"
)

// Who is not to be reached is said so at once, also to who waits already; who may be
// about to join is waited for.
func TestStreamToWhoIsNoPeer(t *testing.T) {
	a, b := joined(t)
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		node, member := w.start(a, nil), w.startAt(1, b, nil)
		time.Sleep(back)
		cx, self, peer := node.Contexts()[0], node.Authority(), member.Authority()
		open := func(cx messages.ContextID, peer messages.AuthorityID, within time.Duration) error {
			ctx, cancel := context.WithTimeout(context.Background(), within)
			defer cancel()
			began := time.Now()
			_, err := node.OpenStream(ctx, actors.Pair{Context: cx, Peer: peer}, "chat/1")
			_, sent := node.SendFile(ctx, actors.Pair{Context: cx, Peer: peer}, "a.txt", 1, strings.NewReader("a"))
			if problem := (messages.Problem{}); errors.As(err, &problem) && sent != problem {
				t.Errorf("a stream: %v; a file: %v", err, sent)
			}
			if took := time.Since(began); took > 0 && took < within {
				t.Errorf("it took %v to say %v", took, err)
			}
			return err
		}
		wantProblem(t, open(cx, self, time.Minute), messages.ExitUsage, "it is this node itself")
		wantProblem(t, open(messages.ContextID{1}, peer, time.Minute), messages.ExitUsage, "not a member of it")
		if err := open(cx, messages.AuthorityID{1}, time.Minute); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("who may be about to join: %v", err)
		}

		if err := member.Stop(context.Background()); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Minute) // its channel has ended
		waits := make(chan error)
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
			defer cancel()
			_, err := node.OpenStream(ctx, actors.Pair{Context: cx, Peer: peer}, "chat/1")
			waits <- err
		}()
		synctest.Wait()
		if err := node.Remove(context.Background(), cx, peer); err != nil {
			t.Fatal(err)
		}
		wantProblem(t, <-waits, messages.ExitFailed, "it was removed from "+cx.Short())
		wantProblem(t, open(cx, peer, time.Minute), messages.ExitFailed, "it was removed from "+cx.Short())
	})
}

// wantProblem fails unless an error is a Problem with that code that says that.
func wantProblem(t *testing.T, err error, code messages.ExitCode, says string) {
	t.Helper()
	var problem messages.Problem
	if !errors.As(err, &problem) || problem.Code != code || problem.Hint == "" || !strings.Contains(problem.Whose, says) {
		t.Errorf("got %v, want one that says %s", err, says)
	}
}
