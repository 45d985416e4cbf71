package rendezvoustest

import (
	"slices"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/channel"
)

// claim is what an attempt under a ticket has beside its line: the stream of
// the claim, and which member it may sync with.
type claim struct {
	attempt messages.AttemptID
	stream  streamID
	context messages.ContextID
	member  messages.AuthorityID
}

func (p *process) claim(id messages.AttemptID) *claim {
	for _, c := range p.claims {
		if c.attempt == id {
			return c
		}
	}
	return nil
}

// openClaim finds or makes the claim of an attempt.
func (p *process) openClaim(id messages.AttemptID) *claim {
	if c := p.claim(id); c != nil {
		return c
	}
	c := &claim{attempt: id}
	p.claims = append(p.claims, c)
	return c
}

// adoptTicketLine keeps the line of a ticket's handshake, with streams for the
// claim and nothing else. It is a channel of no context.
func (p *process) adoptTicketLine(m messages.HandshakeComplete) {
	hash := messages.Hash("rendezvoustest ticket channel", m.Result.Hash[:])
	if p.adopt(m.Attempt, messages.ChannelRecord{Channel: messages.ChannelID(hash), Peer: m.Attempt.Peer, Transcript: m.Result.Hash}) {
		p.attemptLine(m.Attempt).allow(messages.ClaimProtocol)
	}
}

// allowSync lets a ticket's channel carry the sync of one context with one
// member.
func (p *process) allowSync(id messages.AttemptID, cx messages.ContextID, member messages.AuthorityID) {
	l := p.attemptLine(id)
	if l == nil || l.record == nil {
		return
	}
	c := p.openClaim(id)
	c.context, c.member = cx, member
	l.allow(messages.SyncProtocol)
	p.contexts[cx].sync.tell(messages.SyncPeerUp{Peer: member, Channel: l.record.Channel})
}

// sendClaim writes a frame on the claim stream of an attempt.
func (p *process) sendClaim(id messages.AttemptID, frame messages.ClaimFrame) {
	if l, c := p.attemptLine(id), p.claim(id); l != nil && c != nil && c.stream != (streamID{}) {
		l.flow.push(streamBytes{c.stream, string(messages.AppendClaimFrame(nil, frame))})
	}
}

// takeClaim brings a frame of a claim stream to who waits for it.
func (p *process) takeClaim(id messages.AttemptID, frame messages.ClaimFrame) {
	switch f := frame.(type) {
	case messages.Claim:
		p.inviter.tell(messages.ClaimReceived{Attempt: id, Claim: f})
	case messages.Synced:
		p.inviter.tell(messages.SyncedReceived{Attempt: id})
	case messages.Answer:
		p.tellJoin(id, messages.AnswerReceived{Attempt: id, Answer: f})
	}
}

// closeInboundClaims ends the streams on which others claim.
func (p *process) closeInboundClaims() {
	for _, c := range p.claims {
		if l := p.attemptLine(c.attempt); c.attempt.Inbound() && l != nil {
			l.flow.push(closeStream{c.stream})
			c.stream = streamID{}
		}
	}
}

// ticketLineClosed ends what an attempt under a ticket had.
func (p *process) ticketLineClosed(l *line) {
	id := l.terms.Attempt
	if c := p.claim(id); c != nil {
		var over messages.ChannelID
		if l.record != nil {
			over = l.record.Channel
		}
		p.claims = slices.DeleteFunc(p.claims, func(d *claim) bool { return d == c })
		if p.contexts[c.context] != nil {
			// The sync took the ticket's channel for the member's; it goes on with
			// the one that the two have, if they have one.
			p.stopSync(channel.Pair{Context: c.context, Peer: c.member}, over)
		}
	}
	if id.Inbound() {
		p.inviter.tell(messages.TicketChannelClosed{Attempt: id})
	} else {
		p.tellJoin(id, messages.TicketChannelClosed{Attempt: id})
	}
}

// closeTicketAttempt ends an attempt under a ticket, whatever became of it.
func (p *process) closeTicketAttempt(id messages.AttemptID) {
	p.endAttempt(id)
	if l := p.attemptLine(id); l != nil {
		l.close(messages.ReasonClosedHere)
	}
}
