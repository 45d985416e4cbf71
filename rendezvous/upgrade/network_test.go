package upgrade

import (
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
)

var (
	wildSocket = netip.MustParseAddrPort("0.0.0.0:4000")
	mappedOne  = netip.MustParseAddrPort("203.0.113.5:6000")
	mappedTwo  = netip.MustParseAddrPort("203.0.113.5:6001")
	atHome     = messages.Interfaces{DefaultRoutes: "eth0 192.168.1.1", Bindings: []messages.Binding{
		ethernet, prefix("lo", "127.0.0.1/8", false), prefix("eth0", "2001:db8::7/64", true),
	}}
	onTheRoad = messages.Interfaces{DefaultRoutes: "wlan0 10.0.0.1", Bindings: []messages.Binding{prefix("wlan0", "10.0.0.9/24", true)}}
)

// watch is a Network with what its shell would do.
type watch struct {
	t     *testing.T
	now   time.Time
	n     *Network
	saved NetworkSaved
	all   []NetworkEffect
}

func newWatch(t *testing.T) *watch {
	return &watch{t: t, now: start, n: NewNetwork(NetworkSaved{})}
}

func (w *watch) step(event messages.NetworkMessage) []NetworkEffect {
	effects := w.n.Step(w.now, event)
	w.all = append(w.all, effects...)
	for _, effect := range effects {
		if save, ok := effect.(SaveNetwork); ok {
			w.saved = save.Saved
		}
	}
	if due := w.n.Deadline(); !due.IsZero() && !due.After(w.now) {
		w.t.Fatalf("after %T the deadline is not after now", event)
	}
	return effects
}

// settle lets everything become due.
func (w *watch) settle() {
	for range 100 {
		if w.n.Deadline().IsZero() {
			return
		}
		w.now = w.n.Deadline()
		w.step(messages.Tick{})
	}
	w.t.Fatal("it never settles")
}

func announced(w *watch) AnnounceNetwork {
	for at := len(w.all) - 1; at >= 0; at-- {
		if a, ok := w.all[at].(AnnounceNetwork); ok {
			return a
		}
	}
	w.t.Fatal("nothing was announced")
	panic("unreachable")
}

func publishedTexts(w *watch) []string {
	var texts []string
	for _, effect := range w.all {
		if p, ok := effect.(PublishEndpoints); ok {
			texts = nil
			for _, e := range p.Endpoints.Endpoints {
				texts = append(texts, e.Protocol.String()+" "+e.Address)
			}
		}
	}
	return texts
}

func started(t *testing.T) *watch {
	w := newWatch(t)
	w.step(messages.SocketBound{Addr: wildSocket})
	w.step(atHome)
	w.settle()
	return w
}

func TestNetworkStartsAtOnce(t *testing.T) {
	for name, order := range map[string][]messages.NetworkMessage{
		"socket first":     {messages.SocketBound{Addr: wildSocket}, atHome},
		"interfaces first": {atHome, messages.SocketBound{Addr: wildSocket}},
	} {
		w := newWatch(t)
		for _, message := range order {
			w.step(message)
		}
		if w.n.Generation() != 1 || w.now != start {
			t.Errorf("%s: generation %d", name, w.n.Generation())
		}
		w.settle()
		if got, want := publishedTexts(w), []string{"quic 192.168.1.7:4000"}; !reflect.DeepEqual(got, want) {
			t.Errorf("%s: published %q, want %q", name, got, want)
		}
	}
}

// SPEC 10.9: "interface, address or default-route change, or a wall-clock jump
// (resume from sleep); debounced 250 ms into one NetworkGeneration."
func TestChangesAreDebouncedIntoOne(t *testing.T) {
	routed := atHome
	routed.DefaultRoutes = "eth0 192.168.1.254"
	changes := map[string]messages.NetworkMessage{
		"interface": onTheRoad, "default route": routed,
		"clock": messages.ClockJumped{By: time.Hour}, "debug": messages.NetworkChanged{Reason: "debug"},
		"socket": messages.SocketBound{Addr: netip.MustParseAddrPort("0.0.0.0:4001")},
	}
	for name, change := range changes {
		w := started(t)
		w.step(change)
		w.now = w.now.Add(200 * time.Millisecond)
		w.step(messages.ClockJumped{By: time.Minute})
		if wait := w.n.Deadline().Sub(w.now); wait != changeQuiet || w.n.Generation() != 1 {
			t.Errorf("%s: generation %d, %s to wait", name, w.n.Generation(), wait)
		}
		w.settle()
		if w.n.Generation() != 2 || announced(w).Reason == "" {
			t.Errorf("%s: generation %d, %+v", name, w.n.Generation(), announced(w))
		}
	}
}

