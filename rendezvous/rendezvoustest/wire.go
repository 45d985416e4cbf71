package rendezvoustest

import (
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// How long a datagram takes, one way: to or from a relay if nothing else is
// said, and from node to node.
const (
	toRelay  = 20 * time.Millisecond
	straight = 9 * time.Millisecond
)

// wire carries datagrams between addresses: in order, each after its delay,
// unless the way is cut.
type wire struct {
	world *World
	cuts  []cut
	// toRelay is how far away relays are.
	toRelay time.Duration
	weather weather
	sky     *rand.Rand
	// sent counts what was sent since it was counted last.
	sent map[parties]tally
}

// parties names who sent something, and for whom it is in the end.
type parties struct{ from, to string }

// cut is a way that nothing passes.
type cut struct {
	a, b string
	// direct leaves the way through relays open.
	direct bool
}

// tally counts datagrams by what they are.
type tally map[string]int

// place is where datagrams arrive.
type place interface {
	receive(from netip.AddrPort, d datagram)
}

// datagram is one on its way.
type datagram interface {
	// what says what it is, for counting.
	what() string
}

// send sends a datagram from one of the world's addresses.
func (w *wire) send(from, to netip.AddrPort, d datagram) {
	sender, _ := w.at(from)
	seen := w.leave(from, to)
	receiver, _ := w.at(w.enter(seen, to))
	w.count(parties{sender, w.addressee(receiver, d)}, d)
	if w.isCut(sender, receiver, true) {
		return
	}
	delay := straight
	if w.world.relay(sender) != nil || w.world.relay(receiver) != nil {
		delay = w.toRelay
	}
	for _, late := range w.weather.arrivals(w.sky) {
		w.world.after(delay+late, func() {
			if _, there := w.at(w.enter(seen, to)); there != nil {
				there.receive(seen, d)
			}
		})
	}
}

// leave is the address that a destination sees of who sends to it.
func (w *wire) leave(from, to netip.AddrPort) netip.AddrPort {
	if w.world.nats == nil || to.Addr().IsPrivate() {
		return from
	}
	for _, n := range w.world.nodes {
		if n.gate != nil && n.process != nil && n.process.socket == from {
			return n.gate.outgoing(from, to)
		}
	}
	return from
}

// enter is the socket that a destination leads to; invalid: it leads nowhere.
// A private address leads somewhere inside its own network alone.
func (w *wire) enter(from, to netip.AddrPort) netip.AddrPort {
	switch {
	case to.Addr().IsPrivate():
		if !from.Addr().IsPrivate() || from.Addr().As4()[1] != to.Addr().As4()[1] {
			return netip.AddrPort{}
		}
	case w.world.nats != nil:
		if g := w.world.gate(to.Addr()); g != nil {
			return g.incoming(to.Port(), from)
		}
	}
	return to
}

// at finds who has an address now.
func (w *wire) at(addr netip.AddrPort) (name string, p place) {
	for _, n := range w.world.nodes {
		if n.process != nil && n.process.socket == addr {
			return n.name, n.process
		}
	}
	for _, r := range w.world.relays {
		if r.addr == addr {
			return r.name, r
		}
	}
	return "", nil
}

// isCut reports whether nothing passes between two; through a relay, the cut
// that leaves that way open does not count.
func (w *wire) isCut(a, b string, direct bool) bool {
	for _, c := range w.cuts {
		if (c.a == a && c.b == b || c.a == b && c.b == a) && (direct || !c.direct) {
			return true
		}
	}
	return false
}

// addressee is for whom a datagram is that goes to a node, or through a relay.
func (w *wire) addressee(receiver string, d datagram) string {
	hop, relayed := d.(hopDatagram)
	if r := w.world.relay(receiver); r != nil && relayed {
		if _, target := r.otherSide(hop.session); target != nil {
			name, _ := w.at(target.addr)
			return name
		}
	}
	return receiver
}

func (w *wire) count(p parties, d datagram) {
	if w.sent == nil {
		w.sent = map[parties]tally{}
	}
	if w.sent[p] == nil {
		w.sent[p] = tally{}
	}
	w.sent[p][d.what()]++
}

// What a datagram can be, for counting. SPEC 5.1 names what carries nothing of
// a context: relay control and keepalives.
const (
	isHello   = "hello"
	isAnswer  = "answer"
	isData    = "data"
	isProbe   = "probe"
	isControl = "relay control"
)

// helloDatagram is a hello, sealed (SPEC 7.2). The hash over it stands for the
// one over its bytes; nonce makes every sealing another.
type helloDatagram struct {
	index messages.KeyIndex
	key   messages.SecretKey
	nonce [24]byte
	text  string
	kind  messages.HelloKind
}

func (h helloDatagram) what() string {
	if h.kind == messages.HelloInit {
		return isHello
	}
	return isAnswer
}

func (h helloDatagram) hash() messages.HelloHash {
	return messages.HelloHash(messages.Hash("rendezvoustest hello", h.nonce[:], []byte(h.text)))
}

// dataDatagram is a data datagram, sealed under a key of the channel. Every
// one acknowledges what has come in order.
type dataDatagram struct {
	index   messages.KeyIndex
	key     messages.SecretKey
	ack     uint64
	payload payload
}

func (d dataDatagram) what() string {
	switch d.payload.(type) {
	case probe, probeAnswer:
		return isProbe
	}
	return isData
}

// hopDatagram is a hello or a data datagram on its way through a relay.
type hopDatagram struct {
	session messages.HopSession
	inner   datagram
}

func (h hopDatagram) what() string { return h.inner.what() }

// controlHello, controlWelcome and controlSealed are relay control. Who opens
// controlSealed has taken part in the handshake of that hash.
type (
	controlHello   struct{ nonce [32]byte }
	controlWelcome struct {
		nonce, hash [32]byte
		client      messages.RelayClientIndex
	}
	controlSealed struct {
		hash    [32]byte
		client  messages.RelayClientIndex
		control string
	}
)

func (controlHello) what() string   { return isControl }
func (controlWelcome) what() string { return isControl }
func (controlSealed) what() string  { return isControl }

// payload is what a data datagram carries.
type payload interface{ payload() }

type (
	// piece is the n-th frame of the reliable flow; n counts from 1.
	piece struct {
		n     uint64
		frame frame
	}
	// pure acknowledges, ping asks for it, bye says that the line is over.
	pure struct{}
	ping struct{}
	bye  struct{}
	// probe and probeAnswer play the mux's.
	probe struct {
		id   messages.ProbeID
		size int
	}
	probeAnswer struct {
		id       messages.ProbeID
		size     int
		observed netip.AddrPort
	}
)

func (piece) payload()       {}
func (pure) payload()        {}
func (ping) payload()        {}
func (bye) payload()         {}
func (probe) payload()       {}
func (probeAnswer) payload() {}
