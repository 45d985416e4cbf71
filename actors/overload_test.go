package actors_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/supervision"
)

// lazy is a host actor that takes a minute for every message.
type lazy struct{}

func (lazy) Start(*supervision.Context[int]) error      { return nil }
func (lazy) Stop(*supervision.Context[int])             {}
func (lazy) Receive(_ *supervision.Context[int], _ int) { time.Sleep(time.Minute) }

// The host hears of an actor that is at one message for long, and of one whose
// mailbox is full, each once.
func TestHostHearsOfBlockedAndOverloaded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		node := w.start(t.TempDir(), nil)
		spec := supervision.WorkerSpec[int]{
			Name: "lazy", Mailbox: 2, StopWithin: 2 * time.Minute, New: func() supervision.Actor[int] { return lazy{} },
		}
		if err := node.Supervise(spec.Child()); err != nil {
			t.Fatal(err)
		}
		heard := make(map[messages.EventKind]string)
		go func() {
			for e := range node.Events(t.Context()) {
				if e.Actor == "/host/lazy" && e.Kind != messages.EventActorRestarted {
					heard[e.Kind] += e.Reason
				}
			}
		}()
		synctest.Wait()
		tree, inbox := node.Tree(), 0
		tree.Suspend("/host/lazy") // so that it takes none meanwhile
		for range 5 {
			if supervision.Lookup[int](tree, "/host/lazy").Tell(1) == nil {
				inbox++
			}
		}
		tree.Resume("/host/lazy")
		time.Sleep(50 * time.Second)
		synctest.Wait()
		if inbox != 2 {
			t.Errorf("%d of 5 found room", inbox)
		}
		if why := heard[messages.EventActorBlocked]; why != "at one int for 10s" && why != "at one int for 15s" {
			t.Errorf("blocked: %q", why)
		}
		if why := heard[messages.EventActorOverloaded]; why != "2 messages wait, no more find room" {
			t.Errorf("overloaded: %q", why)
		}
	})
}
