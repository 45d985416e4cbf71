package rendezvoustest

import (
	"net/netip"
	"slices"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/channel"
)

// Times of the played transport; those of the real one.
const (
	firstRepeat = 300 * time.Millisecond
	lastRepeat  = 2 * time.Second
	keepAlive   = 15 * time.Second
	warmEvery   = 45 * time.Second
	deadAfter   = 90 * time.Second
	silentAgain = time.Second
)

// line plays what the transport does for one attempt and then for its channel:
// it repeats the hello, carries frames in order over the path that it was told
// to use, and notices silence. Early datagrams, which carry QUIC's first
// packets beside the hello, are not played.
type line struct {
	process   *process
	terms     messages.HandshakeTerms
	hello     *helloDatagram
	answer    *helloDatagram
	result    messages.HandshakeResult
	keyed     bool
	confirmed bool
	bound     bool
	closed    bool
	record    *messages.ChannelRecord
	// allowed are the protocols of streams; nil: none yet. While the line is
	// patient, streams of others wait.
	allowed []string
	patient bool

	// path carries the line, second too while path is in doubt, relay stays
	// warm.
	path, second, relay messages.Path
	evidence            map[messages.Path]*track
	setAt, heard        time.Time

	// probes are those that wait for their answers.
	probes  map[messages.ProbeID]time.Time
	flow    flow
	streams map[streamID]string
	// held are frames of streams that came before any were allowed.
	held       []frame
	count      counting
	lastStream uint32
}

func (p *process) newLine(terms messages.HandshakeTerms, path messages.Path) *line {
	now := p.world.now()
	l := &line{
		process: p, terms: terms, path: path, setAt: now, heard: now,
		evidence: map[messages.Path]*track{}, streams: map[streamID]string{},
		probes: map[messages.ProbeID]time.Time{},
	}
	l.flow.line = l
	p.lines = append(p.lines, l)
	return l
}

// sayHello sends the first hello, the same bytes again and again until the
// keys are there.
func (l *line) sayHello(again time.Duration) {
	if l.keyed || l.closed {
		return
	}
	l.process.transmit(l.path, *l.hello)
	l.process.after(again, func() { l.sayHello(min(2*again, lastRepeat)) })
}

// install gives the line the keys of its channel. The initiator's first data
// proves to the responder that both hold them.
func (l *line) install(result messages.HandshakeResult) {
	if l.keyed {
		return
	}
	l.keyed, l.result = true, result
	if l.terms.Initiator() {
		l.flow.push(finish{})
	}
	l.after(keepAlive, l.stayAlive)
	l.after(warmEvery, l.stayWarm)
	l.after(deadAfter, l.lookForDeath)
}

// after does something later, if the line is still there.
func (l *line) after(wait time.Duration, do func()) {
	l.process.after(wait, func() {
		if !l.closed {
			do()
		}
	})
}

// receive takes a datagram that was found by its index. What does not open is
// dropped.
func (l *line) receive(d dataDatagram, via messages.Path) {
	if !l.keyed || l.closed || d.key != l.result.Receive {
		return
	}
	if !l.terms.Initiator() && !l.confirmed {
		l.confirmed = true
		l.process.tellShaker(l.terms.Attempt, messages.DataConfirmed{})
	}
	l.hear(via)
	l.flow.acknowledged(d.ack)
	switch e := d.payload.(type) {
	case piece:
		l.flow.take(e)
		l.sendOn(via, pure{})
	case ping:
		l.sendOn(via, pure{})
	case probe:
		l.sendOn(via, probeAnswer{e.id, e.size, via.Addr})
		if via.Kind == messages.PathDirect {
			l.tellPair(messages.ProbeReceived{From: via.Addr, Size: e.size})
		}
	case probeAnswer:
		l.probeAnswered(e, via)
	case bye:
		l.close(messages.ReasonClosedByPeer)
	}
}

// sendOn sends one datagram over a path.
func (l *line) sendOn(path messages.Path, content payload) {
	l.process.transmit(path, dataDatagram{
		index: l.result.SendIndex, key: l.result.Send, ack: l.flow.taken, payload: content,
	})
}

