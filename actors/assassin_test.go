package actors_test

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing/synctest"
	"time"

	"github.com/waymeet/waymeet/actors"
	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/supervision"
)

// assassin kills every life that comes to the actors of a pattern: at its
// acknowledgement, or a little after it.
type assassin struct {
	early bool

	mu      sync.Mutex
	node    *actors.Node
	pattern string // empty: nobody dies
}

// restless is how long a life lasts.
const restless = 5 * time.Millisecond

func (a *assassin) begin(node *actors.Node, pattern string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.node, a.pattern = node, pattern
}

func (a *assassin) end() { a.begin(nil, "") }

func (a *assassin) hunted(at string) (*actors.Node, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.node, a.pattern != "" && supervision.Match(a.pattern, at)
}

// at is the chaos hook.
func (a *assassin) at(p supervision.Point) bool {
	_, hunted := a.hunted(p.Path)
	return hunted && a.early && p.Phase == supervision.Acknowledging
}

// hear hears of every life that is up.
func (a *assassin) hear(n note) {
	if node, hunted := a.hunted(n.actor); hunted && !a.early && n.what == started {
		time.AfterFunc(restless, func() { node.Kill(n.actor) })
	}
}

// What the tree logs, and this test looks for.
const (
	started     = "actor started"
	crashed     = "actor crashed"
	restarting  = "actor restarts"
	gaveUp      = "restart intensity exceeded"
	quarantined = "actor is quarantined"
)

// note is one line of the tree's log.
type note struct {
	what, actor, reason string
	incarnation         supervision.Incarnation
}

// witness notes what the tree logs and what the host is told, in order.
type witness struct {
	told  func(note)
	mu    sync.Mutex
	notes []note
	heard []messages.Event
}

// listen notes what the host is told, until its node has stopped.
func (w *witness) listen(events <-chan messages.Event) {
	go func() {
		for e := range events {
			w.mu.Lock()
			w.heard = append(w.heard, e)
			w.mu.Unlock()
		}
	}()
}

// events are the reasons of all events of a kind.
func (w *witness) events(kind messages.EventKind) (reasons []string) {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.heard {
		if e.Kind == kind {
			reasons = append(reasons, e.Reason)
		}
	}
	return reasons
}

// reasons are those of all lines of a kind.
func (w *witness) reasons(what string) (reasons []string) {
	for _, n := range w.all() {
		if n.what == what {
			reasons = append(reasons, n.reason)
		}
	}
	return reasons
}

func (w *witness) all() []note {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.notes)
}

// Enabled, Handle, WithAttrs and WithGroup make it a slog.Handler.
func (w *witness) Enabled(context.Context, slog.Level) bool { return true }
func (w *witness) WithAttrs([]slog.Attr) slog.Handler       { return w }
func (w *witness) WithGroup(string) slog.Handler            { return w }

func (w *witness) Handle(_ context.Context, r slog.Record) error {
	n := note{what: r.Message}
	r.Attrs(func(a slog.Attr) bool {
		switch a.Key {
		case "actor":
			n.actor = a.Value.String()
		case "incarnation":
			n.incarnation = supervision.Incarnation(a.Value.Uint64())
		case "reason":
			n.reason = a.Value.String()
		}
		return true
	})
	w.mu.Lock()
	w.notes = append(w.notes, n)
	w.mu.Unlock()
	w.told(n)
	return nil
}
