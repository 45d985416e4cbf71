package discovery

import (
	"slices"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

// tell delivers an answer to whom asked for it, if they still live.
func (w *world) tell(incarnation int, m messages.InviterMessage) {
	w.push(job{incarnation: incarnation, toInviter: m})
}

func (w *world) doForInviter(incarnation int, effect InviterEffect) {
	alive := incarnation == w.incarnation
	switch e := effect.(type) {
	case SaveTicket:
		if !slices.ContainsFunc(w.tickets, func(s messages.StoredTicket) bool { return s.Ticket.Hash() == e.Hash }) {
			w.tickets = append(w.tickets, e.Ticket)
		}
		w.tell(incarnation, messages.TicketSaved{Ticket: e.Hash})
	case StoreClaim:
		w.storeClaim(incarnation, e.Claim)
	case AddMember:
		w.addMember(incarnation, e)
	case InstallTicketKeys:
		if alive {
			w.listening[e.Keys.Ticket] = true
		}
	case RegisterSlot:
		w.tell(incarnation, messages.SlotRegistered{Ticket: e.Ticket, Slot: e.Slot.Endpoint.Slot})
	case TicketIssued:
		w.issued = append(w.issued, e.Ticket)
	case InviteFailed:
		w.refused = append(w.refused, e.Failure)
	case ReleaseTicket:
		delete(w.listening, e.Hash)
		w.tickets = slices.DeleteFunc(w.tickets, func(s messages.StoredTicket) bool { return s.Ticket.Hash() == e.Hash })
		w.claims = slices.DeleteFunc(w.claims, func(c messages.StoredClaim) bool { return c.Ticket == e.Hash })
	default:
		if alive {
			w.doOnNetwork(effect)
		}
	}
}

// doOnNetwork performs what needs the inviter's channels, which die with it.
func (w *world) doOnNetwork(effect InviterEffect) {
	switch e := effect.(type) {
	case StartResponder:
		node := w.nodeOf(e.Terms.Peer)
		static, err := membership.NoisePublic(node.who.Public())
		if err != nil {
			panic(err)
		}
		hash := messages.Hash("test handshake", e.Terms.Attempt.Hello[:])
		w.tell(w.incarnation, messages.HandshakeComplete{Attempt: e.Terms.Attempt,
			Result: messages.HandshakeResult{Hash: hash, PeerStatic: static}})
		w.push(job{node: node, toJoiner: messages.HandshakeComplete{Attempt: w.joinersEnd(e.Terms.Attempt),
			Result: messages.HandshakeResult{Hash: hash}}})
	case AllowSync:
		w.synced[e.Attempt] = true
	case SendAnswer:
		w.push(job{node: w.nodeOf(e.Attempt.Peer), toJoiner: messages.AnswerReceived{Attempt: w.joinersEnd(e.Attempt), Answer: e.Answer}})
	case CloseAttempt:
		w.push(job{node: w.nodeOf(e.Attempt.Peer), toJoiner: messages.TicketChannelClosed{Attempt: w.joinersEnd(e.Attempt)}})
	case RepeatResponse:
	}
}

func (w *world) storeClaim(incarnation int, claim messages.StoredClaim) {
	for _, c := range w.claims {
		if c.Ticket == claim.Ticket {
			w.tell(incarnation, messages.ClaimStored(c))
			return
		}
	}
	w.claims = append(w.claims, claim)
	w.tell(incarnation, messages.ClaimStored(claim))
}

func (w *world) addMember(incarnation int, e AddMember) {
	answer := messages.Answer{Kind: messages.AnswerWaiting, Have: 1, Need: 2}
	if w.waits > 0 {
		w.waits--
	} else {
		welcome, done := w.ops[e.Operation]
		if !done {
			welcome = w.advance(e)
			w.ops[e.Operation] = welcome
		}
		answer = messages.Answer{Kind: messages.AnswerWelcome, Welcome: welcome.Append(nil)}
	}
	w.tell(incarnation, messages.ClaimAnswered{Operation: e.Operation, Answer: answer})
}

// advance is the journal: it adds the member and opens the next epoch.
func (w *world) advance(e AddMember) membership.Welcome {
	secret := membership.Secret{byte(len(w.earlier) + 1)}
	member := membership.Member{PublicKey: e.Member, Role: e.Role}
	what := messages.MemberAdded{Member: e.Member, Role: e.Role}
	op, err := membership.Advance(w.anna.Authority(), w.state, what, secret, nil)
	if err != nil {
		panic(err)
	}
	w.earlier = append(w.earlier, w.state.Keys.Payloads())
	w.state.Roster = w.state.Roster.With(member)
	w.state.Keys = membership.OpenedKeys(w.founded.Context(), op, secret)
	welcome, err := membership.NewWelcome(w.founded, w.state.Keys, op.Changes(), slices.Clone(w.earlier), member.Authority())
	if err != nil {
		panic(err)
	}
	return welcome
}

func (w *world) doForJoiner(node *joiningNode, effect JoinerEffect) {
	switch e := effect.(type) {
	case OpenPath:
		if node.offline {
			w.push(job{node: node, toJoiner: messages.JoinPathFailed{Try: e.Try, Why: "no answer from " + e.Endpoint.Address}})
			return
		}
		node.n++
		w.push(job{node: node, toJoiner: messages.JoinPathReady{Try: e.Try, Via: messages.Via{Session: messages.HopSession{byte(node.n)}}, Boot: 1, N: node.n}})
	case StartInitiator:
		if !w.listening[e.Keys.Ticket] {
			return
		}
		hello := messages.Hello{Kind: messages.HelloInit, Sender: e.Terms.Self, Major: 1,
			Suite: e.Terms.Suite, Boot: e.Terms.Attempt.Boot, N: e.Terms.Attempt.N}
		w.push(job{toInviter: messages.TicketHello{Ticket: e.Keys.Ticket, Hello: hello,
			Hash: messages.HelloHash(messages.Hash("test hello", messages.Encode(hello)))}})
	case SendClaim:
		w.push(job{incarnation: w.incarnation, toInviter: messages.ClaimReceived{Attempt: w.invitersEnd(node, e.Attempt), Claim: e.Claim}})
	case Adopt:
		node.adopted = true
		w.push(job{node: node, toJoiner: messages.JoinAdopted{}})
	case SyncOnce:
		if w.synced[w.invitersEnd(node, e.Attempt)] {
			w.push(job{node: node, toJoiner: messages.JoinSynced{Attempt: e.Attempt}})
		}
	case SendSynced:
		w.push(job{incarnation: w.incarnation, toInviter: messages.SyncedReceived{Attempt: w.invitersEnd(node, e.Attempt)}})
	case CloseAttempt:
		w.push(job{incarnation: w.incarnation, toInviter: messages.TicketChannelClosed{Attempt: w.invitersEnd(node, e.Attempt)}})
	case JoinDone:
		node.done++
	case JoinFailed:
		node.failed = append(node.failed, e.Failure)
	}
}

func (w *world) nodeOf(id messages.AuthorityID) *joiningNode {
	at := slices.IndexFunc(w.joiners, func(n *joiningNode) bool { return n.who.Authority() == id })
	return w.joiners[at]
}

// joinersEnd and invitersEnd turn the name of an attempt at one end into that
// at the other.
func (w *world) joinersEnd(a messages.AttemptID) messages.AttemptID {
	return messages.AttemptID{Peer: w.anna.Authority(), Boot: a.Boot, N: a.N}
}

func (w *world) invitersEnd(node *joiningNode, a messages.AttemptID) messages.AttemptID {
	hello := messages.Hello{Kind: messages.HelloInit, Sender: node.who.Authority(), Major: 1,
		Suite: messages.SuiteAESGCM, Boot: a.Boot, N: a.N}
	return messages.AttemptID{Peer: node.who.Authority(), Boot: a.Boot, N: a.N,
		Hello: messages.HelloHash(messages.Hash("test hello", messages.Encode(hello)))}
}
