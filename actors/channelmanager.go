package actors

import (
	"github.com/waymeet/waymeet/actors/tree"
	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/channel"
	"github.com/waymeet/waymeet/supervision"
	"github.com/waymeet/waymeet/transport/mux"
	"github.com/waymeet/waymeet/transport/quicx"
)

type managerContext = supervision.Context[messages.ChannelManagerMessage]

// managerActor is the ChannelManagerActor. A life begins with what the vault
// kept: the saved pairs, the channels that are open, the ways to the peers.
// Attempts end with the life that began them.
func (n *Node) managerActor() supervision.Actor[messages.ChannelManagerMessage] {
	return supervision.Host[messages.ChannelManagerMessage, channel.Effect]{
		New: func(*managerContext) (supervision.Machine[messages.ChannelManagerMessage, channel.Effect], error) {
			n.endOwnAttempts()
			return channel.NewManager(channel.Config{
				Self: n.identity.Authority(), Boot: n.boot, Views: &n.views, Service: n.service,
				Suite: mux.PreferredSuite(), Random: n.jitter(), Saved: n.savedPairs.All(), Live: n.liveChannels(),
			}), nil
		},
		Perform: n.performManager,
		Tick:    messages.Tick{},
		First:   n.managerBegin(),
	}.Actor()
}

// managerBegin tells a new life every context, then every way to a peer.
func (n *Node) managerBegin() []messages.ChannelManagerMessage {
	var first []messages.ChannelManagerMessage
	told := make(map[messages.ContextID]bool)
	for _, cx := range n.views.contexts() {
		told[cx] = true
		first = append(first, messages.ContextChanged{Context: cx})
	}
	for _, record := range n.liveChannels() {
		if !told[record.Context] {
			told[record.Context] = true
			first = append(first, messages.ContextChanged{Context: record.Context})
		}
	}
	for pair, path := range n.reach.All() {
		if !path.IsZero() {
			first = append(first, messages.PathReady{Context: pair.Context, Peer: pair.Peer, Path: path.Kind})
		}
	}
	return first
}

// endOwnAttempts frees the attempts of an earlier life; those under tickets
// belong to others.
func (n *Node) endOwnAttempts() {
	for _, id := range n.attempts.all() {
		if !id.Context.IsZero() {
			n.freeAttempt(id)
		}
	}
}

func (n *Node) liveChannels() []messages.ChannelRecord {
	var records []messages.ChannelRecord
	for _, line := range n.lines.Load().Channels() {
		if r := line.Record(); r != nil && !r.Context.IsZero() {
			records = append(records, *r)
		}
	}
	return records
}

func (n *Node) performManager(c *managerContext, effect channel.Effect) {
	switch e := effect.(type) {
	case channel.InstallHelloKeys:
		n.hellos.setContext(n.socket, e)
	case channel.SpawnConnection:
		n.spawnPair(e.Pair)
	case channel.StopConnection:
		n.stopPair(e.Pair)
	case channel.SavePair:
		n.savedPairs.Save(e.Pair, incarnation(c), e.Saved)
		n.saveCompleted(c, e)
	case channel.Commit:
		n.tellStore(e.Context, e.Commit)
	case channel.SpawnHandshaker:
		n.spawnChannelHandshaker(c, e)
	case channel.ForwardHello:
		n.tellHandshaker(e.Attempt, messages.HandshakeAnswered{Hello: e.Hello})
	case channel.Resend:
		n.resendAnswer(e.Attempt, e.Via)
	case channel.FreeAttempt:
		n.freeAttempt(e.Attempt)
	default:
		n.performChannel(effect)
	}
}

// performChannel does what concerns a channel that exists.
func (n *Node) performChannel(effect channel.Effect) {
	switch e := effect.(type) {
	case channel.AdoptChannel:
		if err := n.lines.Load().Adopt(e.Attempt, e.Record); err != nil {
			n.freeAttempt(e.Attempt)
			n.tellManager(messages.ChannelClosed{Channel: e.Record.Channel, Reason: messages.ReasonBroken})
			return
		}
		n.attempts.end(n.socket, e.Attempt)
	case channel.AllowSync:
		n.allowCatchUp(e)
	case channel.StopSync:
		n.stopSync(e.Pair, e.Channel)
	case channel.OpenStreams:
		n.openStreams(e.Channel)
	case channel.DrainChannel:
		if line, ok := n.lines.Load().Channel(e.Channel); ok {
			line.MarkDraining()
		}
	case channel.CloseChannel:
		if line, ok := n.lines.Load().Channel(e.Channel); ok {
			line.Close(closeReason(e.Reason))
		}
	case channel.ChannelUp:
		n.channelUp(e)
	case channel.ChannelDown:
		n.channelDown(e)
	case channel.AttemptFailed:
		n.log.Info("attempt failed", "attempt", e.Attempt.String(), "reason", e.Failure.String())
		n.noChannel.Save(e.Pair, 0, "the last call failed: "+e.Failure.String())
		n.callFailed(e)
	case channel.Refused:
		if e.Decision.Allowed() {
			n.noChannel.Delete(e.Pair) // what was refused is not any more
			return
		}
		n.log.Info("refused", "context", e.Pair.Context.Short(), "peer", e.Pair.Peer.Short(), "decision", e.Decision.String())
		n.noChannel.Save(e.Pair, 0, e.Decision.String())
	}
}

