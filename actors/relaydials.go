package actors

import (
	"errors"
	"slices"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/channel"
)

const (
	// maxDials is how many sessions somebody may have wished for and hold at
	// once; the oldest goes.
	maxDials = 4
	// maxRelays bounds the relays that are used in one scope: peers name them,
	// and each costs a key, an actor and keepalives.
	maxRelays = 64
)

var errManyRelays = errors.New("too many relays are in use already")

// dialUse is a session that is wanted or held, and who is told about it.
type dialUse struct {
	endpoint messages.LinkEndpoint
	told     sessionWatcher
	// session is there once it is ready.
	session messages.HopSession
	ready   bool
}

// sessionWatcher hears what becomes of a dial.
type sessionWatcher interface {
	sessionReady(messages.LinkEndpoint, messages.Path)
	sessionFailed(endpoint messages.LinkEndpoint, why string)
	sessionLost(path messages.Path, why string)
}

// heldDial is a dial and where it stands.
type heldDial struct {
	dialUse
	use *relayUse
	id  messages.RelayDialID
}

// path is the way that the session is.
func (d heldDial) path() messages.Path {
	return messages.Path{Kind: messages.PathRelay, Addr: d.use.address(), Session: d.session}
}

// dialSlot gets a session with the owner of a slot.
func (n *Node) dialSlot(scope relayScope, endpoint messages.LinkEndpoint, told sessionWatcher) {
	if err := n.beginDial(scope, endpoint, told); err != nil {
		told.sessionFailed(endpoint, err.Error())
	}
}

func (n *Node) beginDial(scope relayScope, endpoint messages.LinkEndpoint, told sessionWatcher) error {
	n.relays.mu.Lock()
	defer n.relays.mu.Unlock()
	key := relayKey{messages.RelayURL{Key: endpoint.RelayKey, Address: endpoint.Address}, scope}
	if n.relays.uses[key] == nil && !n.roomForRelay(scope) {
		return errManyRelays
	}
	var oldest heldDial
	held := n.relays.dialled(scope, told)
	for _, dial := range held {
		switch {
		case dial.endpoint == endpoint: // a newer wish takes the place of an older one
			n.endDial(dial)
		case oldest.use == nil || dial.id < oldest.id:
			oldest = dial
		}
	}
	if len(held) >= maxDials && oldest.use != nil {
		n.loseDial(oldest, "newer ones took its place")
	}
	use, err := n.useRelay(key)
	if err != nil {
		return err
	}
	n.relays.lastDial++
	id := n.relays.lastDial
	use.mu.Lock()
	use.dials[id] = dialUse{endpoint: endpoint, told: told}
	use.mu.Unlock()
	n.tellRelay(use, messages.RelayDialSlot{Dial: id, Slot: endpoint.Slot})
	return nil
}

// roomForRelay reports whether one more relay may be used in a scope; where
// there is no room, those go that are only kept warm. relays is locked.
func (n *Node) roomForRelay(scope relayScope) bool {
	used := 0
	for key := range n.relays.uses {
		if key.scope == scope {
			used++
		}
	}
	if used < maxRelays {
		return true
	}
	for key, use := range n.relays.uses {
		if key.scope == scope && use.unused() {
			n.leaveRelay(use)
			used--
		}
	}
	return used < maxRelays
}

// dialled are the dials of somebody in a scope; r is locked.
func (r *relays) dialled(scope relayScope, told sessionWatcher) []heldDial {
	var dials []heldDial
	for key, use := range r.uses {
		if key.scope != scope {
			continue
		}
		use.mu.Lock()
		for id, dial := range use.dials {
			if dial.told == told {
				dials = append(dials, heldDial{dial, use, id})
			}
		}
		use.mu.Unlock()
	}
	return dials
}

// endDial drops a dial with its session. The relay stays warm for a while, then
// its client says that it is done.
func (n *Node) endDial(d heldDial) {
	if dial, ok := d.use.dropDial(d.id); ok && dial.ready {
		n.tellRelay(d.use, messages.RelayEndSession{Session: dial.session})
	}
}

// loseDial drops a dial, and tells whose it was.
func (n *Node) loseDial(d heldDial, why string) {
	n.endDial(d)
	if d.ready {
		d.told.sessionLost(d.path(), why)
	} else {
		d.told.sessionFailed(d.endpoint, why)
	}
}

func (u *relayUse) dropDial(id messages.RelayDialID) (dialUse, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	dial, ok := u.dials[id]
	delete(u.dials, id)
	return dial, ok
}

// endPairDials drops all that a pair has dialled.
func (n *Node) endPairDials(pair channel.Pair) {
	n.relays.mu.Lock()
	defer n.relays.mu.Unlock()
	for _, dial := range n.relays.dialled(relayScope(pair.Context), pairSessions{n, pair}) {
		n.endDial(dial)
	}
}

// endOldDials drops the sessions at slots that the peer names no longer, but
// for those that carry something: SPEC 11.2, "running sessions outlive it".
func (n *Node) endOldDials(pair channel.Pair, named []messages.LinkEndpoint) {
	running := n.runningPaths(pair)
	n.relays.mu.Lock()
	defer n.relays.mu.Unlock()
	for _, dial := range n.relays.dialled(relayScope(pair.Context), pairSessions{n, pair}) {
		if dial.ready && !running[dial.path()] && !slices.Contains(named, dial.endpoint) {
			n.loseDial(dial, "the peer names it no longer")
		}
	}
}

// runningPaths are the ways on which something of the pair runs, or would.
func (n *Node) runningPaths(pair channel.Pair) map[messages.Path]bool {
	running := make(map[messages.Path]bool)
	if path, ok := n.reach.Load(pair); ok {
		running[path] = true
	}
	for _, line := range n.lines.Load().Channels() {
		if r := line.Record(); r != nil && pairOfRecord(*r) == pair {
			first, second := line.Link().Paths()
			running[first], running[second], running[line.Relay()] = true, true, true
		}
	}
	return running
}
