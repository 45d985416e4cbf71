package actors

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"

	"github.com/waymeet/waymeet/supervision"
)

// shortLived ends at its first message.
type shortLived struct{}

func (shortLived) Start(*supervision.Context[string]) error         { return nil }
func (shortLived) Receive(c *supervision.Context[string], _ string) { c.StopSelf() }
func (shortLived) Stop(*supervision.Context[string])                {}

// News of a child that ended, when it comes late, concerns no later child of the
// same name.
func TestHostKeeperHearsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &Node{log: slog.New(slog.DiscardHandler)}
		tree, err := supervision.Start(supervision.Config{}, supervision.SupervisorSpec{
			Strategy: supervision.RestForOne,
			Children: []supervision.Child{
				supervision.SupervisorSpec{Name: "host", Strategy: supervision.Dynamic, Intensity: boundless}.Child(),
				n.hostKeeperChild(),
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer tree.Stop(context.Background())
		n.root.Store(tree)
		child := supervision.WorkerSpec[string]{
			Name: "a", Restart: supervision.Temporary, New: func() supervision.Actor[string] { return shortLived{} },
		}.Child()
		if err := n.Supervise(child); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		tree.Suspend("/hostkeeper")
		if err := HostActor[string](n, "a").Tell("end"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := n.Dismiss("a"); err != nil {
			t.Fatal(err)
		}
		if err := n.Supervise(child); err != nil {
			t.Fatal(err)
		}
		tree.Resume("/hostkeeper")
		synctest.Wait()
		if err := n.Dismiss("a"); err != nil {
			t.Errorf("the later one, which runs, is not known: %v", err)
		}
	})
}
