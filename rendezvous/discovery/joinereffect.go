package discovery

import (
	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

// JoinerEffect is one thing that a node does to join, in the order given,
// stopping at the first that fails.
type JoinerEffect interface{ joinerEffect() }

// OpenPath gets ready to send hellos to the endpoint: a session at the relay's
// slot, or the own socket for an address. It says JoinPathReady or
// JoinPathFailed. It replaces the path of the try before.
type OpenPath struct {
	Try      messages.JoinTry
	Endpoint messages.LinkEndpoint
}

// ClosePath lets go of the path of that try.
type ClosePath struct{ Try messages.JoinTry }

// StartInitiator listens for hellos under the ticket's keys and runs the
// initiator's side of the handshake on the path Terms.Via. The mux gives Terms
// its receive index. Its end is told by HandshakeComplete or HandshakerDown.
type StartInitiator struct {
	Keys  TicketKeys
	Terms messages.HandshakeTerms
}

// SendClaim opens the stream `claim/1` on the channel of the attempt, writes
// the claim, and reads the answers that follow.
type SendClaim struct {
	Attempt messages.AttemptID
	Claim   messages.Claim
}

// Adopt makes the context's journal here, with the keys of the welcome, and
// publishes the own descriptor into it; then it says JoinAdopted. A journal
// that is there already is adopted as it is. It is asked again until answered.
type Adopt struct {
	Ticket  messages.Ticket
	Welcome membership.Welcome
	Keys    membership.Keys
	Secret  membership.Secret
}

// SyncOnce runs one sync of the context with the inviter over the channel of
// the attempt, both ways, and says JoinSynced.
type SyncOnce struct {
	Attempt messages.AttemptID
	Context messages.ContextID
	Inviter messages.AuthorityID
	// Epoch is the one that made this node a member: what the journal held
	// before, if it was here, is not enough.
	Epoch messages.Epoch
}

// SendSynced writes Synced on the stream `claim/1` of the attempt.
type SendSynced struct{ Attempt messages.AttemptID }

// JoinWaits tells the host that votes are missing: Have of Need are there.
type JoinWaits struct{ Have, Need uint32 }

// JoinDone tells the host that this node is a member and in sync; the inviter
// can be dialled as any member.
type JoinDone struct {
	Context messages.ContextID
	Inviter messages.AuthorityID
}

// JoinFailed tells the host why it is not.
type JoinFailed struct{ Failure messages.InvitationFailure }

func (OpenPath) joinerEffect()       {}
func (ClosePath) joinerEffect()      {}
func (StartInitiator) joinerEffect() {}
func (SendClaim) joinerEffect()      {}
func (Adopt) joinerEffect()          {}
func (SyncOnce) joinerEffect()       {}
func (SendSynced) joinerEffect()     {}
func (CloseAttempt) joinerEffect()   {}
func (JoinWaits) joinerEffect()      {}
func (JoinDone) joinerEffect()       {}
func (JoinFailed) joinerEffect()     {}
