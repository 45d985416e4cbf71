package messages

import "time"

// InviterMessage is what the machine of all tickets of a node
// (discovery.Inviter) is told.
type InviterMessage interface{ inviterMessage() }

// InviteRequest names one request for a ticket; the host chooses it.
type InviteRequest uint64

// TicketSlot is a slot at a relay that belongs to one ticket alone.
type TicketSlot struct {
	// Endpoint is the slot as the ticket names it.
	Endpoint LinkEndpoint `cbor:"1,keyasint"`
	// Key is the seed of the Ed25519 key whose hash is the slot (SPEC 11.2).
	Key SecretKey `cbor:"2,keyasint"`
}

// StoredTicket is what node.db keeps of a ticket until 24 h after it expired:
// key Ticket.Hash(), value Encode of this.
type StoredTicket struct {
	Ticket Ticket       `cbor:"1,keyasint"`
	Slots  []TicketSlot `cbor:"2,keyasint"`
	// Role is what the joiner will be in the context.
	Role Role `cbor:"3,keyasint"`
}

// StoredClaim says who claimed a ticket: key Ticket, value Joiner. It is
// written once and never changed: the store puts it only where there is none,
// in one transaction, and tells who is there afterwards.
type StoredClaim struct {
	Ticket TicketHash
	Joiner PublicKey
}

// RestoreTickets begins the life of the machine with what node.db holds. It is
// the first message; a node without tickets gets it empty.
type RestoreTickets struct {
	Tickets []StoredTicket
	Claims  []StoredClaim
}

// CreateTicket asks for a ticket. All randomness in it comes from outside.
type CreateTicket struct {
	Request InviteRequest
	Context ContextID
	// Founder and Finality are what the context's view says; they decide who
	// may invite.
	Founder  AuthorityID
	Finality FinalityRule
	// Role of the joiner; zero is a participant.
	Role Role
	// Slots are fresh slots of this ticket alone, Direct are addresses of the
	// node. One of either is needed.
	Slots  []TicketSlot
	Direct []LinkEndpoint
	Secret SecretKey
	// Lifetime is TicketLifetime if zero.
	Lifetime time.Duration
}

// TicketSaved says that SaveTicket is durable.
type TicketSaved struct{ Ticket TicketHash }

// TicketNotSaved says that SaveTicket failed for good.
type TicketNotSaved struct{ Ticket TicketHash }

// SlotRegistered says that a slot of the ticket is registered at its relay.
type SlotRegistered struct {
	Ticket TicketHash
	Slot   SlotID
}

// SlotFailed says that a slot could not be registered now; keeping at it is up
// to the relay client.
type SlotFailed struct {
	Ticket TicketHash
	Slot   SlotID
	// Why is for people: "no answer from 127.0.0.1:7342".
	Why string
}

// TicketHello is a hello that opened under the ticket's hello key. What
// follows it is told by HandshakeComplete and HandshakerDown, as everywhere.
type TicketHello struct {
	Ticket TicketHash
	Hello  Hello
	// Hash is over the whole datagram; equal hellos are one attempt.
	Hash HelloHash
	Via  Via
}

// TicketChannelClosed says that the channel which an attempt under a ticket
// became is gone.
type TicketChannelClosed struct{ Attempt AttemptID }

// ClaimReceived is the claim that came on the channel of an attempt.
type ClaimReceived struct {
	Attempt AttemptID
	Claim   Claim
}

// ClaimStored says whose claim is on disk now: that of StoreClaim, or the one
// that was there before.
type ClaimStored struct {
	Ticket TicketHash
	Joiner PublicKey
}

// ClaimAnswered is what came of AddMember: a welcome (the op is in the
// journal, and so is the node's own descriptor of the new epoch), how many
// votes are still missing, or a refusal. After AnswerWaiting another follows.
type ClaimAnswered struct {
	Operation OperationID
	Answer    Answer
}

// SyncedReceived says that the joiner's journal has caught up.
type SyncedReceived struct{ Attempt AttemptID }

func (RestoreTickets) inviterMessage()      {}
func (CreateTicket) inviterMessage()        {}
func (TicketSaved) inviterMessage()         {}
func (TicketNotSaved) inviterMessage()      {}
func (SlotRegistered) inviterMessage()      {}
func (SlotFailed) inviterMessage()          {}
func (TicketHello) inviterMessage()         {}
func (HandshakeComplete) inviterMessage()   {}
func (HandshakerDown) inviterMessage()      {}
func (TicketChannelClosed) inviterMessage() {}
func (ClaimReceived) inviterMessage()       {}
func (ClaimStored) inviterMessage()         {}
func (ClaimAnswered) inviterMessage()       {}
func (SyncedReceived) inviterMessage()      {}
func (Tick) inviterMessage()                {}
