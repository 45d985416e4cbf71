package discovery

import (
	"slices"
	"time"

	"github.com/waymeet/waymeet/messages"
)

const (
	// maxTickets bounds the tickets that a node keeps, used ones included.
	maxTickets = 256
	// maxAttempts and maxTicketAttempts bound what is under way at once, of
	// all tickets and of one. The first attempt of a ticket always has a place,
	// however full those of other tickets are.
	maxAttempts       = 64
	maxTicketAttempts = 8

	// keepTicket: "Used or expired tickets keep key and slot 24 h to say so"
	// (SPEC 14.2).
	keepTicket = 24 * time.Hour
	// askAgain is how long the disk or the journal may stay silent before they
	// are asked again.
	askAgain = time.Second
	// registerWithin is how long a new ticket waits for its slots.
	registerWithin = 5 * time.Second
)

// ticketState says what is known of a ticket.
type ticketState uint8

const (
	// ticketSaving: entered when it is made; asks the disk until it is saved.
	ticketSaving ticketState = iota + 1
	// ticketRegistering: it is saved. Registers its slots; left when each of
	// them is registered or has failed, or after 5 s.
	ticketRegistering
	// ticketOpen: it is issued, and nobody has claimed it. Left for
	// ticketStoring by the first good claim, or forgotten 24 h after expiry.
	ticketOpen
	// ticketStoring: a claim is on its way to the disk, which decides whose
	// claim is the first.
	ticketStoring
	// ticketClaimed: the disk holds the claim of one joiner, for ever. While an
	// attempt of that joiner waits, the journal is asked.
	ticketClaimed
)

// heldTicket is one ticket and how far it has come.
type heldTicket struct {
	stored  messages.StoredTicket
	keys    TicketKeys
	state   ticketState
	request messages.InviteRequest
	// slotsLeft have neither been registered nor failed; slotUp is set by the
	// first that has, slotWhy tells of the last that failed.
	slotsLeft []messages.SlotID
	slotUp    bool
	slotWhy   string
	// joiner is whose claim is stored, or being stored.
	joiner messages.PublicKey
	// again is when to ask the disk or the journal again; zero: nothing asked.
	again time.Time
}

func (t *heldTicket) hash() messages.TicketHash { return t.keys.Ticket }

func (t *heldTicket) expired(now time.Time) bool {
	return messages.MillisOf(now) >= t.stored.Ticket.Expires
}

// forgetAt is when the ticket is forgotten.
func (t *heldTicket) forgetAt() time.Time {
	return t.stored.Ticket.Expires.Time().Add(keepTicket)
}

// InviterConfig says for whom the tickets are.
type InviterConfig struct {
	// Key is the identity key of this node.
	Key messages.PublicKey
}

// Inviter owns all tickets of a node: it makes them, answers who knocks with
// one, and sees that a ticket makes at most one member, whatever dies between
// a claim and its answer (SPEC 14.2). Not safe for concurrent use.
//
// Invariants:
//  1. no hello is answered for a ticket that is not on disk;
//  2. no member is added for a claim that is not on disk, and the disk holds
//     one claim a ticket, so that one ticket makes at most one member;
//  3. no answer but a refusal is sent before the journal gave it.
type Inviter struct {
	key      messages.PublicKey
	self     messages.AuthorityID
	tickets  []*heldTicket
	attempts []*knock
}

// NewInviter is an inviter without tickets; RestoreTickets brings them.
func NewInviter(config InviterConfig) *Inviter {
	return &Inviter{key: config.Key, self: config.Key.Authority()}
}

// Step takes one message and says what to do now.
func (i *Inviter) Step(now time.Time, message messages.InviterMessage) []InviterEffect {
	switch m := message.(type) {
	case messages.RestoreTickets:
		return i.restore(now, m)
	case messages.CreateTicket:
		return i.create(now, m)
	case messages.TicketSaved:
		return i.saved(now, m)
	case messages.TicketNotSaved:
		return i.notSaved(m)
	case messages.SlotRegistered:
		return i.slotDone(m.Ticket, m.Slot, "")
	case messages.SlotFailed:
		return i.slotDone(m.Ticket, m.Slot, m.Why)
	case messages.TicketHello:
		return i.hello(now, m)
	case messages.HandshakeComplete:
		return i.complete(now, m)
	case messages.HandshakerDown:
		i.forget(m.Attempt)
	case messages.TicketChannelClosed:
		i.forget(m.Attempt)
	case messages.ClaimReceived:
		return i.claim(now, m)
	case messages.ClaimStored:
		return i.claimStored(now, m)
	case messages.ClaimAnswered:
		return i.answered(now, m)
	case messages.SyncedReceived:
		return i.synced(m)
	case messages.Tick:
		return i.tick(now)
	}
	return nil
}

