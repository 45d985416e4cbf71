package rendezvoustest

import (
	"fmt"
	"maps"
	"slices"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/channel"
)

// makeManager is the host of the channel manager. A life begins with what the
// transport holds; attempts end with the life that began them.
func (p *process) makeManager() {
	p.manager = &ManagerHost{process: p, kind: "manager", Tick: messages.Tick{}}
	p.manager.Build = func() Machine[messages.ChannelManagerMessage, channel.Effect] {
		for _, a := range slices.Clone(p.attempts) {
			if !a.id().Context.IsZero() {
				p.freeAttempt(a.id())
			}
		}
		p.managed = channel.NewManager(channel.Config{
			Self: p.authority(), Boot: p.disk.boot, Views: p, Service: p.service,
			Random: p.world.jitter(), Saved: maps.Clone(p.savedPairs), Live: p.liveChannels(),
		})
		return p.managed
	}
	p.manager.First = p.managerBegin
	p.manager.Perform = p.performManager
}

// managerBegin tells a new life every context, then every way to a peer.
func (p *process) managerBegin() []messages.ChannelManagerMessage {
	var first []messages.ChannelManagerMessage
	for _, cx := range sortedKeys(p.views, messages.ContextID.Compare) {
		first = append(first, messages.ContextChanged{Context: cx})
	}
	for _, pair := range sortedKeys(p.reach, channel.Pair.Compare) {
		first = append(first, messages.PathReady{Context: pair.Context, Peer: pair.Peer, Path: p.reach[pair].Kind})
	}
	return first
}

func (p *process) liveChannels() []messages.ChannelRecord {
	var records []messages.ChannelRecord
	for _, l := range p.lines {
		if l.record != nil && !l.record.Context.IsZero() {
			records = append(records, *l.record)
		}
	}
	return records
}

func (p *process) performManager(effect channel.Effect) {
	switch e := effect.(type) {
	case channel.InstallHelloKeys:
		p.contextKeys[e.Context] = e.Keys
	case channel.SpawnConnection:
		p.spawnPair(e.Pair)
	case channel.StopConnection:
		p.stopPair(e.Pair)
	case channel.SavePair:
		if last := p.savedPairs[e.Pair].Completed; last.After(e.Saved.Completed) {
			p.world.Fault("%s: completed %v came after %v", p.name, e.Saved.Completed, last)
		}
		p.savedPairs[e.Pair] = e.Saved
		if e.Saved.Completed != (channel.Counter{}) {
			p.disk.completed[e.Pair] = e.Saved.Completed
		}
	case channel.Commit:
		p.commit(e.Context, e.Commit, "")
	case channel.SpawnHandshaker:
		p.spawnHandshaker(e.Terms, managerOwner{p}, e.Begin)
	case channel.ForwardHello:
		p.tellShaker(e.Attempt, messages.HandshakeAnswered{Hello: e.Hello})
	case channel.Resend:
		p.repeatAnswer(e.Attempt, e.Via)
	case channel.FreeAttempt:
		p.freeAttempt(e.Attempt)
	case channel.AttemptFailed:
		p.event("attempt with %s: %s", e.Pair.Peer.Short(), e.Failure)
		p.callFailed(e)
	case channel.Refused:
		if !e.Decision.Allowed() {
			p.event("channel with %s: %s", e.Pair.Peer.Short(), e.Decision)
		}
	default:
		p.performChannel(effect)
	}
}

