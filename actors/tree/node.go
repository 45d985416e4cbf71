package tree

import (
	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/channel"
	"github.com/waymeet/waymeet/supervision"
)

// New makes the actor of a life.
type New[M any] func() supervision.Actor[M]

// Node is the tree of a node: what of it is there from the start.
type Node struct {
	// Intensity bounds the restarts of every supervisor; zero: the default.
	Intensity supervision.Intensity
	// KeepContexts and KeepRelays spawn whoever of the contexts and of the relay
	// clients does not run.
	KeepContexts, KeepRelays func(*supervision.Tree) error
	Network                  New[messages.NetworkMessage]
	Manager                  New[messages.ChannelManagerMessage]
	Inviter                  New[messages.InviterMessage]
	// Host are children of the root that stand last: the host program's.
	Host []supervision.Child
}

// Spec is the specification of the tree (DESIGN.md: "The supervision tree").
// Contexts come first: everything else reads what their journals say.
func (n Node) Spec() supervision.SupervisorSpec {
	root := n.supervisor("", supervision.RestForOne,
		n.dynamic("contexts"),
		Keeper("keeper", n.KeepContexts),
		n.supervisor("network", supervision.RestForOne,
			n.dynamic("relays"),
			Keeper("keeper", n.KeepRelays),
			supervision.WorkerSpec[messages.NetworkMessage]{Name: "generations", Sort: networkSort, New: n.Network}.Child(),
		).Child(),
		n.supervisor("channels", supervision.RestForOne,
			n.dynamic("pairs"),
			n.dynamic("handshakes"),
			supervision.WorkerSpec[messages.ChannelManagerMessage]{Name: "manager", Sort: managerSort, New: n.Manager}.Child(),
		).Child(),
		n.supervisor("bootstrap", supervision.OneForOne,
			n.dynamic("joins"),
			supervision.WorkerSpec[messages.InviterMessage]{Name: "inviter", Sort: inviterSort, New: n.Inviter}.Child(),
		).Child(),
	)
	root.Children = append(root.Children, n.Host...)
	return root
}

func (n Node) supervisor(name string, strategy supervision.Strategy, children ...supervision.Child) supervision.SupervisorSpec {
	return supervision.SupervisorSpec{Name: name, Strategy: strategy, Intensity: n.Intensity, Children: children}
}

func (n Node) dynamic(name string) supervision.Child {
	return n.supervisor(name, supervision.Dynamic).Child()
}

// Context are the actors of one context.
type Context struct {
	Intensity supervision.Intensity
	Store     New[messages.JournalMessage]
	Sync      New[messages.JournalSyncMessage]
	Publisher New[messages.PublisherMessage]
}

// Spawn starts the subtree of a context.
func (c Context) Spawn(t *supervision.Tree, cx messages.ContextID) error {
	return t.Spawn(AtContexts, supervision.SupervisorSpec{
		Name: cx.String(), Strategy: supervision.RestForOne, Intensity: c.Intensity,
		Children: []supervision.Child{
			supervision.WorkerSpec[messages.JournalMessage]{Name: "store", Sort: storeSort, New: c.Store}.Child(),
			supervision.WorkerSpec[messages.JournalSyncMessage]{Name: "sync", Sort: syncSort, New: c.Sync}.Child(),
			supervision.WorkerSpec[messages.PublisherMessage]{Name: "publisher", Sort: publisherSort, New: c.Publisher}.Child(),
		},
	}.Child())
}

// SpawnPair starts the PeerConnectionActor of a pair.
func SpawnPair(t *supervision.Tree, pair channel.Pair, connection New[messages.PeerConnectionMessage]) error {
	return t.Spawn(AtPairs, supervision.WorkerSpec[messages.PeerConnectionMessage]{
		Name: pairName(pair), Sort: pairSort, New: connection,
	}.Child())
}

// SpawnHandshake starts the HandshakerActor of an attempt. It is temporary:
// SPEC 7.6: "A handshaker is never resumed after a crash: a new one starts."
func SpawnHandshake(t *supervision.Tree, attempt messages.AttemptID, handshaker New[messages.HandshakerMessage]) error {
	return t.Spawn(AtHandshakes, supervision.WorkerSpec[messages.HandshakerMessage]{
		Name: handshakeName(attempt), Sort: handshakerSort, New: handshaker, Restart: supervision.Temporary,
	}.Child())
}

// SpawnRelay starts the client of one use of a relay.
func SpawnRelay(t *supervision.Tree, name string, client New[messages.RelayClientMessage]) error {
	return t.Spawn(AtRelays, supervision.WorkerSpec[messages.RelayClientMessage]{
		Name: name, Sort: relaySort, New: client,
	}.Child())
}

// SpawnJoin starts a join. It is temporary: a join that dies has failed, and may
// be tried again with the same ticket.
func SpawnJoin(t *supervision.Tree, name string, joiner New[messages.JoinerMessage]) error {
	return t.Spawn(AtJoins, supervision.WorkerSpec[messages.JoinerMessage]{
		Name: name, Sort: joinerSort, New: joiner, Restart: supervision.Temporary,
	}.Child())
}

// Forwarder is the one actor of a relay, which is a tree of its own.
func Forwarder(forwarder New[messages.RelayForwarderMessage]) supervision.Child {
	return supervision.WorkerSpec[messages.RelayForwarderMessage]{
		Name: "forwarder", Sort: forwarderSort, New: forwarder,
	}.Child()
}
