package discovery

import "github.com/waymeet/waymeet/messages"

// failures says, for each reason that these machines give, what a person is
// told; whose is added by who knows more.
var failures = map[messages.InvitationReason]messages.Problem{
	messages.TicketUsed: {Code: messages.ExitFailed, What: "the ticket is used",
		Whose: "somebody else claimed it first", Hint: "ask the inviter for a new ticket"},
	messages.TicketExpired: {Code: messages.ExitFailed, What: "the ticket has expired",
		Whose: "nobody claimed it in time", Hint: "ask the inviter for a new ticket"},
	messages.ClaimBad: {Code: messages.ExitFailed, What: "the inviter refused the claim",
		Whose: "this node's identity key and its handshake do not fit together", Hint: "check identity.key of this node"},
	messages.InviterDeclined: {Code: messages.ExitFailed, What: "the inviter declined",
		Whose: "the inviter may not or does not want to add this node", Hint: "ask the inviter"},
	messages.AlreadyMember: {Code: messages.ExitFailed, What: "this node is a member already",
		Whose: "the inviter has this node's id in its roster", Hint: "`waymeet status`"},
	messages.OwnTicket: {Code: messages.ExitUsage, What: "cannot join by a ticket of this very node",
		Whose: "the ticket was made here", Hint: "give it to the one who is invited"},
	messages.NoAnswer: {Code: messages.ExitWaiting, What: "no answer: ticket invalid or inviter offline",
		Whose: "nobody answered in time", Hint: "ask the inviter whether their node is up, or for a new ticket"},
	messages.StillWaiting: {Code: messages.ExitWaiting, What: "not joined yet",
		Whose: "the inviter waits for the votes of others", Hint: "join again with the same ticket later"},
	messages.WelcomeBad: {Code: messages.ExitFailed, What: "the inviter's welcome proves nothing",
		Whose: "the inviter sent what the ticket does not promise", Hint: "do not trust this ticket; ask for a new one"},
	messages.NotSynced: {Code: messages.ExitWaiting, What: "joined, but not synced yet",
		Whose: "the inviter went silent before the first sync ended", Hint: "join again with the same ticket to finish it"},
	messages.LocalFailure: {Code: messages.ExitFailed, What: "this node could not do its part",
		Whose: "this node", Hint: "look at its log"},
	messages.NotFounder: {Code: messages.ExitFailed, What: "cannot invite into this context",
		Whose: "only the founder may", Hint: "ask the founder to invite"},
	messages.TooManyTickets: {Code: messages.ExitFailed, What: "cannot make another ticket",
		Whose: "this node keeps as many as it may", Hint: "wait until older ones are gone, a day after they expired"},
	messages.Unreachable: {Code: messages.ExitFailed, What: "cannot make a ticket that reaches this node",
		Whose: "its relay did not answer in time", Hint: "check that the relay given with --relay runs"},
	messages.InvitationMalformed: {Code: messages.ExitUsage, What: "cannot make such a ticket",
		Whose: "what was asked for", Hint: "ask for another"},
}

// failure is the failure for that reason; whose replaces the general text if
// it is not empty. The text of a peer never gets in here.
func failure(reason messages.InvitationReason, whose string) messages.InvitationFailure {
	problem := failures[reason]
	if whose != "" {
		problem.Whose = whose
	}
	return messages.InvitationFailure{Reason: reason, Problem: problem}
}
