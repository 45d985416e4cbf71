package discovery

import "github.com/waymeet/waymeet/messages"

// InviterEffect is one thing that a node does for its tickets, in the order
// given, stopping at the first that fails.
type InviterEffect interface{ inviterEffect() }

// SaveTicket makes the ticket durable, then says TicketSaved. Saving the same
// ticket again changes nothing.
type SaveTicket struct {
	Hash   messages.TicketHash
	Ticket messages.StoredTicket
}

// InstallTicketKeys listens for hellos under the ticket's keys, which come
// back as TicketHello.
type InstallTicketKeys struct{ Keys TicketKeys }

// RegisterSlot keeps the ticket's slot registered at its relay from now on,
// and says SlotRegistered or SlotFailed about the first try.
type RegisterSlot struct {
	Ticket messages.TicketHash
	Slot   messages.TicketSlot
}

// TicketIssued answers CreateTicket: the ticket can be handed over.
type TicketIssued struct {
	Request messages.InviteRequest
	Ticket  messages.Ticket
}

// InviteFailed answers CreateTicket: there is no ticket, and why.
type InviteFailed struct {
	Request messages.InviteRequest
	Failure messages.InvitationFailure
}

// StartResponder runs the responder's side of the handshake. The mux gives
// Terms its receive index.
type StartResponder struct {
	Ticket messages.TicketHash
	Terms  messages.HandshakeTerms
	Hello  messages.Hello
	// Attempt is what the keys of the attempt's early datagrams come from.
	Attempt messages.SecretKey
}

// RepeatResponse sends the answer to a hello once more.
//
// SPEC 7.2: "the same hello again: the same answer".
type RepeatResponse struct {
	Attempt messages.AttemptID
	Via     messages.Via
}

// StoreClaim makes the claim durable if the ticket has none, and says
// ClaimStored with the claim that is there afterwards. It is asked again until
// answered.
type StoreClaim struct{ Claim messages.StoredClaim }

// AddMember adds the joiner to the context, once for one operation id, and
// says ClaimAnswered. It is asked again until answered.
type AddMember struct {
	Operation messages.OperationID
	Context   messages.ContextID
	Member    messages.PublicKey
	Role      messages.Role
}

// AllowSync lets the attempt's channel carry `sync/1` for that one member and
// context, and nothing else.
type AllowSync struct {
	Attempt messages.AttemptID
	Context messages.ContextID
	Member  messages.AuthorityID
}

// SendAnswer writes the answer on the `claim/1` stream of the attempt.
type SendAnswer struct {
	Attempt messages.AttemptID
	Answer  messages.Answer
}

// CloseAttempt ends the attempt: its handshake, or its channel with all that
// it was allowed.
type CloseAttempt struct{ Attempt messages.AttemptID }

// ReleaseTicket forgets the ticket: its keys, its slots, its records on disk.
type ReleaseTicket struct {
	Hash  messages.TicketHash
	Slots []messages.TicketSlot
}

func (SaveTicket) inviterEffect()        {}
func (InstallTicketKeys) inviterEffect() {}
func (RegisterSlot) inviterEffect()      {}
func (TicketIssued) inviterEffect()      {}
func (InviteFailed) inviterEffect()      {}
func (StartResponder) inviterEffect()    {}
func (RepeatResponse) inviterEffect()    {}
func (StoreClaim) inviterEffect()        {}
func (AddMember) inviterEffect()         {}
func (AllowSync) inviterEffect()         {}
func (SendAnswer) inviterEffect()        {}
func (CloseAttempt) inviterEffect()      {}
func (ReleaseTicket) inviterEffect()     {}
