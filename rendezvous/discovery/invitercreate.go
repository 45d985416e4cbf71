package discovery

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

// create makes a ticket and asks the disk to keep it.
func (i *Inviter) create(now time.Time, m messages.CreateTicket) []InviterEffect {
	t, failed := i.newTicket(now, m)
	if failed != nil {
		return []InviterEffect{InviteFailed{m.Request, *failed}}
	}
	i.tickets = append(i.tickets, t)
	return i.ask(now, t)
}

func (i *Inviter) newTicket(now time.Time, m messages.CreateTicket) (*heldTicket, *messages.InvitationFailure) {
	refuse := func(reason messages.InvitationReason, whose string) (*heldTicket, *messages.InvitationFailure) {
		failed := failure(reason, whose)
		return nil, &failed
	}
	// SPEC 2.2 names who may advance the epoch, and so who may invite.
	if reason := membership.RefuseEpochOp(m.Finality, m.Founder, i.self); reason != "" {
		return refuse(messages.NotFounder, reason)
	}
	if len(i.tickets) >= maxTickets {
		return refuse(messages.TooManyTickets, fmt.Sprintf("this node keeps %d tickets already", len(i.tickets)))
	}
	role := cmp.Or(m.Role, messages.RoleParticipant)
	if role != messages.RoleParticipant && role != messages.RoleWitness {
		return refuse(messages.InvitationMalformed, fmt.Sprintf("role %d is unknown", role))
	}
	var bad messages.InvitationFailure
	if errors.As(CheckLifetime(m.Lifetime), &bad) {
		return nil, &bad
	}
	if len(m.Slots)+len(m.Direct) == 0 {
		return refuse(messages.Unreachable, "this node has neither a relay nor an address of its own")
	}
	ticket := messages.Ticket{
		Version: messages.CurrentVersion, Context: m.Context, Inviter: i.key,
		Secret: m.Secret, Expires: messages.MillisOf(now).Add(cmp.Or(m.Lifetime, messages.TicketLifetime)),
	}
	t := &heldTicket{state: ticketSaving, request: m.Request}
	for _, slot := range m.Slots {
		ticket.Endpoints = append(ticket.Endpoints, slot.Endpoint)
		t.slotsLeft = append(t.slotsLeft, slot.Endpoint.Slot)
	}
	ticket.Endpoints = append(ticket.Endpoints, m.Direct...)
	if errors.As(ticket.Validate(), &bad) {
		return refuse(messages.InvitationMalformed, bad.Whose)
	}
	t.stored = messages.StoredTicket{Ticket: ticket, Slots: slices.Clone(m.Slots), Role: role}
	t.keys = DeriveTicketKeys(ticket)
	if i.ticket(t.hash()) != nil {
		return refuse(messages.InvitationMalformed, "the secret was used before")
	}
	return t, nil
}

// CheckLifetime refuses, with an InvitationFailure, how long no ticket may live. Zero
// is TicketLifetime.
func CheckLifetime(lifetime time.Duration) error {
	if lifetime < 0 || lifetime > messages.MaxTicketLifetime {
		return failure(messages.InvitationMalformed, fmt.Sprintf("a lifetime of %v is not between 0 and %v", lifetime, messages.MaxTicketLifetime))
	}
	return nil
}

// saved: the ticket is durable, now it may be reached.
func (i *Inviter) saved(now time.Time, m messages.TicketSaved) []InviterEffect {
	t := i.ticket(m.Ticket)
	if t == nil || t.state != ticketSaving {
		return nil
	}
	t.state, t.again = ticketRegistering, now.Add(registerWithin)
	effects := t.listen()
	if len(t.slotsLeft) == 0 {
		effects = append(effects, i.issue(t)...)
	}
	return effects
}

func (i *Inviter) notSaved(m messages.TicketNotSaved) []InviterEffect {
	t := i.ticket(m.Ticket)
	if t == nil || t.state != ticketSaving {
		return nil
	}
	return append(i.drop(t), InviteFailed{t.request, failure(messages.LocalFailure, "the node's database does not take the ticket")})
}

// slotDone: a slot is registered, or has failed for the reason why.
func (i *Inviter) slotDone(hash messages.TicketHash, slot messages.SlotID, why string) []InviterEffect {
	t := i.ticket(hash)
	if t == nil || t.state != ticketRegistering || !slices.Contains(t.slotsLeft, slot) {
		return nil
	}
	if why == "" {
		t.slotUp = true
	} else {
		t.slotWhy = why
	}
	t.slotsLeft = slices.DeleteFunc(t.slotsLeft, func(other messages.SlotID) bool { return other == slot })
	if len(t.slotsLeft) > 0 {
		return nil
	}
	return i.issue(t)
}

// issue hands the ticket over, unless nobody could use it.
func (i *Inviter) issue(t *heldTicket) []InviterEffect {
	t.again = time.Time{}
	direct := len(t.stored.Ticket.Endpoints) > len(t.stored.Slots)
	if !t.slotUp && !direct {
		return append(i.drop(t), InviteFailed{t.request, failure(messages.Unreachable, t.slotWhy)})
	}
	t.state = ticketOpen
	return []InviterEffect{TicketIssued{t.request, t.stored.Ticket}}
}
