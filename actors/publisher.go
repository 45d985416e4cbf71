package actors

import (
	"crypto/ed25519"
	"crypto/rand"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous"
	"github.com/waymeet/waymeet/supervision"
)

type publisherContext = supervision.Context[messages.PublisherMessage]

// publisherActor keeps the node's own descriptor in a context true. All that
// it must know is in the journal, or told at the start of a life.
func (n *Node) publisherActor(cx messages.ContextID) supervision.Actor[messages.PublisherMessage] {
	return supervision.Host[messages.PublisherMessage, rendezvous.PublisherEffect]{
		New: func(*publisherContext) (supervision.Machine[messages.PublisherMessage, rendezvous.PublisherEffect], error) {
			return rendezvous.NewPublisher(rendezvous.PublisherConfig{
				Context: cx, Service: n.service, Views: &n.views, Random: rand.Reader,
				Nickname: n.config.Nickname, ExpectRelay: len(n.config.Relays) > 0,
			}), nil
		},
		Perform: func(_ *publisherContext, effect rendezvous.PublisherEffect) { n.performPublisher(cx, effect) },
		Tick:    messages.Tick{},
		First:   n.publisherBegin(cx),
	}.Actor()
}

// publisherBegin is what a life begins with: the direct endpoints, and the
// slots that stand.
func (n *Node) publisherBegin(cx messages.ContextID) []messages.PublisherMessage {
	var first []messages.PublisherMessage
	if endpoints, ok := n.endpoints.Load(struct{}{}); ok {
		first = append(first, endpoints)
	}
	for _, endpoint := range n.relays.registered(relayScope(cx)) {
		first = append(first, messages.SlotUp{Context: cx, Endpoint: endpoint})
	}
	return first
}

func (n *Node) performPublisher(cx messages.ContextID, effect rendezvous.PublisherEffect) {
	switch e := effect.(type) {
	case rendezvous.PublishDescriptor:
		n.tellStore(cx, e.Commit)
	case rendezvous.PublishRefused:
		n.log.Warn("descriptor not published", "context", cx.Short(), "reason", e.Decision.String())
	}
}

// registerSlots registers the node in a context at each of its relays, under a
// slot key of that relay and context alone.
func (n *Node) registerSlots(cx messages.ContextID) error {
	for _, url := range n.config.Relays {
		seed, err := n.slotKey(url, cx)
		if err != nil {
			return err
		}
		key := relayKey{url, relayScope(cx)}
		if err := n.registerSlot(key, ed25519.NewKeyFromSeed(seed[:]), contextSlot{n, cx}); err != nil {
			return err
		}
	}
	return nil
}

// contextSlot tells a context's publisher what becomes of its slot.
type contextSlot struct {
	n       *Node
	context messages.ContextID
}

func (s contextSlot) slotUp(endpoint messages.LinkEndpoint) {
	s.n.tellPublisher(s.context, messages.SlotUp{Context: s.context, Endpoint: endpoint})
}

func (s contextSlot) slotDown(endpoint messages.LinkEndpoint, _ string) {
	s.n.tellPublisher(s.context, messages.SlotDown{Context: s.context, Endpoint: endpoint})
}
