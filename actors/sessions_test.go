package actors_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/journal"
	"github.com/waymeet/waymeet/supervision"
)

// heard is what the sync actor of a node is told of its sessions, in order.
type heard struct {
	mu   sync.Mutex
	what []string
}

func (h *heard) note(what string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.what = append(h.what, what)
}

// watch notes the ends of sessions of which the actor hears.
func (h *heard) watch(p supervision.Point) bool {
	if actorKind(p.Path) == "sync" && p.Phase == supervision.BeforeMessage && strings.HasSuffix(p.Message, "SyncClosed") {
		h.note("closed")
	}
	return false
}

// An actor that heard of a session's end before it heard of the session would
// hold it, and refuse those of the peer, until it took it for silent.
func TestSessionIsHeardOfBeforeItsEnd(t *testing.T) {
	a, b := joined(t)
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		time.Sleep(2 * time.Minute) // later than what is on disk
		var told heard
		node, peer := w.start(a, told.watch), w.start(b, nil)
		time.Sleep(settle)
		cx, channel := node.Contexts()[0], node.Status().Peers[0].Channel
		told.what = nil
		e := journal.OpenSession{Peer: peer.Authority(), Channel: channel}
		node.OpenSession(context.Background(), cx, e, func(m messages.JournalSyncMessage) {
			opened, ok := m.(messages.SyncOpened)
			if !ok || opened.Channel != channel {
				t.Fatalf("told %+v", m)
			}
			// The channel ends just now, and what follows has all the time.
			node.EndLine(channel)
			synctest.Wait()
			told.note("opened")
		})
		synctest.Wait()
		if want := []string{"opened", "closed"}; !slices.Equal(told.what, want) {
			t.Errorf("heard %q, not %q", told.what, want)
		}
	})
}

// A life that ends while its task opens a stream leaves no session behind.
func TestNoSessionOutlivesTheLifeThatAskedForIt(t *testing.T) {
	a, b := joined(t)
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		time.Sleep(2 * time.Minute)
		node, peer := w.start(a, nil), w.start(b, nil)
		time.Sleep(settle)
		cx, channel := node.Contexts()[0], node.Status().Peers[0].Channel
		ctx, end := context.WithCancel(context.Background())
		node.OpenSession(ctx, cx, journal.OpenSession{Peer: peer.Authority(), Channel: channel},
			func(messages.JournalSyncMessage) { end() })
		if held := node.Sessions(); held != 0 {
			t.Errorf("%d sessions are held", held)
		}
	})
}
