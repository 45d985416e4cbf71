package actors_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/waymeet/waymeet/actors"
	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/supervision"
)

// stopDeadline is how long an actor may take to stop.
const stopDeadline = 5 * time.Second

// One actor, whichever it is, is stuck for ever: the stop takes its deadline and
// no longer, names it, and leaves nothing else behind; several callers, at once
// and one after the other, get the same answer.
func TestStopNamesWhoIsStuck(t *testing.T) {
	a, b := joined(t)
	var all []string
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		node := w.start(copyDir(t, a), nil)
		w.start(copyDir(t, b), nil)
		time.Sleep(back)
		for _, actor := range node.Inspect() {
			if !actor.Supervisor {
				all = append(all, actor.Path)
			}
		}
	})
	if len(all) < 8 {
		t.Fatalf("only %d actors were found: %q", len(all), all)
	}
	for _, at := range all {
		t.Run(strings.ReplaceAll(strings.Trim(at, "/"), "/", "."), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				stopWithOneStuck(t, at, supervision.Stopping, copyDir(t, a), copyDir(t, b))
			})
		})
		if strings.HasPrefix(at, "/channels/pairs/") { // it is told something below
			t.Run("in a message", func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					stopWithOneStuck(t, at, supervision.BeforeMessage, copyDir(t, a), copyDir(t, b))
				})
			})
		}
	}
}

// stopWithOneStuck is one run: the actor is stuck when it comes to the phase.
func stopWithOneStuck(t *testing.T, at string, phase supervision.Phase, dir, peerDir string) {
	ignored := goleak.IgnoreCurrent()
	w := newWorld(t)
	gate := make(chan struct{})
	var armed atomic.Bool
	config := w.config(0, dir)
	config.Chaos = supervision.KillAt(func(p supervision.Point) bool {
		if armed.Load() && p.Phase == phase && p.Path == at {
			stuckForEver(gate)
		}
		return false
	})
	node := w.startOn(config)
	peer := w.startAt(1, peerDir, nil)
	time.Sleep(back)
	if peers := peer.Status().Peers; len(peers) != 1 || peers[0].Channel.IsZero() {
		t.Errorf("no channel: %+v", peers)
	}
	events := node.Events(context.Background())
	armed.Store(true)
	node.HoldRelay(true) // a message for every pair
	synctest.Wait()

	began := time.Now()
	var stops sync.WaitGroup
	answers := make([]error, 3)
	for i := range answers {
		stops.Go(func() { answers[i] = node.Stop(context.Background()) })
	}
	short, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	time.Sleep(time.Millisecond)
	if err := node.Stop(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with less time: %v", err)
	}
	stops.Wait()
	if took := time.Since(began); took < stopDeadline || took > stopDeadline+time.Second {
		t.Errorf("the stop took %v", took)
	}
	var stopped *supervision.StopError
	for _, err := range append(answers, node.Stop(context.Background())) {
		if !errors.As(err, &stopped) || len(stopped.Stuck) != 1 || !names(stopped.Stuck[0], at) || stopped.Cause != nil {
			t.Errorf("the stop says %v", err)
		}
	}
	if node.Err() != nil {
		t.Errorf("it was asked to stop, and yet %v", node.Err())
	}
	checkStuckEvent(t, events, at)

	// The stuck one holds nothing that a new node needs.
	w.nodes = []*actors.Node{w.startAt(0, dir, nil), peer}
	time.Sleep(back)
	w.checkMet()
	w.stop()
	if err := goleak.Find(ignored, goleak.IgnoreAnyFunction("github.com/waymeet/waymeet/actors_test.stuckForEver")); err != nil {
		t.Error(err)
	}
	close(gate)
}

// names reports whether a text names an actor, perhaps with the tasks that it
// runs.
func names(text, at string) bool { return text == at || strings.HasPrefix(text, at+" (tasks [") }

// stuckForEver is where the stuck actor is, as long as the test lasts.
func stuckForEver(gate chan struct{}) { <-gate }

// checkStuckEvent checks that the host heard who is stuck, and only of that one.
func checkStuckEvent(t *testing.T, events <-chan messages.Event, at string) {
	t.Helper()
	heard := 0
	for e := range events { // ends: the node has stopped
		if e.Kind != messages.EventActorStuck {
			continue
		}
		heard++
		if e.Actor != at || e.Incarnation == 0 || !strings.HasPrefix(e.Reason, "no reaction within 5s") {
			t.Errorf("the host heard %v", e)
		}
	}
	if heard != 1 {
		t.Errorf("the host heard %d times who is stuck", heard)
	}
}

// A host may stop the node while it hears of what happened: no actor waits for
// who reads events.
func TestStopFromAReaderOfEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		node := w.start(t.TempDir(), nil)
		stopped := make(chan error, 1)
		go func() {
			for e := range node.Events(context.Background()) {
				if e.Kind == messages.EventActorCrashed {
					stopped <- node.Stop(context.Background())
				}
			}
		}()
		synctest.Wait()
		if node.Kill("/channels/manager") != 1 {
			t.Error("nobody was killed")
		}
		if err := <-stopped; err != nil {
			t.Error(err)
		}
		<-node.Done()
	})
}
