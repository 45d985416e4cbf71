package actors

import (
	"github.com/waymeet/waymeet/actors/tree"
	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/channel"
	"github.com/waymeet/waymeet/supervision"
	"github.com/waymeet/waymeet/transport/vault"
)

// tell hands a message to the actor at a path. A message that finds no actor,
// or a full mailbox, is lost like a datagram: whoever needs an answer asks
// again.
func tell[M any](n *Node, path string, message M) {
	if err := supervision.Lookup[M](n.tree(), path).Tell(message); err != nil {
		n.log.Debug("message lost", "actor", path, "reason", err)
	}
}

func (n *Node) tellStore(cx messages.ContextID, m messages.JournalMessage) {
	tell(n, tree.AtStore(cx), m)
}
func (n *Node) tellSync(cx messages.ContextID, m messages.JournalSyncMessage) {
	tell(n, tree.AtSync(cx), m)
}
func (n *Node) tellPublisher(cx messages.ContextID, m messages.PublisherMessage) {
	tell(n, tree.AtPublisher(cx), m)
}
func (n *Node) tellManager(m messages.ChannelManagerMessage)              { tell(n, tree.AtManager, m) }
func (n *Node) tellPair(p channel.Pair, m messages.PeerConnectionMessage) { tell(n, tree.AtPair(p), m) }
func (n *Node) tellNetwork(m messages.NetworkMessage)                     { tell(n, tree.AtNetwork, m) }
func (n *Node) tellInviter(m messages.InviterMessage)                     { tell(n, tree.AtInviter, m) }
func (n *Node) tellHandshaker(a messages.AttemptID, m messages.HandshakerMessage) {
	tell(n, tree.AtHandshake(a), m)
}

// incarnation is the life that an actor is in, as the vault fences it.
func incarnation[M any](c *supervision.Context[M]) vault.Incarnation {
	return vault.Incarnation(c.Incarnation())
}
