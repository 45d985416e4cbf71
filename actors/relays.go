package actors

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"sync"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/relay"
	"github.com/waymeet/waymeet/supervision"
	relaywire "github.com/waymeet/waymeet/transport/relay"
)

// relayScope says on whose behalf a relay is used: a context, or a ticket. A
// node acts toward a relay under another pseudonym in every scope, so that no
// relay can tell that two scopes share a member (SPEC 2.5, 11.5).
type relayScope [32]byte

// relayKey names one use of one relay.
type relayKey struct {
	url   messages.RelayURL
	scope relayScope
}

func (k relayKey) name() string {
	return fmt.Sprintf("rk-%x.%s.%x", k.url.Key[:4], k.url.Address, k.scope[:4])
}

// relayUse is what of a relay's use outlives its actor: the control keys, what
// is registered, what was dialled.
type relayUse struct {
	key     relayKey
	control *relaywire.ClientControl

	mu sync.Mutex
	// addr is where the relay is; invalid until its name is resolved.
	addr  netip.AddrPort
	slots map[messages.SlotID]slotUse
	dials map[messages.RelayDialID]dialUse
	// nextDial numbers the dials.
	nextDial messages.RelayDialID
	state    string
	observed netip.AddrPort
}

// slotUse is a slot that is kept registered, and who is told about it.
type slotUse struct {
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
	endpoint messages.LinkEndpoint
	told     sessionWatcher
	session  messages.HopSession
}

// sessionWatcher hears what becomes of a dial.
type sessionWatcher interface {
	sessionReady(messages.LinkEndpoint, messages.Path)
	sessionFailed(endpoint messages.LinkEndpoint, why string)
	sessionLost(path messages.Path, why string)
}

// relays are all uses of relays by the node.
type relays struct {
	mu   sync.Mutex
	uses map[relayKey]*relayUse
}

// all are the uses, in no order.
func (r *relays) all() []*relayUse {
	r.mu.Lock()
	defer r.mu.Unlock()
	uses := make([]*relayUse, 0, len(r.uses))
	for _, use := range r.uses {
		uses = append(uses, use)
	}
	return uses
}

// use finds or makes the use of a relay, and makes sure that its actor runs.
func (n *Node) useRelay(key relayKey) (*relayUse, error) {
	n.relays.mu.Lock()
	defer n.relays.mu.Unlock()
	use := n.relays.uses[key]
	if use == nil {
		_, pseudonym, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return nil, err
		}
		control, err := relaywire.NewClientControl(key.url.Key, pseudonym)
		if err != nil {
			return nil, err
		}
		use = &relayUse{
			key: key, control: control, state: "not asked yet",
			slots: make(map[messages.SlotID]slotUse), dials: make(map[messages.RelayDialID]dialUse),
		}
		use.addr, _ = key.url.AddrPort()
		if n.relays.uses == nil {
			n.relays.uses = make(map[relayKey]*relayUse)
		}
		n.relays.uses[key] = use
	}
	if err := n.spawnRelay(use); err != nil && !errors.Is(err, supervision.ErrStopped) {
		return nil, err
	}
	return use, nil // ErrStopped: the relays' supervisor is not up yet, and its keeper starts the client
}

// registerSlot keeps a slot registered at a relay from now on.
func (n *Node) registerSlot(key relayKey, slotKey ed25519.PrivateKey, told slotWatcher) error {
	use, err := n.useRelay(key)
	if err != nil {
		return err
	}
	slot := messages.SlotOf(messages.PublicKey(slotKey.Public().(ed25519.PublicKey)))
	use.mu.Lock()
	use.slots[slot] = slotUse{key: slotKey, told: told}
	use.mu.Unlock()
	tell[messages.RelayClientMessage](n, atRelays+"/"+key.name(), messages.RelayRegisterSlot{Slot: slot})
	return nil
}

// dialSlot gets a session with the owner of a slot.
func (n *Node) dialSlot(scope relayScope, endpoint messages.LinkEndpoint, told sessionWatcher) {
	key := relayKey{messages.RelayURL{Key: endpoint.RelayKey, Address: endpoint.Address}, scope}
	use, err := n.useRelay(key)
	if err != nil {
		told.sessionFailed(endpoint, err.Error())
		return
	}
	use.mu.Lock()
	for id, dial := range use.dials { // a newer wish for a slot takes the place of an older one
		if dial.endpoint.Slot == endpoint.Slot && dial.told == told {
			delete(use.dials, id)
		}
	}
	use.nextDial++
	id := use.nextDial
	use.dials[id] = dialUse{endpoint: endpoint, told: told}
	use.mu.Unlock()
	tell[messages.RelayClientMessage](n, atRelays+"/"+key.name(), messages.RelayDialSlot{Dial: id, Slot: endpoint.Slot})
}

