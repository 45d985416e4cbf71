package tree

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/waymeet/waymeet/supervision"
)

// A keeper that meets its supervisor on the way down has not failed: no restart
// is counted, and none waits. Any other error is a failure.
func TestKeeperStart(t *testing.T) {
	for _, c := range []struct {
		err   error
		fails bool
	}{
		{nil, false},
		{errors.Join(nil, fmt.Errorf("%w: /relays is stopping", supervision.ErrStopped)), false},
		{errors.New("no database"), true},
	} {
		tree, err := supervision.Start(supervision.Config{}, supervision.SupervisorSpec{
			Children: []supervision.Child{Keeper("keeper", func(*supervision.Tree) error { return c.err })},
		})
		if (err != nil) != c.fails {
			t.Errorf("%v: the tree started with %v", c.err, err)
		}
		if err == nil {
			if err := tree.Stop(context.Background()); err != nil {
				t.Error(err)
			}
		}
	}
}
