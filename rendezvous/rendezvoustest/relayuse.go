package rendezvoustest

import (
	"crypto/ed25519"
	"fmt"
	"net/netip"
	"slices"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/relay"
)

// relayScope says on whose behalf a relay is used: a context, or a ticket. No
// relay can tell that two scopes share a member (SPEC 2.5, 11.5).
type relayScope [32]byte

// relayKey names one use of one relay.
type relayKey struct {
	url   messages.RelayURL
	scope relayScope
}

// relayUse is what of a relay's use outlives its machine.
type relayUse struct {
	process *process
	key     relayKey
	name    string // of its place in the tree
	addr    netip.AddrPort
	client  *RelayHost
	// nonce names the control handshake that was begun last; hash and index
	// are there when it is complete.
	nonce, hash [32]byte
	index       messages.RelayClientIndex
	slots       []slotUse
	dials       []dialUse
	lastDial    messages.RelayDialID
	// left: nothing is wanted of it any more.
	left bool
}

// slotUse is a slot that is kept registered, and who is told about it.
type slotUse struct {
	slot messages.SlotID
	key  ed25519.PrivateKey
	told slotWatcher
	up   bool
}

// slotWatcher hears what becomes of a slot.
type slotWatcher interface {
	slotUp(messages.LinkEndpoint)
	slotDown(endpoint messages.LinkEndpoint, why string)
}

// dialUse is a session that is wanted or held, and who is told about it.
type dialUse struct {
	id       messages.RelayDialID
	endpoint messages.LinkEndpoint
	told     sessionWatcher
}

// sessionWatcher hears what becomes of a dial.
type sessionWatcher interface {
	ready(messages.LinkEndpoint, messages.Path)
	failed(endpoint messages.LinkEndpoint, why string)
	lost(path messages.Path, why string)
}

// useRelay finds or makes the use of a relay.
func (p *process) useRelay(key relayKey) *relayUse {
	for _, use := range p.uses {
		if use.key == key {
			p.tree.SpawnRelay(use.name, use.client) // it may have gone with its supervisor
			return use
		}
	}
	p.lastUse++
	use := &relayUse{process: p, key: key, name: fmt.Sprintf("use-%d", p.lastUse)}
	use.addr, _ = key.url.AddrPort()
	use.client = &RelayHost{
		process: p, kind: "relay", of: p.useName(key), Tick: messages.Tick{},
		First: use.wishes, Perform: use.perform,
		Last: use.farewell,
	}
	use.client.Build = func() Machine[messages.RelayClientMessage, relay.ClientEffect] {
		return relay.NewClient(relay.ClientConfig{Random: p.world.jitter(), Standing: use.hash != [32]byte{}})
	}
	p.uses = append(p.uses, use)
	p.tree.SpawnRelay(use.name, use.client)
	return use
}

// useName is the relay's name, and that it is used for a ticket if it is.
func (p *process) useName(key relayKey) string {
	name := p.world.relayName(key.url.Key)
	if _, inContext := p.contexts[messages.ContextID(key.scope)]; !inContext {
		name += " for a ticket"
	}
	return name
}

// wishes are what a life of the client begins with.
func (u *relayUse) wishes() []messages.RelayClientMessage {
	var wishes []messages.RelayClientMessage
	for _, s := range u.slots {
		wishes = append(wishes, messages.RelayRegisterSlot{Slot: s.slot})
	}
	for _, d := range u.dials {
		wishes = append(wishes, messages.RelayDialSlot{Dial: d.id, Slot: d.endpoint.Slot})
	}
	return wishes
}

// farewell is what a life of the client ends with: one that is started again
// says nothing.
func (u *relayUse) farewell() []messages.RelayClientMessage {
	if !u.left {
		return nil
	}
	return []messages.RelayClientMessage{messages.RelayLeave{}}
}

