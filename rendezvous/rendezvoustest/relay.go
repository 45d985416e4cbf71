package rendezvoustest

import (
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"net/netip"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/relay"
)

// reportUse is how often a relay's machine is told which sessions are used.
const reportUse = 5 * time.Second

// relayServer is a relay: its machine, and the tables that the machine fills.
type relayServer struct {
	world *World
	name  string
	url   messages.RelayURL
	addr  netip.AddrPort
	// life counts its starts; what it had in memory is gone after each.
	life int
	// halted: it is off.
	halted    bool
	forwarder *relay.Forwarder
	armed     time.Time
	clients   map[messages.RelayClientIndex]*relayClient
	routes    map[messages.HopSession]*route
	used      map[messages.HopSession]bool
	lastIndex messages.RelayClientIndex
}

// relayClient is one control handshake at the relay.
type relayClient struct {
	nonce, hash [32]byte
	index       messages.RelayClientIndex
	// addr is where it is heard; invalid until its first sealed control.
	addr netip.AddrPort
}

// route joins two sessions; open once the dialler has sent something.
type route struct {
	messages.RelayRoute
	open bool
}

// addRelay adds a relay and starts it.
func (w *World) addRelay(name string) *relayServer {
	seed := sha256.Sum256([]byte("relay " + name))
	key := ed25519.NewKeyFromSeed(seed[:]).Public().(ed25519.PublicKey)
	r := &relayServer{
		world: w, name: name,
		addr: netip.MustParseAddrPort(fmt.Sprintf("198.51.100.%d:%d", len(w.relays)+1, messages.RelayPort)),
	}
	r.url = messages.RelayURL{Key: messages.PublicKey(key), Address: r.addr.String()}
	w.relays = append(w.relays, r)
	r.start()
	return r
}

// start starts the relay with nothing in memory.
func (r *relayServer) start() {
	r.life++
	r.halted = false
	r.forwarder = relay.NewForwarder(relay.ForwarderConfig{Random: r.world.entropy})
	r.clients = map[messages.RelayClientIndex]*relayClient{}
	r.routes = map[messages.HopSession]*route{}
	r.used = map[messages.HopSession]bool{}
	r.armed = time.Time{}
}

// receive implements place.
func (r *relayServer) receive(from netip.AddrPort, d datagram) {
	if r.halted {
		return
	}
	switch e := d.(type) {
	case controlHello:
		r.welcome(from, e)
	case controlSealed:
		c := r.clients[e.client]
		control, err := messages.ParseRelayControl([]byte(e.control))
		if c == nil || c.hash != e.hash || err != nil {
			return
		}
		c.addr = from
		r.step(messages.RelayRequest{Client: c.index, From: from, Handshake: c.hash, Control: control})
	case hopDatagram:
		r.forward(from, e)
	}
}

// welcome answers a control handshake; the same hello gets the same answer.
func (r *relayServer) welcome(from netip.AddrPort, e controlHello) {
	var c *relayClient
	for _, known := range r.clients {
		if known.nonce == e.nonce {
			c = known
		}
	}
	if c == nil {
		r.lastIndex++
		c = &relayClient{nonce: e.nonce, index: r.lastIndex}
		r.world.draw(c.hash[:])
		r.clients[c.index] = c
	}
	r.world.wire.send(r.addr, from, controlWelcome{e.nonce, c.hash, c.index})
}

// forward passes a datagram to the other side of its session, if it comes from
// the client that the session was given to. Nothing goes to a dialler before it
// has sent something itself.
func (r *relayServer) forward(from netip.AddrPort, d hopDatagram) {
	at := r.routes[d.session]
	if at == nil {
		return
	}
	sender, receiver := at.Owner, at.Dialler
	if d.session == at.Dialler.Session {
		sender, receiver = receiver, sender
		at.open = true
	}
	source, target := r.clients[sender.Client], r.clients[receiver.Client]
	if !at.open || source == nil || target == nil || source.addr != from {
		return
	}
	r.use(d.session)
	a, _ := r.world.wire.at(from)
	b, _ := r.world.wire.at(target.addr)
	if !r.world.wire.isCut(a, b, false) {
		r.world.wire.send(r.addr, target.addr, hopDatagram{receiver.Session, d.inner})
	}
}

// otherSide is where the datagrams of a session go.
func (r *relayServer) otherSide(session messages.HopSession) (messages.HopSession, *relayClient) {
	at := r.routes[session]
	if at == nil {
		return messages.HopSession{}, nil
	}
	side := at.Dialler
	if session == at.Dialler.Session {
		side = at.Owner
	}
	return side.Session, r.clients[side.Client]
}

// use notes traffic; the machine is told of it now and then.
func (r *relayServer) use(session messages.HopSession) {
	if len(r.used) == 0 {
		r.after(reportUse, func() {
			sessions := sortedKeys(r.used, func(a, b messages.HopSession) int { return compareBytes(a[:], b[:]) })
			r.used = map[messages.HopSession]bool{}
			r.step(messages.RelaySessionsUsed{Sessions: sessions})
		})
	}
	r.used[session] = true
}

// after does something later, if the relay was not restarted meanwhile.
func (r *relayServer) after(wait time.Duration, do func()) {
	life := r.life
	r.world.after(wait, func() {
		if r.life == life {
			do()
		}
	})
}

func (r *relayServer) step(message messages.RelayForwarderMessage) {
	for _, effect := range r.forwarder.Step(r.world.now(), message) {
		switch e := effect.(type) {
		case relay.Answer:
			if c := r.clients[e.Client]; c != nil {
				r.world.wire.send(r.addr, c.addr, controlSealed{c.hash, c.index, string(messages.AppendRelayControl(nil, e.Control))})
			}
		case relay.SetRoute:
			at := &route{RelayRoute: e.Route}
			if old := r.routes[e.Route.Dialler.Session]; old != nil {
				at.open = old.open
			}
			r.routes[e.Route.Dialler.Session], r.routes[e.Route.Owner.Session] = at, at
		case relay.DropRoute:
			if at := r.routes[e.Session]; at != nil {
				delete(r.routes, at.Dialler.Session)
				delete(r.routes, at.Owner.Session)
			}
		case relay.DropClient:
			delete(r.clients, e.Client)
		}
	}
	due := r.forwarder.Deadline()
	if due.IsZero() || due.Equal(r.armed) {
		return
	}
	r.armed = due
	r.after(due.Sub(r.world.now()), func() {
		if r.armed.Equal(due) {
			r.armed = time.Time{}
			r.step(messages.Tick{})
		}
	})
}