// leaveRelays ends every use of a relay in a scope.
func (n *Node) leaveRelays(scope relayScope) {
	n.relays.mu.Lock()
	defer n.relays.mu.Unlock()
	for key := range n.relays.uses {
		if key.scope == scope {
			delete(n.relays.uses, key)
			_ = n.tree().StopChild(atRelays + "/" + key.name())
		}
	}
}

// relayControl hands a control datagram to the use that it is for.
func (n *Node) relayControl(from netip.AddrPort, datagram []byte) {
	for _, use := range n.relays.all() {
		if use.address() != from {
			continue
		}
		if message, ok := use.control.Open(datagram); ok {
			tell(n, atRelays+"/"+use.key.name(), message)
			return
		}
	}
}

// toRelays tells every relay client.
func (n *Node) toRelays(message messages.RelayClientMessage) {
	for _, use := range n.relays.all() {
		tell(n, atRelays+"/"+use.key.name(), message)
	}
}

// evidence passes on what the data plane sees of a relay's health.
func (n *Node) relayEvidence(path messages.Path, message messages.RelayClientMessage) {
	for _, use := range n.relays.all() {
		if use.address() == path.Addr {
			tell(n, atRelays+"/"+use.key.name(), message)
		}
	}
}

// registered are the endpoints that stand in a scope now.
func (r *relays) registered(scope relayScope) []messages.LinkEndpoint {
	var endpoints []messages.LinkEndpoint
	for _, use := range r.all() {
		if use.key.scope != scope {
			continue
		}
		use.mu.Lock()
		for slot, s := range use.slots {
			if s.up {
				endpoints = append(endpoints, use.endpoint(slot))
			}
		}
		use.mu.Unlock()
	}
	return endpoints
}

func (u *relayUse) address() netip.AddrPort {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.addr
}

func (u *relayUse) setState(state string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.state = state
}

// endpoint is the slot as a descriptor names it.
func (u *relayUse) endpoint(slot messages.SlotID) messages.LinkEndpoint {
	return u.key.url.Endpoint(slot)
}

// setSlot notes whether a slot stands, and says who is to be told.
func (u *relayUse) setSlot(slot messages.SlotID, up bool) (slotWatcher, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	use, ok := u.slots[slot]
	if ok {
		use.up = up
		u.slots[slot] = use
	}
	return use.told, ok
}

// resolveRelay looks the relay's name up until it is found or ctx ends.
func (n *Node) resolveRelay(ctx context.Context, use *relayUse) {
	addr, err := relaywire.Resolve(ctx, use.key.url.Address, func(error) { use.setState("its name does not resolve") })
	if err != nil {
		return
	}
	use.mu.Lock()
	defer use.mu.Unlock()
	use.addr = addr
}

type relayContext = supervision.Context[messages.RelayClientMessage]

// spawnRelay starts the actor of one use of a relay. In every life it asks
// again for what is registered and for the sessions that are still wanted.
func (n *Node) spawnRelay(use *relayUse) error {
	err := n.tree().Spawn(atRelays, supervision.WorkerSpec[messages.RelayClientMessage]{
		Name: use.key.name(),
		New: func() supervision.Actor[messages.RelayClientMessage] {
			return supervision.Host[messages.RelayClientMessage, relay.ClientEffect]{
				New: func(c *relayContext) (supervision.Machine[messages.RelayClientMessage, relay.ClientEffect], error) {
					if !use.address().IsValid() {
						c.Task("resolve", func(ctx context.Context, emit func(messages.RelayClientMessage)) {
							n.resolveRelay(ctx, use)
							emit(messages.RelayNetworkChanged{})
						})
					}
					return relay.NewClient(relay.ClientConfig{Random: n.jitter()}), nil
				},
				Perform: func(_ *relayContext, effect relay.ClientEffect) { n.performRelay(use, effect) },
				Tick:    messages.Tick{},
				First:   use.wishes(),
				Last:    []messages.RelayClientMessage{messages.RelayLeave{}},
			}.Actor()
		},
	}.Child())
	if errors.Is(err, supervision.ErrExists) {
		return nil
	}
	return err
}

// wishes are the messages with which a life of the actor begins.
func (u *relayUse) wishes() []messages.RelayClientMessage {
	u.mu.Lock()
	defer u.mu.Unlock()
	var wishes []messages.RelayClientMessage
	for slot := range u.slots {
		wishes = append(wishes, messages.RelayRegisterSlot{Slot: slot})
	}
	for id, dial := range u.dials {
		wishes = append(wishes, messages.RelayDialSlot{Dial: id, Slot: dial.endpoint.Slot})
	}
	return wishes
}
