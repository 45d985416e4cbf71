package actors

import (
	"fmt"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/channel"
	"github.com/waymeet/waymeet/supervision"
	"github.com/waymeet/waymeet/transport/vault"
)

// Where the actors stand in the tree. References go by path, so they survive
// every restart.
const (
	atContexts   = "/contexts"
	atRelays     = "/network/relays"
	atNetwork    = "/network/generations"
	atPairs      = "/channels/pairs"
	atHandshakes = "/channels/handshakes"
	atManager    = "/channels/manager"
	atInviter    = "/bootstrap/inviter"
	atJoins      = "/bootstrap/joins"
	atHost       = "/host"
	atHostKeeper = "/hostkeeper"
)

func atContext(cx messages.ContextID) string   { return atContexts + "/" + cx.String() }
func atStore(cx messages.ContextID) string     { return atContext(cx) + "/store" }
func atSync(cx messages.ContextID) string      { return atContext(cx) + "/sync" }
func atPublisher(cx messages.ContextID) string { return atContext(cx) + "/publisher" }

func atHostActor(name string) string { return atHost + "/" + name }

func pairName(p channel.Pair) string { return p.Context.String() + "." + p.Peer.String() }
func atPair(p channel.Pair) string   { return atPairs + "/" + pairName(p) }

// handshakeName is the place of an attempt's handshaker: two attempts never
// share one.
func handshakeName(a messages.AttemptID) string {
	if a.Inbound() {
		return fmt.Sprintf("from-%x-%d-%d-%x", a.Peer[:8], a.Boot, a.N, a.Hello[:8])
	}
	return fmt.Sprintf("to-%x-%x-%d-%d", a.Context[:8], a.Peer[:8], a.Boot, a.N)
}

func atHandshake(a messages.AttemptID) string { return atHandshakes + "/" + handshakeName(a) }

// tell hands a message to the actor at a path. A message that finds no actor,
// or a full mailbox, is lost like a datagram: whoever needs an answer asks
// again.
func tell[M any](n *Node, path string, message M) {
	if err := supervision.Lookup[M](n.tree(), path).Tell(message); err != nil {
		n.log.Debug("message lost", "actor", path, "reason", err)
	}
}

func (n *Node) tellStore(cx messages.ContextID, m messages.JournalMessage) { tell(n, atStore(cx), m) }
func (n *Node) tellSync(cx messages.ContextID, m messages.JournalSyncMessage) {
	tell(n, atSync(cx), m)
}
func (n *Node) tellPublisher(cx messages.ContextID, m messages.PublisherMessage) {
	tell(n, atPublisher(cx), m)
}
func (n *Node) tellManager(m messages.ChannelManagerMessage)              { tell(n, atManager, m) }
func (n *Node) tellPair(p channel.Pair, m messages.PeerConnectionMessage) { tell(n, atPair(p), m) }
func (n *Node) tellNetwork(m messages.NetworkMessage)                     { tell(n, atNetwork, m) }
func (n *Node) tellInviter(m messages.InviterMessage)                     { tell(n, atInviter, m) }
func (n *Node) tellHandshaker(a messages.AttemptID, m messages.HandshakerMessage) {
	tell(n, atHandshake(a), m)
}

// incarnation is the life that an actor is in, as the vault fences it.
func incarnation[M any](c *supervision.Context[M]) vault.Incarnation {
	return vault.Incarnation(c.Incarnation())
}
