package actors

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"sync"

	"github.com/waymeet/waymeet/actors/tree"
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

// name is of the serial-th use: one that has just ended may still be stopping.
func (k relayKey) name(serial uint64) string {
	key, scope := k.url.KeyText(), messages.ContextID(k.scope).Short()
	return fmt.Sprintf("%s.%s.%s.%d", key[:len(scope)], k.url.Address, scope[len("cx-"):], serial)
}

// relayUse is what of a relay's use outlives its actor: the control keys, what
// is registered, what was dialled.
type relayUse struct {
	key     relayKey
	name    string
	control *relaywire.ClientControl

	mu sync.Mutex
	// addr is where the relay is; invalid until its name is resolved.
	addr     netip.AddrPort
	slots    map[messages.SlotID]slotUse
	dials    map[messages.RelayDialID]dialUse
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

// relays are all uses of relays by the node.
type relays struct {
	mu   sync.Mutex
	uses map[relayKey]*relayUse
	// serial numbers the uses, lastDial the dials.
	serial   uint64
	lastDial messages.RelayDialID
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

// useRelay finds or makes the use of a relay, and makes sure that its actor
// runs. relays stays locked until the use has what it is for.
func (n *Node) useRelay(key relayKey) (*relayUse, error) {
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
		n.relays.serial++
		use = &relayUse{
			key: key, name: key.name(n.relays.serial), control: control, state: "not asked yet",
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
	n.relays.mu.Lock()
	defer n.relays.mu.Unlock()
	use, err := n.useRelay(key)
	if err != nil {
		return err
	}
	slot := messages.SlotOf(messages.PublicKey(slotKey.Public().(ed25519.PublicKey)))
	use.mu.Lock()
	up := use.slots[slot].up // keepers ask for what stands already
	use.slots[slot] = slotUse{key: slotKey, told: told, up: up}
	use.mu.Unlock()
	n.tellRelay(use, messages.RelayRegisterSlot{Slot: slot})
	return nil
}

// leaveRelays ends every use of a relay in a scope.
func (n *Node) leaveRelays(scope relayScope) {
	n.relays.mu.Lock()
	defer n.relays.mu.Unlock()
	for key, use := range n.relays.uses {
		if key.scope == scope {
			n.leaveRelay(use)
		}
	}
}

// leaveRelay ends one use of a relay; relays is locked.
func (n *Node) leaveRelay(use *relayUse) {
	delete(n.relays.uses, use.key)
	_ = n.tree().StopChild(tree.AtRelay(use.name)) // it may have been given up
}

// leaveUnused ends the use of a relay of which nothing is wanted any more.
func (n *Node) leaveUnused(use *relayUse) {
	n.relays.mu.Lock()
	defer n.relays.mu.Unlock()
	if n.relays.uses[use.key] == use && use.unused() {
		n.leaveRelay(use)
	}
}

func (u *relayUse) unused() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.slots)+len(u.dials) == 0
}

func (n *Node) tellRelay(use *relayUse, message messages.RelayClientMessage) {
	tell(n, tree.AtRelay(use.name), message)
}

// relayControl hands a control datagram to the use that it is for.
func (n *Node) relayControl(from netip.AddrPort, datagram []byte) {
	for _, use := range n.relays.all() {
		if use.address() != from {
			continue
		}
		if message, ok := use.control.Open(datagram); ok {
			n.tellRelay(use, message)
			return
		}
	}
}

// toRelays tells every relay client.
func (n *Node) toRelays(message messages.RelayClientMessage) {
	for _, use := range n.relays.all() {
		n.tellRelay(use, message)
	}
}

// evidence passes on what the data plane sees of a relay's health.
func (n *Node) relayEvidence(path messages.Path, message messages.RelayClientMessage) {
	for _, use := range n.relays.all() {
		if use.address() == path.Addr {
			n.tellRelay(use, message)
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

// setState reports whether the state is another now.
func (u *relayUse) setState(state string) (changed bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	changed, u.state = u.state != state, state
	return changed
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
	err := tree.SpawnRelay(n.tree(), use.name, func() supervision.Actor[messages.RelayClientMessage] {
		return supervision.Host[messages.RelayClientMessage, relay.ClientEffect]{
			New: func(c *relayContext) (supervision.Machine[messages.RelayClientMessage, relay.ClientEffect], error) {
				if !use.address().IsValid() {
					c.Task("resolve", func(ctx context.Context, emit func(messages.RelayClientMessage)) {
						n.resolveRelay(ctx, use)
						emit(messages.RelayNetworkChanged{})
					})
				}
				return relay.NewClient(relay.ClientConfig{Random: n.jitter(), Standing: use.control.Standing()}), nil
			},
			Perform: func(_ *relayContext, effect relay.ClientEffect) { n.performRelay(use, effect) },
			Tick:    messages.Tick{},
			First:   use.wishes(),
			Last:    func() []messages.RelayClientMessage { return n.farewell(use) },
		}.Actor()
	})
	if errors.Is(err, supervision.ErrExists) {
		return nil
	}
	return err
}

// farewell is what a life of the actor ends with when it is asked to: it leaves
// the relay if nothing more is wanted of it. One that is started again says
// nothing, as after a crash: the relay keeps slots and sessions for it, and
// channels go on over them.
func (n *Node) farewell(use *relayUse) []messages.RelayClientMessage {
	n.relays.mu.Lock()
	defer n.relays.mu.Unlock()
	if n.relays.uses[use.key] == use && n.restarting() {
		return nil
	}
	return []messages.RelayClientMessage{messages.RelayLeave{}}
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
