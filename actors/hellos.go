package actors

import (
	"crypto/sha256"
	"sync"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/channel"
	"github.com/waymeet/waymeet/rendezvous/discovery"
	"github.com/waymeet/waymeet/transport/mux"
)

// hellos is what the node listens for: the hello keys of its contexts and of
// its tickets, and what a hello that opened under one of them is about.
type hellos struct {
	mu       sync.Mutex
	contexts map[messages.ContextID][]channel.HelloKey
	tickets  map[messages.TicketHash]discovery.TicketKeys
	// topics are what the tags of the installed table stand for.
	topics map[mux.Tag]helloTopic
	last   mux.Tag
}

// helloTopic is a context and an epoch, or a ticket.
type helloTopic struct {
	context messages.ContextID
	epoch   messages.Epoch
	ticket  messages.TicketHash
}

func (h *hellos) setContext(socket *mux.Socket, e channel.InstallHelloKeys) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.contexts == nil {
		h.contexts = make(map[messages.ContextID][]channel.HelloKey)
	}
	h.contexts[e.Context] = e.Keys
	if len(e.Keys) == 0 {
		delete(h.contexts, e.Context)
	}
	h.install(socket)
}

func (h *hellos) setTicket(socket *mux.Socket, keys discovery.TicketKeys) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.tickets == nil {
		h.tickets = make(map[messages.TicketHash]discovery.TicketKeys)
	}
	h.tickets[keys.Ticket] = keys
	h.install(socket)
}

func (h *hellos) dropTicket(socket *mux.Socket, ticket messages.TicketHash) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.tickets, ticket)
	h.install(socket)
}

// install makes the mux's table anew; h is locked. Tags are never used again,
// so a hello that opened under the table before finds nothing wrong.
func (h *hellos) install(socket *mux.Socket) {
	table := make(mux.HelloTable)
	h.topics = make(map[mux.Tag]helloTopic)
	enter := func(index messages.KeyIndex, key messages.SecretKey, topic helloTopic) {
		h.last++
		h.topics[h.last] = topic
		table[index] = append(table[index], mux.HelloKey{Key: key, Tag: h.last})
	}
	for cx, keys := range h.contexts {
		for _, k := range keys {
			enter(k.Index, k.Key, helloTopic{context: cx, epoch: k.Epoch})
		}
	}
	for ticket, keys := range h.tickets {
		enter(keys.Index, keys.Hello, helloTopic{ticket: ticket})
	}
	socket.SetHelloKeys(table)
}

func (h *hellos) topic(tag mux.Tag) (helloTopic, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	topic, ok := h.topics[tag]
	return topic, ok
}

// takeHello brings a hello that opened to who decides about it. It runs on the
// socket's reader.
func (n *Node) takeHello(h mux.Hello) bool {
	topic, ok := n.hellos.topic(h.Tag)
	if !ok {
		return false
	}
	hello, err := messages.ParseHello(h.Plaintext)
	if err != nil {
		return false
	}
	hash, via := messages.HelloHash(sha256.Sum256(h.Raw)), h.Via
	if hello.Kind == messages.HelloInit {
		about := helloTopic{context: topic.context, ticket: topic.ticket} // the epoch is its sender's choice
		n.attempts.keep(hash, heldHello{datagram: h.Raw, at: time.Now(), topic: about, sender: hello.Sender})
	}
	switch {
	case topic.ticket.IsZero():
		n.tellManager(messages.HelloReceived{
			Context: topic.context, Epoch: topic.epoch, Hello: hello, Hash: hash, Via: via,
		})
	case hello.Kind == messages.HelloInit:
		n.tellInviter(messages.TicketHello{Ticket: topic.ticket, Hello: hello, Hash: hash, Via: via})
	default:
		n.joinAnswered(topic.ticket, hello)
	}
	return true
}
