package discovery

import (
	"errors"
	"fmt"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

// complete: the other end is the inviter. Now this node says who it is.
func (j *Joiner) complete(now time.Time, m messages.HandshakeComplete) []JoinerEffect {
	if m.Attempt != j.attempt {
		return []JoinerEffect{CloseAttempt{m.Attempt}}
	}
	if j.state != joinHandshaking {
		return nil
	}
	j.state, j.until = joinClaiming, now.Add(answerWithin)
	signature := j.config.Identity.Sign(messages.ClaimMessage(m.Result.Hash))
	claim := messages.Claim{Key: j.config.Identity.Public(), Signature: signature}
	return []JoinerEffect{SendClaim{j.attempt, claim}}
}

// answer is what the inviter said to the claim.
func (j *Joiner) answer(now time.Time, m messages.AnswerReceived) []JoinerEffect {
	if m.Attempt != j.attempt || j.state != joinClaiming && j.state != joinWaiting {
		return nil
	}
	switch m.Answer.Kind {
	case messages.AnswerWaiting:
		j.state, j.until = joinWaiting, time.Time{}
		j.have, j.need = m.Answer.Have, m.Answer.Need
		return []JoinerEffect{JoinWaits{j.have, j.need}}
	case messages.AnswerWelcome:
		return j.welcome(now, m.Answer.Welcome)
	}
	return j.refused(now, m.Answer.Refusal.Reason())
}

func (j *Joiner) refused(now time.Time, reason messages.InvitationReason) []JoinerEffect {
	switch {
	case reason == messages.InviterBusy:
		j.endpoint = len(j.ticket.Endpoints)
		return j.next(now)
	case j.adopted:
		// This node is a member already: the inviter contradicts itself.
		return j.fail(messages.NotSynced, "the inviter welcomed this node first and refuses it now")
	}
	return j.fail(reason, "")
}

// welcome checks the welcome against the ticket before anything is kept.
func (j *Joiner) welcome(now time.Time, b []byte) []JoinerEffect {
	if j.adopted {
		return j.sync(now)
	}
	welcome, err := membership.ParseWelcome(b)
	if errors.Is(err, messages.ErrEncoding) {
		return j.fail(messages.WelcomeBad, "the inviter sent what is no welcome")
	}
	if err != nil {
		return j.fail(messages.WelcomeBad, err.Error())
	}
	keys, secret, err := welcome.Accept(j.config.Identity, j.ticket.Context, j.ticket.Inviter)
	if err != nil {
		return j.fail(messages.WelcomeBad, err.Error())
	}
	j.state, j.until = joinAdopting, now.Add(askAgain)
	j.adopt, j.epoch = Adopt{Ticket: j.ticket, Welcome: welcome, Keys: keys, Secret: secret}, welcome.Epoch
	return []JoinerEffect{j.adopt}
}

func (j *Joiner) adoptedNow(now time.Time) []JoinerEffect {
	if j.state != joinAdopting {
		return nil
	}
	j.adopted, j.adopt = true, Adopt{}
	if j.attempt == (messages.AttemptID{}) {
		j.endpoint = 0
		return j.open(now)
	}
	return j.sync(now)
}

func (j *Joiner) notAdopted(m messages.JoinNotAdopted) []JoinerEffect {
	if j.state != joinAdopting {
		return nil
	}
	return j.fail(messages.LocalFailure, m.Why)
}

// sync makes the journals equal, once.
//
// SPEC 14.2: "both sync once, the ticket channel closes and a normal one is
// dialled; join is done."
func (j *Joiner) sync(now time.Time) []JoinerEffect {
	j.state, j.until = joinSyncing, now.Add(syncWithin)
	return []JoinerEffect{SyncOnce{j.attempt, j.ticket.Context, j.ticket.Inviter.Authority(), j.epoch}}
}

func (j *Joiner) synced(now time.Time, m messages.JoinSynced) []JoinerEffect {
	if j.state != joinSyncing || m.Attempt != j.attempt {
		return nil
	}
	j.state, j.until = joinLeaving, now.Add(leaveWithin)
	return []JoinerEffect{SendSynced{j.attempt}, JoinDone{j.ticket.Context, j.ticket.Inviter.Authority()}}
}

func (j *Joiner) cancel() []JoinerEffect {
	switch j.state {
	case joinLeaving, joinOver:
		return nil
	}
	return j.fail(messages.LocalFailure, "the join was cancelled here")
}

// timeout is the overall deadline. A forged ticket, and one whose inviter is
// away, end here (SPEC 14.2).
func (j *Joiner) timeout(now time.Time) []JoinerEffect {
	switch {
	case j.adopted:
		return j.fail(messages.NotSynced, "")
	case j.state == joinAdopting:
		return j.fail(messages.LocalFailure, "the journal of the context could not be made in time")
	case j.need > 0:
		return j.fail(messages.StillWaiting, fmt.Sprintf("the inviter waits for %d of %d", j.have, j.need))
	case !now.Before(j.ticket.Expires.Time()):
		return j.fail(messages.NoAnswer, "nobody answered, and by this clock the ticket has expired")
	case j.pathWhy != "":
		return j.fail(messages.NoAnswer, j.pathWhy)
	}
	return j.fail(messages.NoAnswer, "")
}
