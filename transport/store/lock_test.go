package store_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/waymeet/waymeet/transport/store"
)

// A process that was forked a moment ago holds copies of our locks until it runs its
// own program: whoever asks for one waits a little.
func TestLockIsWaitedForALittle(t *testing.T) {
	directory := store.Directory(t.TempDir())
	synctest.Test(t, func(t *testing.T) {
		held, err := directory.Lock()
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			time.Sleep(20 * time.Millisecond)
			if err := held.Release(); err != nil {
				t.Error(err)
			}
		}()
		again, err := directory.Lock()
		if err != nil {
			t.Fatal(err)
		}
		if err := again.Release(); err != nil {
			t.Error(err)
		}
	})
}
