package discovery

import (
	"cmp"
	"math/rand/v2"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

const (
	// openWithin is how long one endpoint may take to become a path.
	openWithin = 3 * time.Second
	// answerWithin is how long the inviter may take to say anything to a
	// claim.
	answerWithin = 10 * time.Second
	// pauseBase and pauseMax bound the pause after all endpoints failed:
	// min(base · 2ⁿ, max) ± 20 %, never above max (as SPEC 10.2).
	pauseBase = 500 * time.Millisecond
	pauseMax  = 5 * time.Second
)

// joinState says what is known of a join.
type joinState uint8

const (
	// joinIdle: nothing was asked for yet. Left by BeginJoin.
	joinIdle joinState = iota
	// joinOpening: one endpoint is being made a path. Left when there is one,
	// or for the next endpoint.
	joinOpening
	// joinHandshaking: hellos go out under the ticket. Left when the inviter
	// proved the key that the ticket names, or for the next endpoint.
	joinHandshaking
	// joinPausing: every endpoint failed once more. Tries them again later.
	joinPausing
	// joinClaiming: the claim is sent. Left by the first answer.
	joinClaiming
	// joinWaiting: the inviter waits for votes. Left by its last answer.
	joinWaiting
	// joinAdopting: the welcome is good; this node makes the journal.
	joinAdopting
	// joinSyncing: this node is a member; the journals become equal.
	joinSyncing
	// joinLeaving: done. The channel is left to the inviter to close for 2 s.
	joinLeaving
	// joinOver: done or failed; nothing moves any more.
	joinOver
)

// JoinerConfig says who joins.
type JoinerConfig struct {
	Identity membership.Identity
	// Suite is the one that this node's hardware likes best (SPEC 7.1); zero
	// is SuiteAESGCM.
	Suite messages.Suite
	// Random is the seeded source of jitter.
	Random *rand.Rand
}

// Joiner is one join: from a ticket to a member in sync (SPEC 14.2). Not safe
// for concurrent use.
//
// Invariants:
//  1. a claim goes only to who holds the key that the ticket names;
//  2. nothing is adopted but a welcome that membership.Welcome.Accept took;
//  3. it ends with one JoinDone or one JoinFailed, at the latest at its
//     overall deadline.
type Joiner struct {
	config JoinerConfig
	ticket messages.Ticket
	keys   TicketKeys
	state  joinState
	// end is the overall deadline, until that of the state.
	end, until time.Time
	try        messages.JoinTry
	// pathHeld is set while the try's path is asked for or there.
	pathHeld bool
	endpoint int
	rounds   int
	// pathWhy tells of the last endpoint that failed.
	pathWhy string
	attempt messages.AttemptID
	// have and need are the votes that the inviter told of last.
	have, need uint32
	adopt      Adopt
	adopted    bool
	// epoch is that of the welcome.
	epoch messages.Epoch
}

// NewJoiner is a join that has not begun.
func NewJoiner(config JoinerConfig) *Joiner {
	config.Suite = cmp.Or(config.Suite, messages.SuiteAESGCM)
	return &Joiner{config: config}
}

// Step takes one message and says what to do now.
func (j *Joiner) Step(now time.Time, message messages.JoinerMessage) []JoinerEffect {
	switch m := message.(type) {
	case messages.BeginJoin:
		return j.begin(now, m)
	case messages.JoinPathReady:
		return j.pathReady(now, m)
	case messages.JoinPathFailed:
		return j.pathFailed(now, m)
	case messages.HandshakeComplete:
		return j.complete(now, m)
	case messages.HandshakerDown:
		return j.lost(now, m.Attempt)
	case messages.TicketChannelClosed:
		return j.lost(now, m.Attempt)
	case messages.AnswerReceived:
		return j.answer(now, m)
	case messages.JoinAdopted:
		return j.adoptedNow(now)
	case messages.JoinNotAdopted:
		return j.notAdopted(m)
	case messages.JoinSynced:
		return j.synced(now, m)
	case messages.CancelJoin:
		return j.cancel()
	case messages.Tick:
		return j.tick(now)
	}
	return nil
}

// Deadline is when Step wants a Tick; zero: not needed.
func (j *Joiner) Deadline() time.Time {
	switch {
	case j.state == joinIdle || j.state == joinOver:
		return time.Time{}
	case j.state == joinLeaving || !j.until.IsZero() && j.until.Before(j.end):
		return j.until
	}
	return j.end
}

func (j *Joiner) begin(now time.Time, m messages.BeginJoin) []JoinerEffect {
	if j.state != joinIdle {
		return nil
	}
	j.ticket, j.end = m.Ticket, now.Add(cmp.Or(m.Within, messages.JoinWithin))
	if err := m.Ticket.Validate(); err != nil {
		return j.fail(messages.TicketMalformed, err.Error())
	}
	j.keys = DeriveTicketKeys(m.Ticket)
	switch {
	case m.Ticket.Inviter == j.config.Identity.Public():
		return j.fail(messages.OwnTicket, "")
	case !now.Before(m.Ticket.Expires.Time().Add(keepTicket)):
		// Nobody is left to say so: the inviter forgot it too. Before that it
		// is asked, for this clock may be wrong.
		return j.fail(messages.TicketExpired, "it was for "+m.Ticket.Expires.Time().UTC().Format(time.DateTime)+" UTC at the latest")
	}
	return j.open(now)
}

// open tries the next endpoint; the relay slot comes first in every ticket.
func (j *Joiner) open(now time.Time) []JoinerEffect {
	if j.endpoint == len(j.ticket.Endpoints) {
		j.endpoint = 0
		j.state, j.until = joinPausing, now.Add(j.pause())
		j.rounds++
		return nil
	}
	j.try++
	j.pathHeld = true
	j.state, j.until = joinOpening, now.Add(openWithin)
	j.endpoint++
	return []JoinerEffect{OpenPath{j.try, j.ticket.Endpoints[j.endpoint-1]}}
}

// pause is how long to wait after a round in which all endpoints failed.
func (j *Joiner) pause() time.Duration {
	pause := min(pauseBase<<min(j.rounds, 10), pauseMax)
	jitter := time.Duration((0.8 + 0.4*j.config.Random.Float64()) * float64(pause))
	return min(jitter, pauseMax)
}

func (j *Joiner) pathReady(now time.Time, m messages.JoinPathReady) []JoinerEffect {
	if j.state != joinOpening || m.Try != j.try {
		return nil
	}
	static, err := membership.NoisePublic(j.ticket.Inviter)
	if err != nil {
		return j.fail(messages.TicketMalformed, "the inviter's key is none")
	}
	j.state, j.until = joinHandshaking, now.Add(handshakeWithin)
	j.attempt = messages.AttemptID{Peer: j.ticket.Inviter.Authority(), Boot: m.Boot, N: m.N}
	terms := j.keys.terms(j.attempt, j.config.Identity.Authority())
	terms.PeerStatic, terms.Suite, terms.Via = static, j.config.Suite, m.Via
	return []JoinerEffect{StartInitiator{j.keys, terms}}
}

func (j *Joiner) pathFailed(now time.Time, m messages.JoinPathFailed) []JoinerEffect {
	if j.state != joinOpening || m.Try != j.try {
		return nil
	}
	j.pathWhy = m.Why
	return j.next(now)
}

// next gives up what this endpoint has, and goes on to the next.
func (j *Joiner) next(now time.Time) []JoinerEffect {
	return append(j.release(), j.open(now)...)
}

// release lets go of the attempt and the path, if there are any.
func (j *Joiner) release() []JoinerEffect {
	var effects []JoinerEffect
	if j.attempt != (messages.AttemptID{}) {
		effects = append(effects, CloseAttempt{j.attempt})
		j.attempt = messages.AttemptID{}
	}
	if j.pathHeld {
		effects = append(effects, ClosePath{j.try})
		j.pathHeld = false
	}
	return effects
}

// lost: the handshake failed, or the channel is gone.
func (j *Joiner) lost(now time.Time, attempt messages.AttemptID) []JoinerEffect {
	if j.attempt != attempt {
		return nil
	}
	switch j.state {
	case joinHandshaking, joinClaiming, joinWaiting, joinSyncing:
		return j.next(now)
	case joinAdopting:
		// The journal is made all the same; then somebody is asked again.
		return j.release()
	case joinLeaving:
		return j.leave()
	}
	return nil
}

// tick does what time has brought about.
func (j *Joiner) tick(now time.Time) []JoinerEffect {
	switch {
	case j.state == joinIdle || j.state == joinOver:
		return nil
	case j.state == joinLeaving:
		if now.Before(j.until) {
			return nil
		}
		return j.leave()
	case !now.Before(j.end):
		return j.timeout(now)
	case j.until.IsZero() || now.Before(j.until):
		return nil
	}
	switch j.state {
	case joinOpening:
		j.pathWhy = "no way to " + j.ticket.Endpoints[j.endpoint-1].Address + " in time"
		return j.next(now)
	case joinPausing:
		return j.open(now)
	case joinAdopting:
		j.until = now.Add(askAgain)
		return []JoinerEffect{j.adopt}
	}
	return j.next(now)
}

func (j *Joiner) leave() []JoinerEffect {
	effects := j.release()
	j.state = joinOver
	return effects
}

// fail ends the join.
func (j *Joiner) fail(reason messages.InvitationReason, whose string) []JoinerEffect {
	effects := j.leave()
	return append(effects, JoinFailed{failure(reason, whose)})
}
