package actors

import (
	"context"
	"crypto/ed25519"
	"sync"

	"github.com/waymeet/waymeet/actors/tree"
	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/discovery"
	"github.com/waymeet/waymeet/rendezvous/journal"
	"github.com/waymeet/waymeet/supervision"
)

type inviterContext = supervision.Context[messages.InviterMessage]

// inviterActor answers for all tickets of the node. A life begins with what
// node.db holds of them, so a claim that was stored before a crash gets its
// answer after it.
func (n *Node) inviterActor() supervision.Actor[messages.InviterMessage] {
	return supervision.Host[messages.InviterMessage, discovery.InviterEffect]{
		New: func(*inviterContext) (supervision.Machine[messages.InviterMessage, discovery.InviterEffect], error) {
			n.endTicketAttempts()
			return discovery.NewInviter(discovery.InviterConfig{Key: n.identity.Public()}), nil
		},
		Perform: n.performInviter,
		Tick:    messages.Tick{},
		First:   []messages.InviterMessage{n.storedTickets()},
	}.Actor()
}

// endTicketAttempts frees the inbound attempts of an earlier life.
func (n *Node) endTicketAttempts() {
	for _, id := range n.attempts.all() {
		if id.Context.IsZero() && id.Inbound() {
			n.freeAttempt(id)
		}
	}
	n.claims.closeInbound()
}

func (n *Node) performInviter(c *inviterContext, effect discovery.InviterEffect) {
	switch e := effect.(type) {
	case discovery.SaveTicket:
		c.Task("save ticket", func(_ context.Context, emit func(messages.InviterMessage)) { emit(n.saveTicket(e)) })
	case discovery.StoreClaim:
		c.Task("store claim", func(_ context.Context, emit func(messages.InviterMessage)) {
			if stored, ok := n.storeClaim(e.Claim); ok {
				emit(stored)
			}
		})
	case discovery.ReleaseTicket:
		n.hellos.dropTicket(n.socket, e.Hash)
		n.leaveRelays(relayScope(e.Hash))
		c.Task("release ticket", func(_ context.Context, _ func(messages.InviterMessage)) { n.releaseTicket(e.Hash) })
	case discovery.InstallTicketKeys:
		n.hellos.setTicket(n.socket, e.Keys)
	case discovery.RegisterSlot:
		n.registerTicketSlot(e)
	case discovery.TicketIssued:
		n.invites.answer(e.Request, inviteResult{ticket: e.Ticket.Text()})
	case discovery.InviteFailed:
		n.invites.answer(e.Request, inviteResult{err: e.Failure})
	case discovery.AddMember:
		n.tellStore(e.Context, messages.AddMember{Operation: e.Operation, Member: e.Member, Role: e.Role})
	default:
		n.performClaim(c, effect)
	}
}

// performClaim does what concerns the channel of an attempt under a ticket.
func (n *Node) performClaim(c *inviterContext, effect discovery.InviterEffect) {
	switch e := effect.(type) {
	case discovery.StartResponder:
		id := e.Terms.Attempt
		n.spawnHandshaker(attemptEntry{terms: e.Terms, datagramKey: e.Attempt, owner: inviterOwner{n}},
			func(index messages.KeyIndex) messages.HandshakerMessage {
				terms := e.Terms
				terms.ReceiveIndex = index
				return messages.AnswerHandshake{Terms: terms, Hello: e.Hello}
			})
		c.Monitor(tree.AtHandshake(id), func(down supervision.Down) messages.InviterMessage {
			if down.Reason.Reason.Failure() {
				return messages.HandshakerDown{Attempt: id, Failure: messages.FailCrashed}
			}
			return messages.Tick{}
		})
	case discovery.RepeatResponse:
		n.resendAnswer(e.Attempt, e.Via)
	case discovery.AllowSync:
		n.allowSync(e.Attempt, e.Context, e.Member)
	case discovery.SendAnswer:
		n.sendClaim(e.Attempt, e.Answer)
	case discovery.CloseAttempt:
		n.closeTicketAttempt(e.Attempt)
	}
}

