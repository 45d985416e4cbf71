package channel

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/waymeet/waymeet/messages"
)

var allStates = []State{Establishing, Active, Rotating, Closed, Errored}

// TestEveryTransition walks the whole product (SPEC 8.1).
func TestEveryTransition(t *testing.T) {
	allowed := map[[2]State]bool{
		{Establishing, Active}: true, {Establishing, Closed}: true, {Establishing, Errored}: true,
		{Active, Rotating}: true, {Active, Closed}: true, {Active, Errored}: true,
		{Rotating, Active}: true, {Rotating, Closed}: true, {Rotating, Errored}: true,
	}
	for _, from := range allStates {
		for _, to := range allStates {
			c := &SecureChannel{State: from}
			err := c.Become(to)
			switch {
			case allowed[[2]State{from, to}] && (err != nil || c.State != to):
				t.Errorf("%s → %s: %v, now %s", from, to, err, c.State)
			case !allowed[[2]State{from, to}] && (err == nil || c.State != from):
				t.Errorf("%s → %s was not refused", from, to)
			}
		}
		if over := from == Closed || from == Errored; over != from.Over() {
			t.Errorf("%s.Over() = %t", from, !over)
		}
	}
}

func TestChannelIDBindsEverything(t *testing.T) {
	base := ChannelOf(messages.ContextID{1}, 2, [32]byte{3})
	for name, other := range map[string]messages.ChannelID{
		"context": ChannelOf(messages.ContextID{9}, 2, [32]byte{3}),
		"epoch":   ChannelOf(messages.ContextID{1}, 9, [32]byte{3}),
		"hash":    ChannelOf(messages.ContextID{1}, 2, [32]byte{9}),
	} {
		if other == base {
			t.Errorf("another %s gives the same channel", name)
		}
	}
}

func TestNewChannelIsProvisional(t *testing.T) {
	c := fromRecord(messages.AuthorityID{1}, messages.ChannelRecord{Peer: messages.AuthorityID{2}})
	if c.Agreement != messages.A1Provisional || !c.ReversionRisk() || c.Usable() {
		t.Errorf("agreement %s, reversion risk %t, usable %t", c.Agreement, c.ReversionRisk(), c.Usable())
	}
	c.Agreement = messages.A3Finalized
	if c.ReversionRisk() {
		t.Error("what is finalized does not revert")
	}
}

// TestRegistryAgainstTheNaiveOne holds ChannelManager against a plain list:
// the current one of a pair is the last one registered that is not over.
func TestRegistryAgainstTheNaiveOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		registry, list := NewChannelManager(), []*SecureChannel{}
		for step := range rapid.IntRange(1, 40).Draw(t, "steps") {
			switch rapid.IntRange(0, 2).Draw(t, "what") {
			case 0:
				c := &SecureChannel{
					Channel: messages.ChannelID{byte(step + 1)},
					Context: messages.ContextID{rapid.Byte().Draw(t, "context") % 2},
					Remote:  messages.AuthorityID{rapid.Byte().Draw(t, "peer") % 2},
				}
				before := naiveCurrent(list, c.Context, c.Remote)
				if replaced := registry.Register(c); replaced != before {
					t.Fatalf("replaced %v, want %v", replaced, before)
				} else if replaced != nil && !replaced.Draining {
					t.Fatal("the first does not drain")
				}
				list = append(list, c)
			case 1:
				if len(list) > 0 {
					c := list[rapid.IntRange(0, len(list)-1).Draw(t, "over")]
					_ = c.Become(Closed)
				}
				registry.Prune()
				list = slices.DeleteFunc(list, func(c *SecureChannel) bool { return c.State.Over() })
			}
			checkRegistry(t, registry, list)
		}
	})
}

func checkRegistry(t *rapid.T, registry *ChannelManager, list []*SecureChannel) {
	if len(registry.All()) != len(list) {
		t.Fatalf("%d channels, want %d", len(registry.All()), len(list))
	}
	for _, c := range list {
		if registry.FindByID(c.Channel) != c {
			t.Fatal("a channel is not found by its id")
		}
		// A replaced one that is over does not bring back the one before it.
		found := registry.FindByContextPeer(c.Context, c.Remote)
		if want := naiveCurrent(list, c.Context, c.Remote); found != want {
			t.Fatalf("current %v, want %v", found, want)
		}
	}
}

// naiveCurrent is the last one registered, unless it drains: then its
// successor is over, and the pair has none.
func naiveCurrent(list []*SecureChannel, context messages.ContextID, peer messages.AuthorityID) *SecureChannel {
	for _, c := range slices.Backward(list) {
		if c.Context == context && c.Remote == peer {
			if c.Draining {
				return nil
			}
			return c
		}
	}
	return nil
}

func TestAdvanceEpoch(t *testing.T) {
	registry := NewChannelManager()
	for i := range byte(4) {
		registry.Register(&SecureChannel{
			Channel: messages.ChannelID{i}, Context: messages.ContextID{i / 2}, Remote: messages.AuthorityID{i}, Epoch: messages.Epoch(i),
		})
	}
	marked, err := registry.AdvanceEpoch(messages.ContextID{0}, 1)
	if err != nil || len(marked) != 1 || marked[0].Channel != (messages.ChannelID{0}) || !marked[0].NeedsRotation {
		t.Errorf("marked %v, %v: want the one of epoch 0 in that context", marked, err)
	}
	if again, err := registry.AdvanceEpoch(messages.ContextID{0}, 1); err != nil || len(again) != 0 {
		t.Errorf("the same epoch again marks %d, %v", len(again), err)
	}
	if _, err := registry.AdvanceEpoch(messages.ContextID{0}, 0); !errors.Is(err, ErrEpochRegression) {
		t.Errorf("an older epoch gives %v", err)
	}
	if registry.FindByID(messages.ChannelID{2}).NeedsRotation {
		t.Error("an epoch of one context marks a channel of another")
	}
}

func TestBackoff(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		failures := rapid.IntRange(0, 1000).Draw(t, "failures")
		hundredths := rapid.IntRange(-backoffJitter, backoffJitter).Draw(t, "jitter")
		most := rapid.SampledFrom([]time.Duration{backoffMax, catchUpBackoff}).Draw(t, "most")
		wait := backoff(failures, hundredths, most)
		if wait > most || wait < backoffBase*(100-backoffJitter)/100 {
			t.Fatalf("waits %v", wait)
		}
		if next := backoff(failures+1, hundredths, most); next < wait {
			t.Fatalf("waits %v, then only %v", wait, next)
		}
	})
}

func TestCounterOrder(t *testing.T) {
	ordered := []Counter{{}, {1, 1}, {1, 2}, {2, 0}, {2, 1}}
	for i, c := range ordered {
		for j, d := range ordered {
			if c.After(d) != (i > j) {
				t.Errorf("%v after %v = %t", c, d, c.After(d))
			}
		}
	}
	if text := fmt.Sprint(Establishing, Active, Rotating, Closed, Errored); text != "Establishing Active Rotating Closed Errored" {
		t.Error(text)
	}
}