// callFailed tells the pair that nobody answers where a call of ours went.
func (n *Node) callFailed(e channel.AttemptFailed) {
	path, known := n.reach.Load(e.Pair)
	if known && !e.Attempt.Inbound() && (e.Failure == messages.FailTimeout || e.Failure == messages.FailTransport) {
		n.tellPair(e.Pair, messages.PathUnanswered{Path: path})
	}
}

// closeReasons say to the peer why a channel is closed; what is not among them
// is done.
var closeReasons = map[messages.ChannelReason]quicx.CloseReason{
	messages.ReasonSuperseded: quicx.CloseSuperseded,
	messages.ReasonRemoved:    quicx.CloseRemoved,
	messages.ReasonRefused:    quicx.CloseRefused,
}

func closeReason(r messages.ChannelReason) quicx.CloseReason { return closeReasons[r] }

// spawnChannelHandshaker starts the handshaker of an attempt toward a member.
func (n *Node) spawnChannelHandshaker(c *managerContext, e channel.SpawnHandshaker) {
	id := e.Terms.Attempt
	n.spawnHandshaker(attemptEntry{terms: e.Terms, datagramKey: e.Terms.HelloKey, owner: managerOwner{n}}, e.Begin)
	c.Monitor(tree.AtHandshake(id), func(down supervision.Down) messages.ChannelManagerMessage {
		if down.Reason.Reason.Failure() {
			return messages.HandshakerDown{Attempt: id, Failure: messages.FailCrashed}
		}
		return messages.Tick{} // it ended by itself, and said how
	})
}

// managerOwner brings the end of a handshake to the manager.
type managerOwner struct{ n *Node }

func (o managerOwner) handshakeComplete(m messages.HandshakeComplete) { o.n.tellManager(m) }
func (o managerOwner) handshakerDown(m messages.HandshakerDown)       { o.n.tellManager(m) }

// resendAnswer answers the same hello with the same bytes.
func (n *Node) resendAnswer(attempt messages.AttemptID, via messages.Via) {
	line, ok := n.lines.Load().Attempt(attempt)
	if !ok {
		return
	}
	if answer := line.Answer(); answer != nil {
		_ = n.socket.Send(answer, via) // loss: the hello comes again
	}
}

// openStreams hands out the streams of a channel. The sync hears of it before
// the first one that the peer opened.
func (n *Node) openStreams(id messages.ChannelID) {
	line, ok := n.lines.Load().Channel(id)
	if !ok {
		return
	}
	line.MarkOpen()
	if record := line.Record(); record != nil {
		n.tellSync(record.Context, messages.SyncPeerUp{Peer: record.Peer, Channel: id})
	}
	line.Allow()
}

// channelUp tells everybody that a channel can be used.
func (n *Node) channelUp(e channel.ChannelUp) {
	line, ok := n.lines.Load().Channel(e.Channel)
	if !ok {
		return
	}
	n.noChannel.Delete(e.Pair)
	n.tellPair(e.Pair, n.channelUpMessage(line, e.Initiator))
	path := line.Path()
	n.publish(messages.Event{
		Kind: messages.EventChannelUp, Context: e.Pair.Context, Peer: e.Pair.Peer, Channel: e.Channel,
		Epoch: e.Epoch, Path: path.Kind, Remote: path.Addr.String(),
	})
	n.changed.broadcast()
}

func (n *Node) channelDown(e channel.ChannelDown) {
	n.noChannel.Save(e.Pair, 0, "the channel is over: "+e.Reason.String())
	if view := n.views.View(e.Pair.Context); view != nil && e.Reason == messages.ReasonRemovedByPeer {
		n.removedBy.Save(e.Pair, 0, view.Epoch)
	}
	n.tellPair(e.Pair, messages.ChannelDown{Channel: e.Channel, Reason: e.Reason.String()})
	n.stopSync(e.Pair, e.Channel)
	n.publish(messages.Event{
		Kind: messages.EventChannelDown, Context: e.Pair.Context, Peer: e.Pair.Peer, Channel: e.Channel,
		Reason: e.Reason.String(),
	})
	n.changed.broadcast()
}