// send sends what is to be answered over the path in use, and over the second
// one too.
func (l *line) send(content payload) {
	l.sendOn(l.path, content)
	l.expect(l.path)
	if !l.second.IsZero() {
		l.sendOn(l.second, content)
		l.expect(l.second)
	}
}

// isUp is the end of QUIC's handshake, at either end.
func (l *line) isUp() {
	if l.bound {
		return
	}
	l.bound = true
	if !l.terms.Initiator() {
		l.flow.push(finish{})
	}
	l.process.tellShaker(l.terms.Attempt, messages.TransportUp{})
}

// up is what a pair is told of the channel.
func (l *line) up() messages.ChannelUp {
	up := messages.ChannelUp{
		Channel: l.record.Channel, Initiator: l.terms.Initiator(),
		Path: l.path, Relay: l.relay, RTT: l.track(l.path).rtt,
	}
	if l.path.Kind == messages.PathRelay {
		up.Relay = l.path
	}
	return up
}

// close ends the line. The peer is told, once, if the datagram arrives.
func (l *line) close(reason messages.ChannelReason) {
	if l.closed {
		return
	}
	if l.keyed && reason != messages.ReasonClosedByPeer {
		l.sendOn(l.path, bye{})
	}
	p := l.process
	l.closed = true
	p.lines = slices.DeleteFunc(p.lines, func(m *line) bool { return m == l })
	for _, s := range slices.Clone(p.sessions) {
		if s.line == l {
			p.sessionClosed(s, reason.String())
		}
	}
	switch {
	case l.record == nil:
		p.tellShaker(l.terms.Attempt, messages.TransportFailed{Reason: reason.String()})
	case l.record.Context.IsZero():
		p.ticketLineClosed(l)
	default:
		if l.allowed == nil {
			p.event("%s: closes unused", p.world.names.channel(l.record.Channel))
		}
		p.manager.tell(messages.ChannelClosed{Channel: l.record.Channel, Reason: reason})
	}
}

func (l *line) tellPair(message messages.PeerConnectionMessage) {
	if l.record != nil {
		l.process.tellPair(channel.Pair{Context: l.record.Context, Peer: l.record.Peer}, message)
	}
}

// adopt makes a channel of an attempt, if its line is that of the channel's
// handshake.
func (p *process) adopt(id messages.AttemptID, record messages.ChannelRecord) bool {
	l := p.attemptLine(id)
	if l == nil || l.result.Hash != record.Transcript {
		p.freeAttempt(id)
		return false
	}
	p.endAttempt(id)
	if l.record == nil {
		l.record = &record
	}
	return true
}

func (p *process) attemptLine(id messages.AttemptID) *line {
	return p.findLine(func(l *line) bool { return l.terms.Attempt == id })
}

func (p *process) channelLine(id messages.ChannelID) *line {
	return p.findLine(func(l *line) bool { return l.record != nil && l.record.Channel == id })
}

func (p *process) findLine(is func(*line) bool) *line {
	if at := slices.IndexFunc(p.lines, is); at >= 0 {
		return p.lines[at]
	}
	return nil
}

func pairOf(id messages.AttemptID) channel.Pair {
	return channel.Pair{Context: id.Context, Peer: id.Peer}
}

// transmit sends a datagram over a path.
func (p *process) transmit(path messages.Path, d datagram) {
	if path.Kind == messages.PathRelay {
		d = hopDatagram{path.Session, d}
	}
	p.world.wire.send(p.socket, path.Addr, d)
}

// receive implements place.
func (p *process) receive(from netip.AddrPort, d datagram) {
	via := messages.Path{Kind: messages.PathDirect, Addr: from}
	if hop, ok := d.(hopDatagram); ok {
		via = messages.Path{Kind: messages.PathRelay, Addr: from, Session: hop.session}
		d = hop.inner
	}
	switch e := d.(type) {
	case helloDatagram:
		p.takeHello(e, via)
	case dataDatagram:
		if l := p.findLine(func(l *line) bool { return l.terms.ReceiveIndex == e.index }); l != nil {
			l.receive(e, via)
		}
	case controlWelcome, controlSealed:
		p.takeControl(from, e)
	}
}
