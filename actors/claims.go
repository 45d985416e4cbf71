package actors

import (
	"bufio"
	"context"
	"crypto/sha256"
	"sync"

	"github.com/waymeet/waymeet/actors/tree"
	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/transport/quicx"
	"github.com/waymeet/waymeet/transport/vault"
)

// claims are the claim streams of attempts under tickets, ours and those of
// others.
type claims struct {
	mu      sync.Mutex
	streams map[messages.AttemptID]*quicx.Stream
}

// put enters the claim stream of a line, and refuses a second one: there is one
// claim a channel. What is entered lives no longer than the line, whose end
// comes with a forget.
func (c *claims) put(l *vault.Line, stream *quicx.Stream) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	id := l.Attempt()
	if _, exists := c.streams[id]; exists || isOver(l) {
		return false
	}
	if c.streams == nil {
		c.streams = make(map[messages.AttemptID]*quicx.Stream)
	}
	c.streams[id] = stream
	return true
}

func isOver(l *vault.Line) bool {
	select {
	case <-l.Done():
		return true
	default:
		return false
	}
}

// forget drops the stream of an attempt.
func (c *claims) forget(id messages.AttemptID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.streams, id)
}

// stream is the claim stream of an attempt, nil if it has none.
func (c *claims) stream(id messages.AttemptID) *quicx.Stream {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.streams[id]
}

// closeInbound resets the streams on which others claim.
func (c *claims) closeInbound() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, stream := range c.streams {
		if id.Inbound() {
			stream.Reset(0)
			delete(c.streams, id)
		}
	}
}

// ticketChannel is the id under which the vault keeps the line of a ticket's
// attempt. It names no channel of a context.
func ticketChannel(hash [32]byte) messages.ChannelID {
	return messages.ChannelID(sha256.Sum256(append([]byte("waymeet/1 ticket channel"), hash[:]...)))
}

// adoptTicketLine keeps the line of a ticket's handshake, with streams for the
// claim and nothing else.
func (n *Node) adoptTicketLine(m messages.HandshakeComplete) {
	record := messages.ChannelRecord{Channel: ticketChannel(m.Result.Hash), Peer: m.Attempt.Peer, Transcript: m.Result.Hash}
	if err := n.lines.Load().Adopt(m.Attempt, record); err != nil {
		n.log.Debug("ticket channel lost", "reason", err)
	}
	n.attempts.end(n.socket, m.Attempt)
	if line, ok := n.lines.Load().Attempt(m.Attempt); ok {
		line.Allow(messages.ClaimProtocol)
	}
}

// ticketLineClosed ends what an attempt under a ticket had.
func (n *Node) ticketLineClosed(l *vault.Line) {
	id := l.Attempt()
	n.claims.forget(id)
	if what, ok := n.ticketSyncs.forget(id); ok {
		var over messages.ChannelID
		if record := l.Record(); record != nil {
			over = record.Channel
		}
		// The sync took the ticket's channel for the member's; it goes on with
		// the one that the two have, if they have one.
		n.stopSync(what.pair(), over)
	}
	if id.Inbound() {
		n.tellInviter(messages.TicketChannelClosed{Attempt: id})
	} else {
		n.tellJoin(id, messages.TicketChannelClosed{Attempt: id})
	}
}

// closeTicketAttempt ends an attempt under a ticket, whatever became of it.
func (n *Node) closeTicketAttempt(id messages.AttemptID) {
	_ = n.tree().StopChild(tree.AtHandshake(id)) // it may have ended by itself
	if line, ok := n.lines.Load().Attempt(id); ok {
		line.Close(quicx.CloseDone)
	}
	n.attempts.end(n.socket, id)
}

// takeClaim reads what a joiner says on its claim stream.
func (n *Node) takeClaim(l *vault.Line, stream *quicx.Stream) {
	if !n.claims.put(l, stream) {
		stream.Reset(resetBusy)
		return
	}
	id := l.Attempt()
	n.running.start(func() {
		reader := bufio.NewReader(stream)
		for {
			frame, err := messages.ReadClaimFrame(reader)
			if err != nil {
				return
			}
			switch f := frame.(type) {
			case messages.Claim:
				n.tellInviter(messages.ClaimReceived{Attempt: id, Claim: f})
			case messages.Synced:
				n.tellInviter(messages.SyncedReceived{Attempt: id})
			}
		}
	})
}

// sendClaim writes a frame on the claim stream of an attempt. It does not wait: a
// frame that is lost with its stream is asked for again.
func (n *Node) sendClaim(id messages.AttemptID, frame messages.ClaimFrame) {
	if stream := n.claims.stream(id); stream != nil {
		n.running.start(func() {
			_, _ = stream.Write(messages.AppendClaimFrame(nil, frame)) // the line is closing
		})
	}
}

// makeClaim opens the claim stream, writes the claim and reads the answers.
func (n *Node) makeClaim(ctx context.Context, id messages.AttemptID, claim messages.Claim, emit func(messages.JoinerMessage)) {
	line, ok := n.lines.Load().Attempt(id)
	if !ok {
		return // TicketChannelClosed says so
	}
	stream, err := line.OpenStream(ctx, messages.ClaimProtocol)
	if err != nil {
		return
	}
	if !n.claims.put(line, stream) {
		stream.Reset(resetBusy)
		return
	}
	defer context.AfterFunc(ctx, func() { stream.Reset(0) })()
	if _, err := stream.Write(messages.AppendClaimFrame(nil, claim)); err != nil {
		return
	}
	reader := bufio.NewReader(stream)
	for {
		frame, err := messages.ReadClaimFrame(reader)
		if err != nil {
			return
		}
		if answer, ok := frame.(messages.Answer); ok {
			emit(messages.AnswerReceived{Attempt: id, Answer: answer})
		}
	}
}