// registerSlot keeps a slot registered at a relay from now on.
func (p *process) registerSlot(key relayKey, slotKey ed25519.PrivateKey, told slotWatcher) {
	use := p.useRelay(key)
	slot := messages.SlotOf(messages.PublicKey(slotKey.Public().(ed25519.PublicKey)))
	at := slices.IndexFunc(use.slots, func(s slotUse) bool { return s.slot == slot })
	if at < 0 {
		at = len(use.slots)
		use.slots = append(use.slots, slotUse{slot: slot})
	}
	use.slots[at].key, use.slots[at].told = slotKey, told // it stands already where a keeper asks
	use.client.tell(messages.RelayRegisterSlot{Slot: slot})
}

// dialSlot gets a session with the owner of a slot; a newer wish of somebody
// takes the place of an older one.
func (p *process) dialSlot(scope relayScope, endpoint messages.LinkEndpoint, told sessionWatcher) {
	use := p.useRelay(relayKey{messages.RelayURL{Key: endpoint.RelayKey, Address: endpoint.Address}, scope})
	use.dials = slices.DeleteFunc(use.dials, func(d dialUse) bool { return d.endpoint.Slot == endpoint.Slot && d.told == told })
	use.lastDial++
	use.dials = append(use.dials, dialUse{id: use.lastDial, endpoint: endpoint, told: told})
	use.client.tell(messages.RelayDialSlot{Dial: use.lastDial, Slot: endpoint.Slot})
}

// leaveRelays ends every use of a relay in a scope.
func (p *process) leaveRelays(scope relayScope) {
	p.uses = slices.DeleteFunc(p.uses, func(use *relayUse) bool {
		if use.key.scope != scope {
			return false
		}
		use.left = true
		use.client.end()
		return true
	})
}

// registered are the endpoints that stand in a scope now.
func (p *process) registered(scope relayScope) []messages.LinkEndpoint {
	var endpoints []messages.LinkEndpoint
	for _, use := range p.uses {
		for _, s := range use.slots {
			if use.key.scope == scope && s.up {
				endpoints = append(endpoints, use.key.url.Endpoint(s.slot))
			}
		}
	}
	return endpoints
}

// tellRelaysAt passes on what the data plane sees of a relay's health.
func (p *process) tellRelaysAt(addr netip.AddrPort, message messages.RelayClientMessage) {
	for _, use := range p.uses {
		if use.addr == addr {
			use.client.tell(message)
		}
	}
}

func (u *relayUse) perform(effect relay.ClientEffect) {
	switch e := effect.(type) {
	case relay.StartHandshake:
		u.process.world.draw(u.nonce[:])
		u.hash = [32]byte{}
		u.send(controlHello{u.nonce})
	case relay.RepeatHandshake:
		u.send(controlHello{u.nonce})
	case relay.SendControl:
		u.sendControl(e.Control)
		if _, bye := e.Control.(messages.RelayBye); bye {
			u.hash = [32]byte{}
		}
	case relay.SendRegister:
		for _, s := range u.slots {
			if s.slot == e.Slot {
				u.sendControl(messages.RelayRegister{
					Request: e.Request, SlotKey: messages.PublicKey(s.key.Public().(ed25519.PublicKey)),
					Signature: messages.Signature(ed25519.Sign(s.key, messages.SlotRegistration(u.hash))),
				})
			}
		}
	case relay.Unreachable:
		u.slotsDown("no answer from " + u.key.url.Address)
	case relay.Lost:
		u.process.event("%s went silent", u.client.of)
		u.slotsDown(u.key.url.Address + " went silent")
	case relay.SlotRegistered:
		u.setSlot(e.Slot, true, "")
	case relay.SlotRefused:
		u.setSlot(e.Slot, false, e.Code.String())
	case relay.LameDuck:
		u.process.event("%s is about to stop", u.client.of)
	case relay.AddressObserved:
		u.process.network.tell(messages.Reflexive{
			Network:  u.process.savedNetwork.Generation,
			Observer: messages.Observer(u.addr.String()), Mapped: e.Address,
		})
	default:
		u.performSession(effect)
	}
}

