package rendezvoustest

import (
	"crypto/ed25519"
	"fmt"
	"slices"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/discovery"
	"github.com/waymeet/waymeet/rendezvous/journal"
)

// makeInviter is the host of all tickets of the node. A life begins with what
// the disk holds of them.
func (p *process) makeInviter() {
	p.inviter = &InviterHost{process: p, kind: "inviter", Tick: messages.Tick{}}
	p.inviter.Build = func() Machine[messages.InviterMessage, discovery.InviterEffect] {
		for _, a := range slices.Clone(p.attempts) {
			if a.id().Context.IsZero() && a.id().Inbound() {
				p.freeAttempt(a.id())
			}
		}
		p.closeInboundClaims()
		return discovery.NewInviter(discovery.InviterConfig{Key: p.identity.Public()})
	}
	p.inviter.First = func() []messages.InviterMessage { return []messages.InviterMessage{p.disk.restore()} }
	p.inviter.Perform = p.performInviter
}

func (p *process) performInviter(effect discovery.InviterEffect) {
	switch e := effect.(type) {
	case discovery.SaveTicket:
		p.inviter.task("save ticket", fsync, func(emit func(messages.InviterMessage)) {
			p.disk.tickets[e.Hash] = e.Ticket
			emit(messages.TicketSaved{Ticket: e.Hash})
		})
	case discovery.StoreClaim:
		p.inviter.task("store claim", fsync, func(emit func(messages.InviterMessage)) { emit(p.storeClaim(e.Claim)) })
	case discovery.ReleaseTicket:
		delete(p.ticketKeys, e.Hash)
		p.leaveRelays(relayScope(e.Hash))
		p.inviter.task("release ticket", fsync, func(func(messages.InviterMessage)) {
			delete(p.disk.tickets, e.Hash)
			delete(p.disk.claims, e.Hash)
		})
	case discovery.InstallTicketKeys:
		p.ticketKeys[e.Keys.Ticket] = e.Keys
	case discovery.RegisterSlot:
		url := messages.RelayURL{Key: e.Slot.Endpoint.RelayKey, Address: e.Slot.Endpoint.Address}
		p.registerSlot(relayKey{url, relayScope(e.Ticket)}, ed25519.NewKeyFromSeed(e.Slot.Key[:]), ticketSlot{p, e.Ticket})
	case discovery.TicketIssued:
		p.invited(e.Request, e.Ticket, nil)
	case discovery.InviteFailed:
		p.invited(e.Request, messages.Ticket{}, e.Failure)
	case discovery.AddMember:
		if _, known := p.pending[e.Operation]; !known {
			p.pending[e.Operation] = "writes member-added (" + e.Member.Authority().Short() + "), a new epoch begins"
		}
		p.contexts[e.Context].store.tell(messages.AddMember{Operation: e.Operation, Member: e.Member, Role: e.Role})
	default:
		p.performClaim(effect)
	}
}

// storeClaim stores who has claimed a ticket: the first one stays.
func (p *process) storeClaim(claim messages.StoredClaim) messages.ClaimStored {
	if _, claimed := p.disk.claims[claim.Ticket]; !claimed {
		p.disk.claims[claim.Ticket] = claim.Joiner
		p.event("stores that %s has claimed the ticket", claim.Joiner.Authority().Short())
	}
	return messages.ClaimStored{Ticket: claim.Ticket, Joiner: p.disk.claims[claim.Ticket]}
}

// performClaim does what concerns the channel of an attempt under a ticket.
func (p *process) performClaim(effect discovery.InviterEffect) {
	switch e := effect.(type) {
	case discovery.StartResponder:
		p.spawnHandshaker(e.Terms, inviterOwner{p}, func(index messages.KeyIndex) messages.HandshakerMessage {
			terms := e.Terms
			terms.ReceiveIndex = index
			return messages.AnswerHandshake{Terms: terms, Hello: e.Hello}
		})
	case discovery.RepeatResponse:
		p.repeatAnswer(e.Attempt, e.Via)
	case discovery.AllowSync:
		p.allowSync(e.Attempt, e.Context, e.Member)
	case discovery.SendAnswer:
		p.event("answers the claim of %s: %s", e.Attempt.Peer.Short(), e.Answer)
		p.sendClaim(e.Attempt, e.Answer)
	case discovery.CloseAttempt:
		p.closeTicketAttempt(e.Attempt)
	default:
		panic(fmt.Sprintf("rendezvoustest: %T is not played", effect))
	}
}

// invite asks for a ticket into the context; done hears of it once.
func (p *process) invite(cx messages.ContextID, done func(messages.Ticket, error)) {
	view := p.views[cx]
	request := messages.InviteRequest(len(p.invites) + 1)
	create := messages.CreateTicket{
		Request: request, Context: cx, Founder: view.Founder, Finality: view.Finality, Role: messages.RoleParticipant,
	}
	p.world.draw(create.Secret[:])
	for _, url := range p.relays {
		var seed messages.SecretKey
		p.world.draw(seed[:])
		public := ed25519.NewKeyFromSeed(seed[:]).Public().(ed25519.PublicKey)
		create.Slots = append(create.Slots, messages.TicketSlot{
			Endpoint: url.Endpoint(messages.SlotOf(messages.PublicKey(public))), Key: seed,
		})
	}
	if p.endpoints != nil {
		create.Direct = p.endpoints.Endpoints
	}
	p.invites[request] = done
	p.inviter.tell(create)
}

func (p *process) invited(request messages.InviteRequest, ticket messages.Ticket, err error) {
	if done := p.invites[request]; done != nil {
		p.invites[request] = nil
		done(ticket, err)
	}
}

// memberAdded answers the inviter for an AddMember of its own, and reports
// whether the reply was one. A welcome waits until the node's own descriptor
// stands in the new epoch: the inviter asks again until then.
func (p *process) memberAdded(cx messages.ContextID, e journal.Reply) bool {
	view := p.views[cx]
	switch {
	case e.Welcome != nil && view != nil && view.Descriptors[view.Self].Epoch == view.Epoch:
		p.inviter.tell(messages.ClaimAnswered{Operation: e.Operation, Answer: messages.Answer{
			Kind: messages.AnswerWelcome, Welcome: e.Welcome.Append(nil),
		}})
	case e.Welcome == nil && e.Refusal != "":
		p.inviter.tell(messages.ClaimAnswered{Operation: e.Operation, Answer: messages.RefusedAnswer(messages.InviterDeclined)})
	}
	return e.Welcome != nil
}

// inviterOwner keeps the line of a ticket's handshake, then tells the inviter.
type inviterOwner struct{ p *process }

func (o inviterOwner) complete(m messages.HandshakeComplete) {
	o.p.adoptTicketLine(m)
	o.p.inviter.tell(m)
}

func (o inviterOwner) down(m messages.HandshakerDown) { o.p.inviter.tell(m) }
func (o inviterOwner) watch(id messages.AttemptID, m messages.HandshakerDown) {
	o.p.inviter.actor.Watch(id, m)
}

// ticketSlot tells the inviter what becomes of a ticket's slot.
type ticketSlot struct {
	p      *process
	ticket messages.TicketHash
}

func (s ticketSlot) slotUp(endpoint messages.LinkEndpoint) {
	s.p.inviter.tell(messages.SlotRegistered{Ticket: s.ticket, Slot: endpoint.Slot})
}

func (s ticketSlot) slotDown(endpoint messages.LinkEndpoint, why string) {
	s.p.inviter.tell(messages.SlotFailed{Ticket: s.ticket, Slot: endpoint.Slot, Why: why})
}
