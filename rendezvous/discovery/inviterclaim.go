package discovery

import (
	"slices"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

const (
	// handshakeWithin is a little more than a handshaker's own 5 s (SPEC 7.6).
	handshakeWithin = 6 * time.Second
	// claimWithin is how long a channel may stay without its claim.
	claimWithin = 10 * time.Second
	// waitWithin is how long a joiner may wait for the disk, the journal and
	// the votes of others on one channel.
	waitWithin = 10 * time.Minute
	// syncWithin is how long the first sync may take.
	syncWithin = 2 * time.Minute
	// leaveWithin lets the last frame arrive before the channel is closed.
	leaveWithin = 2 * time.Second
)

// knockState says how far an attempt with a ticket has come.
type knockState uint8

const (
	// knockHandshaking: a hello opened under the ticket. Left when the
	// handshake is complete or has failed.
	knockHandshaking knockState = iota + 1
	// knockUp: there is a channel, and its other end knows the secret. Left by
	// the claim.
	knockUp
	// knockWaiting: the claim is good. Left when disk and journal have
	// answered.
	knockWaiting
	// knockWelcomed: the joiner is a member and syncs. Left by Synced.
	knockWelcomed
	// knockLeaving: the last frame is sent, the channel closes.
	knockLeaving
)

// knock is one attempt to use a ticket.
type knock struct {
	id     messages.AttemptID
	ticket *heldTicket
	state  knockState
	// static and handshake are what Noise proved.
	static, handshake [32]byte
	joiner            messages.PublicKey
	// told is the last answer that was sent.
	told messages.Answer
	// until is when the attempt is given up.
	until time.Time
}

// hello begins an attempt. Nothing in it has an effect but the handshake.
func (i *Inviter) hello(now time.Time, m messages.TicketHello) []InviterEffect {
	t := i.ticket(m.Ticket)
	h := m.Hello
	if t == nil || t.state < ticketOpen || !isTicketHello(h) || m.Hash.IsZero() || h.Sender == i.self {
		return nil
	}
	id := messages.AttemptID{Peer: h.Sender, Boot: h.Boot, N: h.N, Hello: m.Hash}
	if k := i.attempt(id); k != nil {
		if k.state == knockHandshaking {
			return []InviterEffect{RepeatResponse{id, m.Via}}
		}
		return nil
	}
	same := 0
	for _, k := range i.attempts {
		if k.ticket == t {
			same++
		}
	}
	if same >= maxTicketAttempts || same > 0 && len(i.attempts) >= maxAttempts {
		return nil
	}
	i.attempts = append(i.attempts, &knock{id: id, ticket: t, state: knockHandshaking, until: now.Add(handshakeWithin)})
	terms := t.keys.terms(id, i.self)
	terms.Stranger, terms.Suite, terms.Via = true, h.Suite, m.Via
	return []InviterEffect{StartResponder{Ticket: t.hash(), Terms: terms, Hello: h, Attempt: t.keys.Attempt}}
}

// isTicketHello reports whether a joiner of our major could have written it.
//
// SPEC 14.2: "hello with empty context and epoch".
func isTicketHello(h messages.Hello) bool {
	return h.Kind == messages.HelloInit && h.Major == messages.CurrentVersion.Major && h.Epoch == 0 &&
		h.ReceiverNonce.IsZero() && h.SenderNonce.IsZero() && !h.Sender.IsZero()
}

// complete: the other end has proved that it knows the secret.
func (i *Inviter) complete(now time.Time, m messages.HandshakeComplete) []InviterEffect {
	k := i.attempt(m.Attempt)
	if k == nil {
		return []InviterEffect{CloseAttempt{m.Attempt}}
	}
	if k.state == knockHandshaking {
		k.state, k.until = knockUp, now.Add(claimWithin)
		k.static, k.handshake = m.Result.PeerStatic, m.Result.Hash
	}
	return nil
}

// claim is the joiner's claim.
//
// SPEC 14.2: "the first claim is stored {ticket hash → joiner id} before the
// answer; the same id claiming again gets the same answer, another id is
// refused".
func (i *Inviter) claim(now time.Time, m messages.ClaimReceived) []InviterEffect {
	k := i.attempt(m.Attempt)
	if k == nil {
		return []InviterEffect{CloseAttempt{m.Attempt}}
	}
	if k.state != knockUp {
		return nil
	}
	t := k.ticket
	switch {
	case !k.proves(m.Claim):
		return k.refuse(now, messages.ClaimBad)
	case t.state != ticketOpen && t.joiner != m.Claim.Key:
		return k.refuse(now, messages.TicketUsed)
	case t.state == ticketOpen && t.expired(now):
		return k.refuse(now, messages.TicketExpired)
	}
	k.state, k.joiner, k.until = knockWaiting, m.Claim.Key, now.Add(waitWithin)
	if t.state == ticketOpen {
		t.state, t.joiner = ticketStoring, m.Claim.Key
	}
	return i.ask(now, t)
}

// proves reports whether the claim belongs to the channel on which it came.
//
// SPEC 14.2: "the joiner claims {Ed25519 key, signature over 'waymeet/1 claim'
// ‖ handshake hash; its X25519 form must be the Noise static}"; SPEC 1.1:
// "Every place that meets an id together with a key MUST check that they
// belong together."
func (k *knock) proves(claim messages.Claim) bool {
	static, err := membership.NoisePublic(claim.Key)
	return err == nil && static == k.static && claim.Key.Authority() == k.id.Peer &&
		claim.Key.Verify(messages.ClaimMessage(k.handshake), claim.Signature[:])
}

// refuse tells the joiner why not; the channel then closes.
func (k *knock) refuse(now time.Time, reason messages.InvitationReason) []InviterEffect {
	return k.tell(now, messages.RefusedAnswer(reason))
}

// claimStored: the disk has decided whose claim is the first.
func (i *Inviter) claimStored(now time.Time, m messages.ClaimStored) []InviterEffect {
	t := i.ticket(m.Ticket)
	if t == nil || t.state != ticketStoring {
		return nil
	}
	t.state, t.joiner = ticketClaimed, m.Joiner
	var effects []InviterEffect
	for _, k := range i.attempts {
		if k.ticket == t && k.state == knockWaiting && k.joiner != t.joiner {
			effects = append(effects, k.refuse(now, messages.TicketUsed)...)
		}
	}
	return append(effects, i.ask(now, t)...)
}

// answered: the journal has said what came of a claim.
func (i *Inviter) answered(now time.Time, m messages.ClaimAnswered) []InviterEffect {
	if m.Answer.Validate() != nil {
		return nil
	}
	var effects []InviterEffect
	for _, k := range i.attempts {
		if k.state == knockWaiting && k.ticket.state == ticketClaimed &&
			InviteOperation(k.ticket.hash(), k.joiner.Authority()) == m.Operation {
			effects = append(effects, k.tell(now, m.Answer)...)
		}
	}
	return effects
}

// tell sends an answer, once.
func (k *knock) tell(now time.Time, answer messages.Answer) []InviterEffect {
	if k.told.Kind == answer.Kind && k.told.Have == answer.Have && k.told.Need == answer.Need {
		return nil
	}
	k.told = messages.Answer{Kind: answer.Kind, Have: answer.Have, Need: answer.Need}
	effects := []InviterEffect{SendAnswer{k.id, answer}}
	switch answer.Kind {
	case messages.AnswerWelcome:
		k.state, k.until = knockWelcomed, now.Add(syncWithin)
		allow := AllowSync{k.id, k.ticket.stored.Ticket.Context, k.joiner.Authority()}
		return append([]InviterEffect{allow}, effects...)
	case messages.AnswerRefused:
		k.state, k.until = knockLeaving, now.Add(leaveWithin)
	}
	return effects
}

// synced: the channel has done its work.
func (i *Inviter) synced(m messages.SyncedReceived) []InviterEffect {
	k := i.attempt(m.Attempt)
	if k == nil || k.state != knockWelcomed {
		return nil
	}
	return i.end(k)
}

// waitsFor reports whether an attempt of the ticket's joiner waits for the
// journal.
func (i *Inviter) waitsFor(t *heldTicket) bool {
	return slices.ContainsFunc(i.attempts, func(k *knock) bool {
		return k.ticket == t && k.state == knockWaiting && k.joiner == t.joiner
	})
}

// end closes and forgets an attempt.
func (i *Inviter) end(k *knock) []InviterEffect {
	i.forget(k.id)
	return []InviterEffect{CloseAttempt{k.id}}
}

func (i *Inviter) forget(id messages.AttemptID) {
	i.attempts = slices.DeleteFunc(i.attempts, func(k *knock) bool { return k.id == id })
}

func (i *Inviter) attempt(id messages.AttemptID) *knock {
	for _, k := range i.attempts {
		if k.id == id {
			return k
		}
	}
	return nil
}
