package rendezvoustest

import (
	"bytes"
	"slices"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/channel"
)

// The protocols of streams that are no node's own. protocolSay is that of the host in
// the scripts.
const (
	protocolSay = "say/1"
	everything  = "*"
	// protocolCount is that of the hosts in simulations.
	protocolCount = "count/1"
)

// allow hands out streams of a protocol from now on.
func (l *line) allow(protocol string) {
	l.allowed = append(l.allowed, protocol)
	held := l.held
	l.held = nil
	for _, x := range held {
		l.takeStreamFrame(x)
	}
}

func (l *line) allows(protocol string) bool {
	return slices.Contains(l.allowed, protocol) || slices.Contains(l.allowed, everything)
}

// openStream opens a stream toward the peer.
func (l *line) openStream(protocol string) streamID {
	l.lastStream++
	id := streamID{l.terms.Initiator(), l.lastStream}
	l.streams[id] = protocol
	l.flow.push(openStream{id, protocol})
	return id
}

// takeStreamFrame finds who serves the stream.
func (l *line) takeStreamFrame(x frame) {
	switch f := x.(type) {
	case openStream:
		if !l.allows(f.protocol) && l.patient {
			l.held = append(l.held, x)
			return
		}
		if !l.allows(f.protocol) {
			l.flow.push(closeStream{f.id})
			return
		}
		l.streams[f.id] = f.protocol
		l.accept(f)
	case streamBytes:
		l.takeBytes(f)
	case closeStream:
		delete(l.streams, f.id)
		if s := l.process.sessionOf(l, f.id); s != nil {
			l.process.sessionClosed(s, "closed by the peer")
		}
	}
}

// accept takes a stream that the peer opened.
func (l *line) accept(f openStream) {
	switch {
	case f.protocol == messages.SyncProtocol && l.record.Context.IsZero():
		if a := l.process.claim(l.terms.Attempt); a != nil && a.context != (messages.ContextID{}) {
			l.process.acceptSession(a.context, a.member, l, f.id)
		}
	case f.protocol == messages.SyncProtocol:
		l.process.acceptSession(l.record.Context, l.record.Peer, l, f.id)
	case f.protocol == messages.ClaimProtocol:
		l.process.openClaim(l.terms.Attempt).stream = f.id
	}
}

func (l *line) takeBytes(f streamBytes) {
	p := l.process
	switch l.streams[f.id] {
	case "":
		if l.patient {
			l.held = append(l.held, f)
		}
	case messages.SyncProtocol:
		if s := p.sessionOf(l, f.id); s != nil {
			p.contexts[s.context].sync.tell(messages.SyncFrame{Session: s.id, Frame: []byte(f.bytes)})
		}
	case messages.ClaimProtocol:
		if frame, err := messages.ReadClaimFrame(bytes.NewReader([]byte(f.bytes))); err == nil {
			p.takeClaim(l.terms.Attempt, frame)
		}
	case protocolCount:
		l.hearNumber(f.bytes)
	case protocolSay:
		p.event("hears %s say %q, %s", l.record.Peer.Short(), f.bytes, l.path.Kind)
	}
}

// say sends a word to a peer over a stream of their channel.
func (p *process) say(cx messages.ContextID, peer messages.AuthorityID, word string) {
	l := p.channelOf(channel.Pair{Context: cx, Peer: peer})
	if l == nil {
		p.event("cannot say %q: there is no channel with %s", word, peer.Short())
		return
	}
	p.event("says %q to %s, %s", word, peer.Short(), l.path.Kind)
	l.flow.push(streamBytes{l.openStream(protocolSay), word})
}
