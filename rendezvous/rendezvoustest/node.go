package rendezvoustest

import (
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"net/netip"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous"
	"github.com/waymeet/waymeet/rendezvous/handshake"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

// nodePort is the port of every node's socket.
const nodePort = 4000

// node is one authority's node: who it is and what its disk holds. What runs
// is its process.
type node struct {
	world    *World
	name     string
	identity membership.Identity
	static   handshake.Static
	service  rendezvous.RendezvousService
	home
	// number and moved make the address of its one interface.
	number, moved int
	disk          disk
	audit         audit
	errands       errands
	// process is nil while the node is off.
	process *process
}

// home is what a node has around it: its relays, its flow limit toward every
// peer, and the NAT that it is behind.
type home struct {
	relays []messages.RelayURL
	flow   messages.FlowCost
	gate   *nat
}

// addNode adds a node and starts it.
func (w *World) addNode(name string, home home) *node {
	n := w.addDormant(name, home)
	n.start()
	return n
}

// addDormant adds a node that does not run.
func (w *World) addDormant(name string, home home) *node {
	identity := membership.NewIdentity(sha256.Sum256(fmt.Appendf(nil, "%d %s", w.seed, name)))
	n := &node{
		world: w, name: name, identity: identity, static: handshake.NewStatic(identity.NoisePrivate()),
		service: rendezvous.NewRendezvousService(identity.Authority(), rendezvous.RendezvousConfig{FlowLimit: home.flow}),
		home:    home, number: len(w.nodes) + 1, disk: newDisk(), audit: newAudit(),
	}
	w.names.nameAuthority(identity.Authority(), name)
	w.nodes = append(w.nodes, n)
	return n
}

// address is that of its one interface: another one after every move.
func (n *node) address() netip.Addr {
	if n.gate != nil {
		return n.privateAddress()
	}
	return netip.AddrFrom4([4]byte{203, 0, byte(113 + n.moved/10), byte(10*n.number + n.moved%10)})
}

// interfaces is the snapshot that the operating system would give.
func (n *node) interfaces() messages.Interfaces {
	return messages.Interfaces{
		Bindings:      []messages.Binding{{Interface: "eth0", Prefix: netip.PrefixFrom(n.address(), 24), Default: true}},
		DefaultRoutes: "eth0 203.0.113.1",
	}
}

// start starts the process; what ran before is gone with all that it had in
// memory (SPEC 7.3: "boot = max(stored + 1, Unix seconds at start)").
func (n *node) start() {
	n.disk.boot = max(n.disk.boot+1, messages.Boot(n.world.now().Unix()))
	n.process = newProcess(n)
	n.process.start()
}

// stop ends the process without a farewell.
func (n *node) stop() {
	if n.process != nil {
		n.process.stopped = true
		n.process.tree.Halt()
		n.process = nil
	}
}

func (n *node) authority() messages.AuthorityID { return n.identity.Authority() }

func (n *node) event(format string, values ...any) { n.world.log.event(n.name, format, values...) }

// slotKey is the key that owns the node's slot at a relay in a context: made
// once.
func (n *node) slotKey(key relayKey) ed25519.PrivateKey {
	seed, ok := n.disk.slots[key]
	if !ok {
		n.world.draw(seed[:])
		n.disk.slots[key] = seed
	}
	return ed25519.NewKeyFromSeed(seed[:])
}
