package rendezvous

import (
	"testing"

	"github.com/waymeet/waymeet/messages"
)

func TestSnapshot(t *testing.T) {
	w := newWorld(t)
	w.ledger = spentToward(bob, 24)
	w.ledger.Leaked = map[messages.Hour]messages.Leakage{noon.Hour(): {InGroup: 40}}
	s := w.snapshot(alice, bob)
	if s.Authority != alice.Authority() || s.Context != w.context || s.Epoch != epoch || s.Now != noon || len(s.Capabilities) != 5 {
		t.Errorf("%+v", s)
	}
	if s.FlowRemaining != 1000 || s.LeakageRemaining != (messages.Leakage{External: 1000, Neighbor: 500, InGroup: 60}) {
		t.Errorf("%+v", s)
	}
	if other := w.snapshot(alice, carol); other.FlowRemaining != messages.FlowLimit {
		t.Errorf("what was spent toward one peer is missing toward another: %+v", other)
	}
	if stranger := w.snapshot(mallo, bob); len(stranger.Capabilities) > 0 {
		t.Errorf("who is not in the roster may %q", stranger.Capabilities)
	}
	small := NewRendezvousService(alice.Authority(), RendezvousConfig{FlowLimit: 30, LeakageLimit: messages.Leakage{InGroup: 41}})
	if s := small.Snapshot(w.view(alice), bob.Authority(), noon); s.FlowRemaining != 6 || s.LeakageRemaining != (messages.Leakage{InGroup: 1}) {
		t.Errorf("%+v", s)
	}
}
