package actors

import (
	"context"
	"crypto/rand"

	"github.com/waymeet/waymeet/actors/tree"
	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/handshake"
	"github.com/waymeet/waymeet/supervision"
	"github.com/waymeet/waymeet/transport/mux"
)

type handshakerContext = supervision.Context[messages.HandshakerMessage]

// spawnHandshaker starts the HandshakerActor of an attempt. Diffie-Hellman runs
// in its tasks; the lines hold the keys and the QUIC connection. A handshaker
// that cannot be started has failed like one that died.
func (n *Node) spawnHandshaker(entry attemptEntry, begin func(messages.KeyIndex) messages.HandshakerMessage) {
	id := entry.terms.Attempt
	index, ok := n.attempts.begin(n.socket, entry)
	if !ok {
		entry.owner.handshakerDown(messages.HandshakerDown{Attempt: id, Failure: messages.FailCrashed})
		return
	}
	first := begin(index)
	err := tree.SpawnHandshake(n.tree(), id, func() supervision.Actor[messages.HandshakerMessage] {
		return supervision.Host[messages.HandshakerMessage, handshake.Effect]{
			New: func(*handshakerContext) (supervision.Machine[messages.HandshakerMessage, handshake.Effect], error) {
				return &handshake.Handshaker{}, nil
			},
			Perform: func(c *handshakerContext, effect handshake.Effect) { n.performHandshake(c, id, effect) },
			Tick:    messages.Tick{},
			First:   []messages.HandshakerMessage{first},
		}.Actor()
	})
	if err != nil {
		n.attempts.end(n.socket, id)
		entry.owner.handshakerDown(messages.HandshakerDown{Attempt: id, Failure: messages.FailCrashed})
	}
}

func (n *Node) performHandshake(c *handshakerContext, id messages.AttemptID, effect handshake.Effect) {
	entry, ok := n.attempts.find(id)
	if !ok { // freed by its owner: nobody waits for it
		c.StopSelf()
		return
	}
	switch e := effect.(type) {
	case handshake.Compute:
		c.Task("noise", func(_ context.Context, emit func(messages.HandshakerMessage)) {
			emit(handshake.Run(e, n.static, rand.Reader))
		})
	case handshake.SendHello:
		n.sendHello(entry, e)
	case handshake.InstallKeys:
		n.installKeys(entry, e)
	case handshake.Complete:
		entry.owner.handshakeComplete(messages.HandshakeComplete{Attempt: id, Result: e.Result})
		c.StopSelf()
	case handshake.Fail:
		entry.owner.handshakerDown(messages.HandshakerDown{Attempt: id, Failure: e.Failure})
		c.StopSelf()
	}
}

// sendHello sends Noise message 1 together with QUIC's first packet, or
// message 2 to where message 1 came from.
func (n *Node) sendHello(entry attemptEntry, e handshake.SendHello) {
	datagram, err := sealHello(e.Key, e.Index, e.Hello)
	if err != nil {
		n.failHandshake(e.Attempt, err)
		return
	}
	if e.Hello.Kind == messages.HelloInit {
		path := n.pathFor(entry.terms)
		if path.IsZero() {
			n.failHandshake(e.Attempt, errNoPath)
			return
		}
		if _, err := n.lines.Load().Dial(e.Attempt, linkConfig(entry, datagram, path)); err != nil {
			n.failHandshake(e.Attempt, err)
		}
		return
	}
	if line, ok := n.lines.Load().Attempt(e.Attempt); ok {
		line.KeepAnswer(datagram)
	}
	_ = n.socket.Send(datagram, e.Via) // loss: the hello comes again
}

func (n *Node) installKeys(entry attemptEntry, e handshake.InstallKeys) {
	var err error
	if entry.terms.Initiator() {
		line, ok := n.lines.Load().Attempt(e.Attempt)
		if !ok {
			return // QUIC has failed already, and said so
		}
		err = line.Install(e.Result)
	} else {
		config := linkConfig(entry, entry.hello, entry.terms.Via)
		_, err = n.lines.Load().Accept(e.Attempt, config, e.Result)
	}
	if err != nil {
		n.failHandshake(e.Attempt, err)
	}
}

func (n *Node) failHandshake(id messages.AttemptID, err error) {
	n.tellHandshaker(id, messages.TransportFailed{Reason: err.Error()})
}

func linkConfig(entry attemptEntry, hello []byte, path mux.Path) mux.LinkConfig {
	return mux.LinkConfig{
		Hello:        hello,
		DatagramKey:  entry.datagramKey,
		Suite:        entry.terms.Suite,
		Path:         path,
		ReceiveIndex: entry.terms.ReceiveIndex,
	}
}

// pathFor is where the first hello of an attempt of ours goes: to where its
// owner said, or the way that the pair has now.
func (n *Node) pathFor(terms messages.HandshakeTerms) mux.Path {
	if terms.Via != (messages.Via{}) {
		return terms.Via
	}
	path, _ := n.reach.Load(pairOf(terms.Attempt))
	return path
}