// Deadline is when Step wants a Tick; zero: not needed.
func (i *Inviter) Deadline() time.Time {
	var first time.Time
	sooner := func(t time.Time) {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	for _, t := range i.tickets {
		sooner(t.again)
		sooner(t.forgetAt())
	}
	for _, k := range i.attempts {
		sooner(k.until)
	}
	return first
}

// restore takes what the disk holds. Tickets that were never handed over are
// as open as the others: nobody has them.
func (i *Inviter) restore(now time.Time, m messages.RestoreTickets) []InviterEffect {
	var effects []InviterEffect
	for _, stored := range m.Tickets {
		t := &heldTicket{stored: stored, keys: DeriveTicketKeys(stored.Ticket), state: ticketOpen}
		if i.ticket(t.hash()) != nil {
			continue
		}
		for _, claim := range m.Claims {
			if claim.Ticket == t.hash() {
				t.joiner, t.state = claim.Joiner, ticketClaimed
			}
		}
		i.tickets = append(i.tickets, t)
		if now.Before(t.forgetAt()) {
			effects = append(effects, t.listen()...)
		}
	}
	return append(effects, i.tick(now)...)
}

// listen makes the ticket reachable.
func (t *heldTicket) listen() []InviterEffect {
	effects := []InviterEffect{InstallTicketKeys{t.keys}}
	for _, slot := range t.stored.Slots {
		effects = append(effects, RegisterSlot{t.hash(), slot})
	}
	return effects
}

// tick does what time has brought about.
func (i *Inviter) tick(now time.Time) []InviterEffect {
	var effects []InviterEffect
	for _, k := range slices.Clone(i.attempts) {
		if !now.Before(k.until) {
			effects = append(effects, i.end(k)...)
		}
	}
	for _, t := range slices.Clone(i.tickets) {
		switch {
		case !now.Before(t.forgetAt()):
			effects = append(effects, i.drop(t)...)
		case !t.again.IsZero() && !now.Before(t.again):
			effects = append(effects, i.ask(now, t)...)
		}
	}
	return effects
}

// ask asks the disk or the journal for what the ticket waits for.
func (i *Inviter) ask(now time.Time, t *heldTicket) []InviterEffect {
	t.again = now.Add(askAgain)
	switch t.state {
	case ticketSaving:
		return []InviterEffect{SaveTicket{t.hash(), t.stored}}
	case ticketRegistering:
		return i.issue(t)
	case ticketStoring:
		return []InviterEffect{StoreClaim{messages.StoredClaim{Ticket: t.hash(), Joiner: t.joiner}}}
	case ticketClaimed:
		if i.waitsFor(t) {
			return []InviterEffect{AddMember{
				Operation: InviteOperation(t.hash(), t.joiner.Authority()),
				Context:   t.stored.Ticket.Context, Member: t.joiner, Role: t.stored.Role,
			}}
		}
	}
	t.again = time.Time{}
	return nil
}

// drop forgets a ticket and whoever still knocks with it.
func (i *Inviter) drop(t *heldTicket) []InviterEffect {
	var effects []InviterEffect
	for _, k := range slices.Clone(i.attempts) {
		if k.ticket == t {
			effects = append(effects, i.end(k)...)
		}
	}
	i.tickets = slices.DeleteFunc(i.tickets, func(other *heldTicket) bool { return other == t })
	return append(effects, ReleaseTicket{t.hash(), t.stored.Slots})
}

func (i *Inviter) ticket(hash messages.TicketHash) *heldTicket {
	for _, t := range i.tickets {
		if t.hash() == hash {
			return t
		}
	}
	return nil
}