// performChannel does what concerns a channel that exists.
func (p *process) performChannel(effect channel.Effect) {
	switch e := effect.(type) {
	case channel.AdoptChannel:
		if !p.adopt(e.Attempt, e.Record) {
			p.manager.tell(messages.ChannelClosed{Channel: e.Record.Channel, Reason: messages.ReasonBroken})
		}
	case channel.AllowSync:
		if l := p.channelLine(e.Channel); l != nil {
			p.event("%s: catches up with %s", p.world.names.channel(e.Channel), e.Pair.Peer.Short())
			p.contexts[e.Pair.Context].sync.tell(messages.SyncPeerUp{Peer: e.Pair.Peer, Channel: e.Channel})
			l.patient = true
			l.allow(messages.SyncProtocol)
		}
	case channel.StopSync:
		p.event("%s: has not caught up", p.world.names.channel(e.Channel))
		p.stopSync(e.Pair, e.Channel)
	case channel.OpenStreams:
		if l := p.channelLine(e.Channel); l != nil {
			l.record.Open = true
			l.allow(everything)
		}
	case channel.DrainChannel:
		if l := p.channelLine(e.Channel); l != nil {
			l.record.Draining = true
			p.event("%s: drains", p.world.names.channel(e.Channel))
		}
	case channel.CloseChannel:
		if l := p.channelLine(e.Channel); l != nil {
			l.close(messages.ReasonClosedHere)
		}
	case channel.ChannelUp:
		l := p.channelLine(e.Channel)
		if l == nil {
			return
		}
		p.event("%s: up with %s, epoch %d, %s", p.world.names.channel(e.Channel), e.Pair.Peer.Short(), e.Epoch, p.world.describePath(l.path))
		p.tellPair(e.Pair, l.up())
		p.contexts[e.Pair.Context].sync.tell(messages.SyncPeerUp{Peer: e.Pair.Peer, Channel: e.Channel})
		p.changed()
	case channel.ChannelDown:
		p.event("%s: down: %s", p.world.names.channel(e.Channel), e.Reason)
		p.tellPair(e.Pair, messages.ChannelDown{Channel: e.Channel, Reason: e.Reason.String()})
		p.stopSync(e.Pair, e.Channel)
	default:
		panic(fmt.Sprintf("rendezvoustest: %T is not played", effect))
	}
}

// callFailed tells the pair that nobody answers where a call of ours went.
func (p *process) callFailed(e channel.AttemptFailed) {
	path, known := p.reach[e.Pair]
	if known && !e.Attempt.Inbound() && (e.Failure == messages.FailTimeout || e.Failure == messages.FailTransport) {
		p.tellPair(e.Pair, messages.PathUnanswered{Path: path})
	}
}

// stopSync tells the sync that a channel of the pair is over, and which one
// carries it now, if any does.
func (p *process) stopSync(pair channel.Pair, over messages.ChannelID) {
	l := p.channelOf(pair)
	if l == nil || l.record.Channel == over {
		l = p.findLine(func(l *line) bool {
			r := l.record
			return r != nil && r.Context == pair.Context && r.Peer == pair.Peer && !r.Open && r.CatchUpUntil != 0 && r.Channel != over
		})
	}
	sync := p.contexts[pair.Context].sync
	if l == nil {
		sync.tell(messages.SyncPeerDown{Peer: pair.Peer})
		return
	}
	sync.tell(messages.SyncPeerUp{Peer: pair.Peer, Channel: l.record.Channel})
}

// channelOf is the line of a pair's channel: the newest one that takes new
// streams, else one that drains.
func (p *process) channelOf(pair channel.Pair) *line {
	var best *line
	for _, l := range p.lines {
		r := l.record
		if r == nil || r.Context != pair.Context || r.Peer != pair.Peer || !r.Open {
			continue
		}
		if best == nil || best.record.Draining || !r.Draining {
			best = l
		}
	}
	return best
}

// managerOwner brings the end of a handshake to the manager.
type managerOwner struct{ p *process }

func (o managerOwner) complete(m messages.HandshakeComplete) { o.p.manager.tell(m) }
func (o managerOwner) down(m messages.HandshakerDown)        { o.p.manager.tell(m) }
func (o managerOwner) watch(id messages.AttemptID, m messages.HandshakerDown) {
	o.p.manager.actor.Watch(id, m)
}