// inviterOwner makes a line of the ticket's handshake, then tells the inviter.
type inviterOwner struct{ n *Node }

func (o inviterOwner) handshakeComplete(m messages.HandshakeComplete) {
	o.n.adoptTicketLine(m)
	o.n.tellInviter(m)
}

func (o inviterOwner) handshakerDown(m messages.HandshakerDown) { o.n.tellInviter(m) }

// registerTicketSlot keeps the ticket's own slot registered at its relay.
func (n *Node) registerTicketSlot(e discovery.RegisterSlot) {
	endpoint := e.Slot.Endpoint
	key := relayKey{messages.RelayURL{Key: endpoint.RelayKey, Address: endpoint.Address}, relayScope(e.Ticket)}
	watcher := ticketSlot{n, e.Ticket}
	if err := n.registerSlot(key, ed25519.NewKeyFromSeed(e.Slot.Key[:]), watcher); err != nil {
		watcher.slotDown(endpoint, err.Error())
	}
}

// ticketSlot tells the inviter what becomes of a ticket's slot.
type ticketSlot struct {
	n      *Node
	ticket messages.TicketHash
}

func (s ticketSlot) slotUp(endpoint messages.LinkEndpoint) {
	s.n.tellInviter(messages.SlotRegistered{Ticket: s.ticket, Slot: endpoint.Slot})
}

func (s ticketSlot) slotDown(endpoint messages.LinkEndpoint, why string) {
	s.n.tellInviter(messages.SlotFailed{Ticket: s.ticket, Slot: endpoint.Slot, Why: why})
}

// welcomes are the welcomes that wait for the node's own descriptor of the new
// epoch (SPEC 14.2: "The inviter republishes in the new epoch").
type welcomes struct {
	mu      sync.Mutex
	waiting map[messages.ContextID]map[messages.OperationID]journal.Reply
}

// maxWelcomes bounds those of one context; one that finds no room is asked for
// again by the inviter.
const maxWelcomes = 64

func (w *welcomes) keep(cx messages.ContextID, e journal.Reply) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.waiting == nil {
		w.waiting = make(map[messages.ContextID]map[messages.OperationID]journal.Reply)
	}
	if w.waiting[cx] == nil {
		w.waiting[cx] = make(map[messages.OperationID]journal.Reply)
	}
	if len(w.waiting[cx]) < maxWelcomes {
		w.waiting[cx][e.Operation] = e
	}
}

func (w *welcomes) take(cx messages.ContextID) map[messages.OperationID]journal.Reply {
	w.mu.Lock()
	defer w.mu.Unlock()
	waiting := w.waiting[cx]
	delete(w.waiting, cx)
	return waiting
}

// memberAdded answers the inviter for an AddMember of its own, and reports
// whether the reply was one.
func (n *Node) memberAdded(cx messages.ContextID, e journal.Reply) bool {
	switch {
	case e.Welcome != nil:
		n.welcomes.keep(cx, e)
		n.sendWelcomes(cx)
	case e.Refusal != "":
		n.tellInviter(messages.ClaimAnswered{
			Operation: e.Operation, Answer: messages.RefusedAnswer(messages.InviterDeclined),
		})
	}
	return e.Welcome != nil
}

// sendWelcomes gives the inviter the welcomes of a context whose open epoch has
// a descriptor of the node's own.
func (n *Node) sendWelcomes(cx messages.ContextID) {
	view := n.views.View(cx)
	if view == nil {
		return
	}
	if own, published := view.Descriptors[view.Self]; !published || own.Epoch != view.Epoch {
		return
	}
	for operation, reply := range n.welcomes.take(cx) {
		n.tellInviter(messages.ClaimAnswered{Operation: operation, Answer: messages.Answer{
			Kind: messages.AnswerWelcome, Welcome: reply.Welcome.Append(nil),
		}})
	}
}