// performSession tells who wants a session what became of it.
func (u *relayUse) performSession(effect relay.ClientEffect) {
	path := messages.Path{Kind: messages.PathRelay, Addr: u.addr}
	switch e := effect.(type) {
	case relay.SessionReady:
		path.Session = e.Session
		if d, ok := u.dial(e.Dial); ok {
			d.told.ready(d.endpoint, path)
		} else {
			u.client.tell(messages.RelayEndSession{Session: e.Session}) // nobody wants it any more
		}
	case relay.SessionFailed:
		why := "the relay did not answer"
		if e.Reason != 0 {
			why = e.Reason.String()
		}
		if d, ok := u.dropDial(e.Dial); ok {
			d.told.failed(d.endpoint, why)
		}
	case relay.SessionLost:
		path.Session = e.Session
		if d, ok := u.dropDial(e.Dial); ok {
			d.told.lost(path, "the relay went silent")
		}
	case relay.Ready:
	default:
		panic(fmt.Sprintf("rendezvoustest: %T is not played", effect))
	}
}

func (u *relayUse) dial(id messages.RelayDialID) (dialUse, bool) {
	at := slices.IndexFunc(u.dials, func(d dialUse) bool { return d.id == id })
	if at < 0 {
		return dialUse{}, false
	}
	return u.dials[at], true
}

func (u *relayUse) dropDial(id messages.RelayDialID) (dialUse, bool) {
	d, ok := u.dial(id)
	u.dials = slices.DeleteFunc(u.dials, func(d dialUse) bool { return d.id == id })
	return d, ok
}

// setSlot notes whether a slot stands, and tells who keeps it.
func (u *relayUse) setSlot(slot messages.SlotID, up bool, why string) {
	for i, s := range u.slots {
		if s.slot != slot {
			continue
		}
		u.slots[i].up = up
		if up {
			s.told.slotUp(u.key.url.Endpoint(slot))
		} else {
			s.told.slotDown(u.key.url.Endpoint(slot), why)
		}
	}
}

func (u *relayUse) slotsDown(why string) {
	for _, s := range slices.Clone(u.slots) {
		u.setSlot(s.slot, false, why)
	}
}

func (u *relayUse) send(d datagram) { u.process.world.wire.send(u.process.socket, u.addr, d) }

func (u *relayUse) sendControl(c messages.RelayControl) {
	u.send(controlSealed{u.hash, u.index, string(messages.AppendRelayControl(nil, c))})
}

// takeControl hands a control datagram to the use that it is for.
func (p *process) takeControl(from netip.AddrPort, d datagram) {
	for _, use := range p.uses {
		switch e := d.(type) {
		case controlWelcome:
			if use.addr == from && use.nonce == e.nonce && use.hash != e.hash {
				use.hash, use.index = e.hash, e.client
				use.client.tell(messages.RelayHandshaken{})
				return
			}
		case controlSealed:
			if use.addr == from && use.hash == e.hash {
				if control, err := messages.ParseRelayControl([]byte(e.control)); err == nil {
					use.client.tell(messages.RelayControlReceived{Control: control})
				}
				return
			}
		}
	}
}

// contextSlot tells a context's publisher what becomes of its slot.
type contextSlot struct {
	p       *process
	context messages.ContextID
}

func (s contextSlot) slotUp(endpoint messages.LinkEndpoint) {
	s.p.event("registered at %s", s.p.world.relayName(endpoint.RelayKey))
	s.p.contexts[s.context].publisher.tell(messages.SlotUp{Context: s.context, Endpoint: endpoint})
}

func (s contextSlot) slotDown(endpoint messages.LinkEndpoint, why string) {
	s.p.event("no longer registered: %s", why)
	s.p.contexts[s.context].publisher.tell(messages.SlotDown{Context: s.context, Endpoint: endpoint})
}

// relayName is what a relay with that key is called.
func (w *World) relayName(key messages.PublicKey) string {
	for _, r := range w.relays {
		if r.url.Key == key {
			return r.name
		}
	}
	return fmt.Sprintf("relay %x", key[:4])
}
