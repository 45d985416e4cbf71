package actors

import (
	"sync"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/channel"
	"github.com/waymeet/waymeet/transport/vault"
)

// ticketSyncs say which channels of tickets may carry a sync beside the claim. A
// channel of a context says it itself, by its record.
type ticketSyncs struct {
	mu      sync.Mutex
	allowed map[messages.AttemptID]ticketSync
}

// ticketSync is what the channel of a ticket may sync.
type ticketSync struct {
	context messages.ContextID
	member  messages.AuthorityID
}

func (t ticketSync) pair() channel.Pair { return channel.Pair{Context: t.context, Peer: t.member} }

// allow enters what a line's channel may carry, as long as the line lives.
func (t *ticketSyncs) allow(l *vault.Line, what ticketSync) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if isOver(l) {
		return false
	}
	if t.allowed == nil {
		t.allowed = make(map[messages.AttemptID]ticketSync)
	}
	t.allowed[l.Attempt()] = what
	return true
}

func (t *ticketSyncs) of(id messages.AttemptID) (ticketSync, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	what, ok := t.allowed[id]
	return what, ok
}

// in are the attempts whose channels may sync a context, and with whom.
func (t *ticketSyncs) in(cx messages.ContextID) map[messages.AttemptID]messages.AuthorityID {
	t.mu.Lock()
	defer t.mu.Unlock()
	members := make(map[messages.AttemptID]messages.AuthorityID)
	for id, what := range t.allowed {
		if what.context == cx {
			members[id] = what.member
		}
	}
	return members
}

// forget drops what an attempt was allowed, and says what that was.
func (t *ticketSyncs) forget(id messages.AttemptID) (ticketSync, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	what, ok := t.allowed[id]
	delete(t.allowed, id)
	return what, ok
}

// allowSync lets a ticket's channel carry the sync of one context with one
// member. Our own sync uses it too while the two have no channel.
func (n *Node) allowSync(id messages.AttemptID, cx messages.ContextID, member messages.AuthorityID) {
	line, ok := n.lines.Load().Attempt(id)
	if !ok {
		return
	}
	if !n.ticketSyncs.allow(line, ticketSync{cx, member}) {
		return
	}
	line.Allow(messages.SyncProtocol)
	if record := line.Record(); record != nil {
		n.tellSync(cx, messages.SyncPeerUp{Peer: member, Channel: record.Channel})
	}
}

// allowCatchUp lets a channel that is not Active carry the sync. The actor
// hears of it before the first stream.
func (n *Node) allowCatchUp(e channel.AllowSync) {
	if line, ok := n.lines.Load().Channel(e.Channel); ok {
		n.log.Info("catching up", "context", e.Pair.Context.Short(), "peer", e.Pair.Peer.Short())
		n.tellSync(e.Pair.Context, messages.SyncPeerUp{Peer: e.Pair.Peer, Channel: e.Channel})
		line.AllowFirst(messages.SyncProtocol)
		n.changed.broadcast()
	}
}

// stopSync tells the sync that a channel of the pair is over, and which one
// carries it now, if any does.
func (n *Node) stopSync(pair channel.Pair, over messages.ChannelID) {
	defer n.changed.broadcast()
	if line, ok := n.channelOf(pair); ok && line.Record().Channel != over {
		n.tellSync(pair.Context, messages.SyncPeerUp{Peer: pair.Peer, Channel: line.Record().Channel})
		return
	}
	if line, ok := n.establishing(pair); ok && line.Record().CatchUpUntil != 0 && line.Record().Channel != over {
		n.tellSync(pair.Context, messages.SyncPeerUp{Peer: pair.Peer, Channel: line.Record().Channel})
		return
	}
	n.tellSync(pair.Context, messages.SyncPeerDown{Peer: pair.Peer})
}
