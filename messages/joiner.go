package messages

import "time"

// JoinerMessage is what the machine of one join (discovery.Joiner) is told.
type JoinerMessage interface{ joinerMessage() }

// JoinTry numbers the paths that one join tries, from 1.
type JoinTry uint32

// BeginJoin begins the join. It is the first message and comes once.
type BeginJoin struct {
	Ticket Ticket
	// Within is the overall deadline, from now; JoinWithin if zero.
	Within time.Duration
}

// JoinWithin is how long a join may take if nothing else is asked for.
const JoinWithin = time.Minute

// JoinPathReady says that hellos can be sent to the endpoint of OpenPath.
type JoinPathReady struct {
	Try JoinTry
	Via Via
	// Boot and N are the node's counter of attempts, counted up for this one
	// (SPEC 7.3).
	Boot Boot
	N    uint64
}

// JoinPathFailed says that they cannot: the relay does not answer or knows no
// such slot, the socket refused.
type JoinPathFailed struct {
	Try JoinTry
	// Why is for people.
	Why string
}

// AnswerReceived is what the inviter said on the channel of an attempt.
type AnswerReceived struct {
	Attempt AttemptID
	Answer  Answer
}

// JoinAdopted says that the journal of the context exists here, durable, with
// the keys of the welcome and the own descriptor.
type JoinAdopted struct{}

// JoinNotAdopted says that Adopt failed for good.
type JoinNotAdopted struct {
	// Why is for people.
	Why string
}

// JoinSynced says that the first sync over the ticket's channel ended with
// equal journals.
type JoinSynced struct{ Attempt AttemptID }

// CancelJoin ends the join: the host does not want it any more.
type CancelJoin struct{}

func (BeginJoin) joinerMessage()           {}
func (JoinPathReady) joinerMessage()       {}
func (JoinPathFailed) joinerMessage()      {}
func (HandshakeComplete) joinerMessage()   {}
func (HandshakerDown) joinerMessage()      {}
func (TicketChannelClosed) joinerMessage() {}
func (AnswerReceived) joinerMessage()      {}
func (JoinAdopted) joinerMessage()         {}
func (JoinNotAdopted) joinerMessage()      {}
func (JoinSynced) joinerMessage()          {}
func (CancelJoin) joinerMessage()          {}
func (Tick) joinerMessage()                {}
