package upgrade

import (
	"cmp"
	"container/heap"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// natKind is how a simulated node is connected.
type natKind int

const (
	// open: a public address, nothing in between.
	open natKind = iota
	// easy: one mapping for all, filtered by address and port.
	easy
	// hard: a mapping for each destination, filtered by address and port.
	hard
	// blocked: no direct datagram passes.
	blocked
)

func (k natKind) String() string { return [...]string{"open", "easy", "hard", "blocked"}[k] }

// world carries frames over a relay and probes through NATs, in virtual time.
type world struct {
	t     *testing.T
	now   time.Time
	ends  [2]*end
	queue deliveries
	relay time.Duration // one way
	wire  time.Duration // one way
}

// end is a Connection behind a NAT.
type end struct {
	*node
	kind    natKind
	index   int
	local   netip.AddrPort
	public  netip.AddrPort
	mapped  map[netip.AddrPort]netip.AddrPort // by destination
	allowed map[netip.AddrPort]bool           // who was sent to
	reasons []string
}

type delivery struct {
	at    time.Time
	order int
	do    func()
}

type deliveries []delivery

func (d deliveries) Len() int { return len(d) }
func (d deliveries) Less(i, j int) bool {
	return cmp.Or(d[i].at.Compare(d[j].at), cmp.Compare(d[i].order, d[j].order)) < 0
}
func (d deliveries) Swap(i, j int) { d[i], d[j] = d[j], d[i] }
func (d *deliveries) Push(x any)   { *d = append(*d, x.(delivery)) }
func (d *deliveries) Pop() any {
	last := (*d)[len(*d)-1]
	*d = (*d)[:len(*d)-1]
	return last
}

func (w *world) after(wait time.Duration, do func()) {
	heap.Push(&w.queue, delivery{at: w.now.Add(wait), order: len(w.queue), do: do})
}

// newWorld connects two ends over a relay; the one with the index initiator
// began the channel.
func newWorld(t *testing.T, kinds [2]natKind, initiator int, relay, wire time.Duration) *world {
	w := &world{t: t, now: start, relay: relay, wire: wire}
	for i, kind := range kinds {
		e := &end{
			node: newNode(t), kind: kind, index: i,
			public: netip.MustParseAddrPort(fmt.Sprintf("203.0.%d.9:4000", 113+i)),
			local:  netip.MustParseAddrPort(fmt.Sprintf("10.0.%d.2:4000", i)),
			mapped: map[netip.AddrPort]netip.AddrPort{}, allowed: map[netip.AddrPort]bool{},
		}
		if kind == open {
			e.local = e.public
		}
		w.ends[i] = e
	}
	for i, e := range w.ends {
		peer := w.ends[1-i]
		w.step(e, messages.ChannelUp{Channel: channelOne, Initiator: i == initiator, Path: relayPath})
		w.step(e, messages.PeerEndpoints{Candidates: 1, Endpoints: peer.advertised()})
		w.step(e, messages.LocalNetwork{
			Network: 1, Candidates: 1, Socket: netip.AddrPortFrom(netip.IPv4Unspecified(), 4000), HardNAT: e.kind == hard,
			Bindings: []messages.Binding{{Interface: "eth0", Prefix: netip.PrefixFrom(e.local.Addr(), 24), Default: true}},
		})
	}
	return w
}

func (e *end) advertised() []messages.LinkEndpoint {
	endpoints := []messages.LinkEndpoint{slotOne, {Protocol: messages.LinkQUIC, Address: e.local.String()}}
	if e.kind == easy || e.kind == blocked {
		endpoints = append(endpoints, messages.LinkEndpoint{Protocol: messages.LinkQUICReflexive, Address: e.public.String()})
	}
	return endpoints
}

// from is the source address that a destination sees.
func (e *end) from(to netip.AddrPort) netip.AddrPort {
	if e.kind != hard {
		return e.public
	}
	if _, ok := e.mapped[to]; !ok {
		e.mapped[to] = netip.AddrPortFrom(e.public.Addr(), uint16(20000+len(e.mapped)))
	}
	return e.mapped[to]
}

// accepts reports whether a datagram to that address of ours passes.
func (e *end) accepts(from, to netip.AddrPort) bool {
	switch e.kind {
	case open:
		return to == e.public
	case easy:
		return to == e.public && e.allowed[from]
	case hard:
		return e.mapped[from] == to
	}
	return false
}

func (w *world) step(e *end, event messages.PeerConnectionMessage) {
	e.now = w.now
	for _, effect := range e.node.step(event) {
		w.perform(e, effect)
	}
}

func (w *world) perform(e *end, effect Effect) {
	peer := w.ends[1-e.index]
	switch f := effect.(type) {
	case Coordinate:
		w.after(w.relay, func() { w.step(peer, f.Frame) })
	case Probe:
		from := e.from(f.To)
		e.allowed[f.To] = true
		sent := w.now
		w.after(w.wire, func() {
			if !peer.accepts(from, f.To) {
				return
			}
			w.step(peer, messages.ProbeReceived{From: from, Size: f.Size})
			w.after(w.wire, func() {
				if !e.accepts(f.To, from) {
					return
				}
				w.step(e, messages.ProbeAnswered{ID: f.ID, From: f.To, Observed: from, Size: f.Size, RTT: w.now.Sub(sent)})
			})
		})
	case Announce:
		e.reasons = append(e.reasons, f.Change.String())
	}
}

// run lets time pass until nothing is left to happen.
func (w *world) run() {
	for range 10_000 {
		next := time.Time{}
		if len(w.queue) > 0 {
			next = w.queue[0].at
		}
		var waker *end
		for _, e := range w.ends {
			if due := e.c.Deadline(); !due.IsZero() && (next.IsZero() || due.Before(next)) {
				next, waker = due, e
			}
		}
		switch {
		case next.IsZero():
			return
		case waker != nil:
			w.now = next
			w.step(waker, messages.Tick{})
		default:
			w.now = next
			heap.Pop(&w.queue).(delivery).do()
		}
	}
	w.t.Fatal("the two ends never come to rest")
}

// What two ends behind NATs reach does not depend on who starts (SPEC 10.6).
func TestOutcomeBehindNATs(t *testing.T) {
	cases := []struct {
		kinds [2]natKind
		want  messages.PathKind
	}{
		{[2]natKind{open, open}, messages.PathDirect},
		{[2]natKind{open, easy}, messages.PathDirect},
		{[2]natKind{open, hard}, messages.PathDirect},
		{[2]natKind{easy, easy}, messages.PathDirect},
		{[2]natKind{easy, hard}, messages.PathRelay},
		{[2]natKind{hard, hard}, messages.PathRelay},
		{[2]natKind{open, blocked}, messages.PathRelay},
		{[2]natKind{easy, blocked}, messages.PathRelay},
	}
	delays := []time.Duration{time.Millisecond, 20 * time.Millisecond, 150 * time.Millisecond}
	for _, c := range cases {
		for initiator := range 2 {
			for _, relay := range delays {
				for _, wire := range delays {
					name := fmt.Sprintf("%s-%s/initiator %d/relay %s/wire %s", c.kinds[0], c.kinds[1], initiator, relay, wire)
					t.Run(name, func(t *testing.T) {
						w := newWorld(t, c.kinds, initiator, relay, wire)
						w.run()
						w.check(c.want)
					})
				}
			}
		}
	}
}

func (w *world) check(want messages.PathKind) {
	for _, e := range w.ends {
		s := e.c.Status()
		if s.Path.Kind != want {
			w.t.Errorf("end %d is on %s, want %s; it said %q", e.index, s.Path, want, e.reasons)
		}
		if want == messages.PathDirect && s.Attempts.Used > 2 {
			w.t.Errorf("end %d took %d attempts", e.index, s.Attempts.Used)
		}
		if len(e.reasons) == 0 {
			w.t.Errorf("end %d does not say why it is on %s", e.index, s.Path)
		}
	}
	if a, b := w.ends[0].c.Status(), w.ends[1].c.Status(); a.Attempts != b.Attempts {
		w.t.Errorf("the ends count %v and %v attempts", a.Attempts, b.Attempts)
	}
}

func TestHardNATBothSidesSaysSo(t *testing.T) {
	w := newWorld(t, [2]natKind{hard, hard}, 0, 20*time.Millisecond, 20*time.Millisecond)
	w.run()
	for _, e := range w.ends {
		if !slices.Equal(e.reasons, []string{"staying on relay (hard NAT both sides)"}) {
			t.Errorf("end %d said %q", e.index, e.reasons)
		}
	}
}

// Both ends come to the same path although frames and probes are lost, and
// either actor is killed now and then.
func TestPairSurvivesKillsAndLoss(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 7))
		w := newWorld(t, [2]natKind{open, easy}, int(seed%2), 20*time.Millisecond, 5*time.Millisecond)
		for range 3 {
			w.now = w.now.Add(time.Duration(random.IntN(400)) * time.Millisecond)
			w.restart(w.ends[random.IntN(2)])
			for range random.IntN(30) {
				if len(w.queue) == 0 {
					break
				}
				w.now = w.queue[0].at
				if d := heap.Pop(&w.queue).(delivery); random.IntN(3) > 0 {
					d.do()
				}
			}
		}
		w.run()
		for _, e := range w.ends {
			if kind := e.c.Status().Path.Kind; kind != messages.PathDirect {
				t.Fatalf("seed %d: end %d is on %s after %+v", seed, e.index, kind, e.c.Status())
			}
		}
	}
}

// restart kills an end's actor; the vault tells the new one what it holds.
func (w *world) restart(e *end) {
	path := e.c.Status().Path
	initiator := e.c.channel.initiator
	local, peer := *e.c.local, e.c.peer.endpoints
	e.node.now = w.now
	e.build()
	w.step(e, messages.ChannelUp{Channel: channelOne, Initiator: initiator, Path: path, Relay: relayPath})
	w.step(e, messages.PeerEndpoints{Candidates: 1, Endpoints: peer})
	w.step(e, local)
}
