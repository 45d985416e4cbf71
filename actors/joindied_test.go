package actors

import (
	"errors"
	"strings"
	"testing"

	"github.com/waymeet/waymeet/messages"
)

// A join that ends with its node tells why the node has ended.
func TestJoinTellsWhyItsNodeHasStopped(t *testing.T) {
	n := newNode(t, t.TempDir())
	var problem messages.Problem
	if err := n.joinDied(); !errors.As(err, &problem) || problem.Whose != "its actor died on this node" {
		t.Errorf("a node that runs: %v", err)
	}
	n.fail(journalProblem(messages.ContextID{7}, "a write failed: no space left on device"))
	err := n.joinDied()
	if !errors.Is(err, ErrStopped) || !errors.As(err, &problem) || problem.Hint != mendDisk || !strings.HasSuffix(problem.Whose, "no space left on device") {
		t.Errorf("a node without room: %v", err)
	}
	<-n.Done()
}
