package rendezvous

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// SPEC 4.2: "if that one is revoked or outside its window, there is none".
func TestCurrent(t *testing.T) {
	w := newWorld(t)
	w.publish(bob, both) // the older one stands, and is not taken
	for name, c := range map[string]struct {
		now  messages.Millis
		edit func(*DescriptorRecord)
		want bool
	}{
		"in its window":      {noon, func(*DescriptorRecord) {}, true},
		"to the last":        {noon.Add(time.Hour) - 1, func(*DescriptorRecord) {}, true},
		"when it ends":       {noon.Add(time.Hour), func(*DescriptorRecord) {}, false},
		"before it":          {noon - 1, func(*DescriptorRecord) {}, false},
		"when it is revoked": {noon, func(r *DescriptorRecord) { r.Revoked = true }, false},
	} {
		w := *w
		view := w.view(alice)
		record := view.Descriptors[bob.Authority()]
		c.edit(&record)
		view.Descriptors[bob.Authority()] = record
		if _, got := view.Current(bob.Authority(), c.now); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestPeers(t *testing.T) {
	w := newWorld(t)
	view := w.view(alice)
	peers := PeersOf(view, noon)
	if len(peers) != 2 || !slices.IsSortedFunc(peers, func(a, b PeerInfo) int { return a.Authority.Compare(b.Authority) }) {
		t.Fatalf("%d peers", len(peers))
	}
	for _, p := range peers {
		if p.Reachable != (p.Authority == bob.Authority()) || p.Authority == alice.Authority() || p.Key.Authority() != p.Authority {
			t.Errorf("%+v", p)
		}
	}
	if _, ok := InfoOf(view, mallo.Authority(), noon); ok {
		t.Error("a stranger is a peer")
	}
	for name, c := range map[string]struct {
		endpoints     []messages.LinkEndpoint
		direct, relay bool
	}{
		"both": {both, true, false}, "relay only": {both[:1], false, true}, "direct only": {both[1:], true, false}, "none": {nil, false, false},
	} {
		w.publish(bob, c.endpoints)
		info, _ := InfoOf(w.view(alice), bob.Authority(), noon)
		if info.HasDirectTransport() != c.direct || info.RequiresRelay() != c.relay {
			t.Errorf("%s: direct %v, relay %v", name, info.HasDirectTransport(), info.RequiresRelay())
		}
		gone, _ := InfoOf(w.view(alice), bob.Authority(), noon.Add(2*time.Hour))
		if gone.HasDirectTransport() || gone.RequiresRelay() {
			t.Errorf("%s: an expired descriptor still says how to reach its author", name)
		}
	}
}

func TestPeersNeedingRefresh(t *testing.T) {
	w := newWorld(t)
	ids := func(now messages.Millis) []messages.AuthorityID { return PeersNeedingRefresh(w.view(alice), now) }
	onlyCarol := []messages.AuthorityID{carol.Authority()}
	if got := ids(noon.Add(54*time.Minute) - 1); !reflect.DeepEqual(got, onlyCarol) {
		t.Errorf("%d peers", len(got))
	}
	if got := ids(noon.Add(54 * time.Minute)); len(got) != 2 {
		t.Errorf("in the last tenth: %d peers", len(got))
	}
	w.change(bob, func(r *DescriptorRecord) { r.Epoch-- })
	if got := ids(noon); len(got) != 2 {
		t.Errorf("of an older epoch: %d peers", len(got))
	}
}

// SPEC 4.1: "refresh when the last 10 % of the window begins, or at once when
// the endpoints change". SPEC 7.8: "at once when an epoch advances".
func TestOwnRefresh(t *testing.T) {
	w := newWorld(t)
	cases := []struct {
		name      string
		now       messages.Millis
		endpoints []messages.LinkEndpoint
		edit      func(*DescriptorRecord)
		want      RefreshReason
	}{
		{"all is well", noon, both, func(*DescriptorRecord) {}, RefreshNone},
		{"just before the last tenth", noon.Add(54*time.Minute) - 1, both, func(*DescriptorRecord) {}, RefreshNone},
		{"in the last tenth", noon.Add(54 * time.Minute), both, func(*DescriptorRecord) {}, RefreshWindow},
		{"long after", noon.Add(500 * time.Hour), both, func(*DescriptorRecord) {}, RefreshWindow},
		{"another endpoint", noon, both[:1], func(*DescriptorRecord) {}, RefreshEndpoints},
		{"another order", noon, []messages.LinkEndpoint{ownAddress, relaySlot}, func(*DescriptorRecord) {}, RefreshEndpoints},
		{"older epoch", noon, both, func(r *DescriptorRecord) { r.Epoch-- }, RefreshEpoch},
		{"revoked", noon, both, func(r *DescriptorRecord) { r.Revoked = true }, RefreshRevoked},
	}
	for _, c := range cases {
		view := w.view(bob)
		record := view.Descriptors[bob.Authority()]
		c.edit(&record)
		view.Descriptors[bob.Authority()] = record
		if got := OwnRefresh(view, c.endpoints, c.now); got != c.want {
			t.Errorf("%s: %q", c.name, got)
		}
	}
	if got := OwnRefresh(w.view(carol), both, noon); got != RefreshFirst {
		t.Errorf("without one: %q", got)
	}
}