func TestNoChangeNoGeneration(t *testing.T) {
	w := started(t)
	again := atHome
	again.Bindings = []messages.Binding{atHome.Bindings[2], atHome.Bindings[0], atHome.Bindings[1], atHome.Bindings[0]}
	for _, same := range []messages.NetworkMessage{atHome, again, messages.SocketBound{Addr: wildSocket}, messages.Tick{}} {
		if effects := w.step(same); len(effects) > 0 {
			t.Errorf("%+v did %+v", same, effects)
		}
	}
	w.settle()
	if w.n.Generation() != 1 {
		t.Errorf("generation %d", w.n.Generation())
	}
}

func TestEndlessFlappingStillCounts(t *testing.T) {
	w := started(t)
	begin := w.now
	for at := 0; w.n.Generation() == 1; at++ {
		w.step([...]messages.Interfaces{onTheRoad, atHome}[at%2])
		w.now = w.now.Add(100 * time.Millisecond)
		if w.now.Sub(begin) > 2*changeLimit {
			t.Fatal("it waits for ever")
		}
	}
}

// A restart brings no new generation and forgets no observation.
func TestNetworkRestart(t *testing.T) {
	w := started(t)
	w.step(messages.Reflexive{Network: 1, Observer: "a", Mapped: mappedOne})
	w.settle()
	before := publishedTexts(w)
	w.n, w.all = NewNetwork(w.saved), nil
	w.step(messages.SocketBound{Addr: wildSocket})
	w.step(atHome)
	w.settle()
	if w.n.Generation() != 1 || announced(w).Reason != "" || announced(w).Local.Network != 1 {
		t.Errorf("generation %d, %+v", w.n.Generation(), announced(w))
	}
	if after := publishedTexts(w); !reflect.DeepEqual(after, before) {
		t.Errorf("published %q before and %q after", before, after)
	}
	w.n = NewNetwork(w.saved)
	w.step(messages.SocketBound{Addr: wildSocket})
	w.step(onTheRoad)
	w.settle()
	if w.n.Generation() != 2 {
		t.Errorf("the network moved while we were dead: generation %d", w.n.Generation())
	}
}

func TestReflexive(t *testing.T) {
	w := started(t)
	w.step(messages.Reflexive{Network: 1, Observer: "a", Mapped: mappedOne})
	w.settle()
	if got, want := publishedTexts(w), []string{"quic 192.168.1.7:4000", "quic-reflexive 203.0.113.5:6000"}; !reflect.DeepEqual(got, want) {
		t.Errorf("published %q, want %q", got, want)
	}
	w.step(messages.Reflexive{Network: 0, Observer: "b", Mapped: mappedTwo})
	if w.n.Stale() != 1 || announced(w).Local.HardNAT {
		t.Error("an observation of an older generation counts")
	}
	inside := netip.MustParseAddrPort("192.168.1.7:4000")
	w.step(messages.Reflexive{Network: 1, Observer: "relay in our network", Mapped: inside})
	w.settle()
	if announced(w).Local.HardNAT {
		t.Error("an observer inside our network made the NAT look hard")
	}
	w.step(messages.Reflexive{Network: 1, Observer: "b", Mapped: mappedTwo})
	w.settle()
	if a := announced(w); !a.Local.HardNAT || a.Reason != "" || a.Local.Network != 1 {
		t.Errorf("two observers saw two ports: %+v", a)
	}
	if got, want := publishedTexts(w), []string{"quic 192.168.1.7:4000"}; !reflect.DeepEqual(got, want) {
		t.Errorf("published %q, want %q", got, want)
	}
	w.step(onTheRoad)
	w.settle()
	if a := announced(w); a.Local.HardNAT || len(w.saved.Seen) > 0 {
		t.Errorf("observations outlive their network: %+v", a)
	}
}

func TestBindingsFollowSocket(t *testing.T) {
	for socket, want := range map[string][]string{
		"0.0.0.0:4000":      {"192.168.1.7/24"},
		"[::]:4000":         {"192.168.1.7/24", "2001:db8::7/64"},
		"192.168.1.7:4000":  {"192.168.1.7/24"},
		"127.0.0.1:4000":    {"127.0.0.1/8"},
		"127.0.0.5:4000":    {"127.0.0.5/8"},
		"198.51.100.1:4000": nil,
	} {
		w := newWatch(t)
		w.step(messages.SocketBound{Addr: netip.MustParseAddrPort(socket)})
		w.step(atHome)
		var got []string
		for _, b := range announced(w).Local.Bindings {
			got = append(got, b.Prefix.String())
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %q, want %q", socket, got, want)
		}
	}
}
