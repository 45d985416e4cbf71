package actors

import (
	"context"
	"crypto/rand"
	"encoding/binary"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/channel"
	"github.com/waymeet/waymeet/rendezvous/discovery"
	"github.com/waymeet/waymeet/transport/store"
)

// keyPort is where the port of the socket is kept.
const keyPort = "port"

// keptPort is the port that was chosen at the first start, or 0.
func (n *Node) keptPort() uint16 {
	b := n.db.Get(store.BucketBoot, []byte(keyPort))
	if len(b) != 2 {
		return 0
	}
	return binary.BigEndian.Uint16(b)
}

func (n *Node) keepPort(port uint16) error {
	if n.keptPort() == port {
		return nil
	}
	return n.db.Put(store.BucketBoot, []byte(keyPort), binary.BigEndian.AppendUint16(nil, port))
}

// slotKey is the seed of the key that owns the node's slot at a relay in a
// context: random, made once (SPEC 11.2).
func (n *Node) slotKey(url messages.RelayURL, cx messages.ContextID) (messages.SecretKey, error) {
	var fresh messages.SecretKey
	if _, err := rand.Read(fresh[:]); err != nil {
		return fresh, err
	}
	kept, err := n.db.PutOnce(store.BucketSlots, append([]byte(url.String()), cx[:]...), fresh[:])
	if err != nil || len(kept) != len(fresh) {
		return fresh, err
	}
	return messages.SecretKey(kept), nil
}

// storedTickets is what a life of the inviter begins with. A record that
// cannot be read is left alone: it invites nobody.
func (n *Node) storedTickets() messages.RestoreTickets {
	var restore messages.RestoreTickets
	for record := range n.db.Records(store.BucketTickets) {
		if ticket, err := messages.Decode[messages.StoredTicket](record.Value); err == nil {
			restore.Tickets = append(restore.Tickets, ticket)
		}
	}
	for record := range n.db.Records(store.BucketClaims) {
		if len(record.Key) == len(messages.TicketHash{}) && len(record.Value) == len(messages.PublicKey{}) {
			restore.Claims = append(restore.Claims, messages.StoredClaim{
				Ticket: messages.TicketHash(record.Key), Joiner: messages.PublicKey(record.Value),
			})
		}
	}
	return restore
}

func (n *Node) saveTicket(e discovery.SaveTicket) messages.InviterMessage {
	if err := n.db.Put(store.BucketTickets, e.Hash[:], messages.Encode(e.Ticket)); err != nil {
		return messages.TicketNotSaved{Ticket: e.Hash}
	}
	return messages.TicketSaved{Ticket: e.Hash}
}

// storeClaim stores a claim where there is none, and tells whose is there. It
// is not ok when the disk failed: the inviter asks again.
func (n *Node) storeClaim(claim messages.StoredClaim) (messages.ClaimStored, bool) {
	there, err := n.db.PutOnce(store.BucketClaims, claim.Ticket[:], claim.Joiner[:])
	if err != nil || len(there) != len(claim.Joiner) {
		return messages.ClaimStored{}, false
	}
	return messages.ClaimStored{Ticket: claim.Ticket, Joiner: messages.PublicKey(there)}, true
}

func (n *Node) releaseTicket(ticket messages.TicketHash) {
	for _, bucket := range []messages.Bucket{store.BucketTickets, store.BucketClaims} {
		if err := n.db.Delete(bucket, ticket[:]); err != nil {
			n.fail(StateProblem(n.config.Dir, err))
		}
	}
}

// saveCompleted keeps the counter of the last completed handshake of a peer
// beyond the process, so that no message 1 of an earlier life is ever taken
// again (SPEC 7.3).
func (n *Node) saveCompleted(c *managerContext, e channel.SavePair) {
	done := e.Saved.Completed
	if done == (channel.Counter{}) {
		return
	}
	if last, _ := n.completed.Load(e.Pair); last == done {
		return
	}
	n.completed.Save(e.Pair, incarnation(c), done)
	c.Task("completed", func(_ context.Context, _ func(messages.ChannelManagerMessage)) {
		if err := n.db.Complete(e.Pair.Context, e.Pair.Peer, done.Boot, done.N); err != nil {
			n.fail(StateProblem(n.config.Dir, err))
		}
	})
}

// loadCompleted fills the saved pairs of a node that has just started.
func (n *Node) loadCompleted() {
	for record := range n.db.Records(store.BucketCompleted) {
		if len(record.Key) != 64 || len(record.Value) != 16 {
			continue
		}
		pair := channel.Pair{Context: messages.ContextID(record.Key[:32]), Peer: messages.AuthorityID(record.Key[32:])}
		n.savedPairs.Save(pair, 0, channel.Saved{Completed: channel.Counter{
			Boot: messages.Boot(binary.BigEndian.Uint64(record.Value)), N: binary.BigEndian.Uint64(record.Value[8:]),
		}})
	}
}
