package actors

import (
	"maps"
	"testing"

	"github.com/waymeet/waymeet/messages"
)

// A node that has forked its own chain says so itself.
func TestStatusTellsOfTheForkOfItsOwn(t *testing.T) {
	n := newNode(t, t.TempDir())
	cx, err := n.Found(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if n.contextStatus(cx).Forked {
		t.Error("it has not forked yet")
	}
	view := *n.views.View(cx)
	view.Equivocated = maps.Clone(view.Equivocated)
	if view.Equivocated == nil {
		view.Equivocated = map[messages.AuthorityID]messages.Seq{}
	}
	view.Equivocated[n.Authority()] = 3
	state, _ := n.views.state(cx)
	n.views.publish(&view, state)
	if !n.contextStatus(cx).Forked {
		t.Error("it has forked, and does not say so")
	}
}
