package channel_test

import (
	"bytes"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// The transport of a sim: hellos are repeated while QUIC would, data goes on
// until it is heard, and whoever frees a link says so to the other end.

const repeat = 300 * time.Millisecond

// send carries a hello to the peer.
func (n *node) send(hello []byte) {
	n.sim.after(n.sim.delay(), func() { n.peer.receiveHello(hello) })
}

// sendHello sends the first hello of a link and repeats it until there are
// keys; the responder sends its answer once for each hello.
func (n *node) sendHello(id messages.AttemptID, l *link) {
	if n.links[id] != l {
		return
	}
	n.send(l.hello)
	if !id.Inbound() && !l.keyed {
		n.sim.after(repeat, func() {
			if n.links[id] == l && !l.keyed {
				n.sendHello(id, l)
			}
		})
	}
}

// receiveHello opens a hello with the keys that are installed, or drops it.
func (n *node) receiveHello(datagram []byte) {
	key, plain := messages.SecretKey(datagram[:32]), datagram[32:]
	hello, err := messages.ParseHello(plain)
	if err != nil {
		n.sim.fault("a hello that does not parse: %v", err)
		return
	}
	for _, k := range n.hellos {
		if k.Key == key {
			n.tell(messages.HelloReceived{
				Context: n.self.view.Context, Epoch: k.Epoch, Hello: hello, Hash: helloHash(datagram),
				Via: messages.Via{Kind: messages.PathDirect},
			})
			return
		}
	}
}

// sendData is QUIC's part: the initiator sends until it is heard, the
// responder answers.
func (n *node) sendData(id messages.AttemptID, l *link) {
	if n.links[id] != l || l.heard || id.Inbound() {
		return
	}
	n.sim.after(n.sim.delay(), func() { n.peer.receiveData(l.keys.Send) })
	n.sim.after(repeat, func() { n.sendData(id, l) })
}

// receiveData finds the link by its key, as the mux does by its index.
func (n *node) receiveData(key messages.SecretKey) {
	for id, l := range n.links {
		if !l.keyed || !bytes.Equal(l.keys.Receive[:], key[:]) {
			continue
		}
		if id.Inbound() {
			if !l.confirmed {
				l.confirmed = true
				n.shake(id, messages.DataConfirmed{})
			}
			n.sim.after(n.sim.delay(), func() { n.peer.receiveData(l.keys.Send) })
		}
		if !l.heard {
			l.heard = true
			n.shake(id, messages.TransportUp{})
		}
		return
	}
}

// free ends a link and tells the peer, as QUIC's close does.
func (n *node) free(id messages.AttemptID) {
	l := n.links[id]
	if s := n.shakers[id]; s != nil {
		s.dead = true
		delete(n.shakers, id)
	}
	if l == nil || l.isChannel() {
		return
	}
	delete(n.links, id)
	n.sayClosed(l)
}

func (n *node) sayClosed(l *link) {
	if l.keyed {
		n.sim.after(n.sim.delay(), func() { n.peer.receiveClose(l.keys.Send) })
	}
}

func (n *node) receiveClose(key messages.SecretKey) {
	for id, l := range n.links {
		if !l.keyed || !bytes.Equal(l.keys.Receive[:], key[:]) {
			continue
		}
		delete(n.links, id)
		if l.isChannel() {
			n.tell(messages.ChannelClosed{Channel: l.record.Channel, Reason: messages.ReasonClosedByPeer})
		} else {
			n.shake(id, messages.TransportFailed{Reason: "closed by the peer"})
		}
		return
	}
}

// linkOf is the link of a channel, or nil.
func (n *node) linkOf(id messages.ChannelID) *link {
	for _, l := range n.links {
		if l.record.Channel == id {
			return l
		}
	}
	return nil
}

// sync is the sync's part: where both ends of a channel let it, it makes both
// hold the same after a while, and each a fresh descriptor of the other.
func (n *node) sync(id messages.ChannelID) {
	l := n.linkOf(id)
	if l == nil {
		return
	}
	l.syncs = true
	if other := n.peer.linkOf(id); other == nil || !other.syncs || n.sim.synced {
		return
	}
	n.sim.after(100*time.Millisecond, func() {
		if n.sim.synced || n.linkOf(id) == nil || n.peer.linkOf(id) == nil {
			return
		}
		n.sim.synced = true
		catchUp(n.sim.now, n.self, n.peer.self)
		for _, end := range n.sim.nodes {
			end.tell(messages.ContextChanged{Context: end.self.view.Context})
		}
	})
}

func (n *node) closeChannel(id messages.ChannelID) {
	for attempt, l := range n.links {
		if l.record.Channel == id {
			delete(n.links, attempt)
			n.sayClosed(l)
		}
	}
}
