package actors_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waymeet/waymeet/actors/tree"
	"github.com/waymeet/waymeet/messages"
)

// A new life of the manager frees the attempts of the one before: whoever
// completed such a handshake is told, and the same hello may be answered again.
func TestAttemptsEndWithTheLifeThatBeganThem(t *testing.T) {
	a, _ := joined(t)
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		time.Sleep(2 * time.Minute)
		node := w.start(a, nil) // it calls the other one, who does not run
		var before []messages.AttemptID
		for end := time.Now().Add(settle); len(before) == 0; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("it calls nobody")
			}
			before = node.Attempts()
		}
		if killed := node.Kill(tree.AtManager); killed != 1 {
			t.Fatalf("%d killed", killed)
		}
		time.Sleep(time.Second)
		for _, id := range node.Attempts() {
			if slices.Contains(before, id) {
				t.Errorf("%v is there still", id)
			}
		}
	})
}
