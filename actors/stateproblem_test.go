package actors_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/transport/store"
)

// A context that could not be made is a Problem with a way out, and is there neither
// now nor after a restart.
func TestFoundWithoutRoom(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		node := w.start(dir, nil)
		inTheWay := filepath.Join(dir, store.ManifestFile+".new") // as a full disk is, there alone
		if err := os.Mkdir(inTheWay, 0o700); err != nil {
			t.Fatal(err)
		}
		_, err := node.Found(context.Background())
		var problem messages.Problem
		if !errors.As(err, &problem) || !strings.HasPrefix(problem.What, "cannot make the journal of cx-") || problem.Hint == "" {
			t.Errorf("got %v", err)
		}
		if err := os.Remove(inTheWay); err != nil {
			t.Fatal(err)
		}
		if err := node.Stop(context.Background()); err != nil {
			t.Fatal(err)
		}
		again := w.start(dir, nil)
		if contexts := again.Contexts(); len(contexts) != 0 {
			t.Errorf("there are %v", contexts)
		}
		if _, err := again.Found(context.Background()); err != nil {
			t.Error(err)
		}
	})
}
