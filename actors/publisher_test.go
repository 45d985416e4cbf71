package actors_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Epochs that open one after the other overtake the descriptor that is on its way:
// nobody is warned of that, and the one of the last epoch is there at once.
func TestEpochsInARowAreNoTrouble(t *testing.T) {
	a, b := joined(t)
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		node, member := w.start(a, nil), w.start(b, nil)
		time.Sleep(back)
		cx := node.Contexts()[0]
		for range 3 {
			if err := node.Rotate(context.Background(), cx); err != nil {
				t.Fatal(err)
			}
		}
		if err := node.Remove(context.Background(), cx, member.Authority()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(500 * time.Millisecond)
		count := node.Status().Contexts[0].Facts
		time.Sleep(time.Minute)
		if later := node.Status().Contexts[0].Facts; later != count {
			t.Errorf("%d facts are there, and %d after half a second", later, count)
		}
		for line := range strings.Lines(w.log.String()) {
			if strings.Contains(line, "level=WARN") {
				t.Error(line)
			}
		}
	})
}
