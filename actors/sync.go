package actors

import (
	"context"
	"crypto/rand"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/channel"
	"github.com/waymeet/waymeet/rendezvous/journal"
	"github.com/waymeet/waymeet/supervision"
)

type syncContext = supervision.Context[messages.JournalSyncMessage]

// syncActor is the JournalSyncActor of a context. Its sessions are streams
// that it does not survive: a new life ends those of the old one and begins
// anew from the journal.
func (n *Node) syncActor(cx messages.ContextID) supervision.Actor[messages.JournalSyncMessage] {
	n.sessions.closeAll(cx)
	return supervision.Host[messages.JournalSyncMessage, journal.SyncEffect]{
		New: func(*syncContext) (supervision.Machine[messages.JournalSyncMessage, journal.SyncEffect], error) {
			return journal.NewSync(journal.SyncConfig{Random: rand.Reader, Jitter: n.jitter()}), nil
		},
		Perform: func(c *syncContext, effect journal.SyncEffect) { n.performSync(c, cx, effect) },
		Tick:    messages.Tick{},
		First:   n.syncBegin(cx),
	}.Actor()
}

// syncBegin is what a life begins with: what the journal holds, and with whom
// there are channels, those of tickets included.
func (n *Node) syncBegin(cx messages.ContextID) []messages.JournalSyncMessage {
	var first []messages.JournalSyncMessage
	if state, ok := n.views.state(cx); ok {
		first = append(first, state)
	}
	for _, line := range n.lines.Load().Channels() {
		if r := line.Record(); r != nil && r.Context == cx && (r.Open || r.CatchUpUntil != 0) {
			first = append(first, messages.SyncPeerUp{Peer: r.Peer, Channel: r.Channel})
		}
	}
	for id, member := range n.ticketSyncs.in(cx) { // the channels of tickets
		if line, ok := n.lines.Load().Attempt(id); ok && line.Record() != nil {
			first = append(first, messages.SyncPeerUp{Peer: member, Channel: line.Record().Channel})
		}
	}
	return first
}

func (n *Node) performSync(c *syncContext, cx messages.ContextID, effect journal.SyncEffect) {
	switch e := effect.(type) {
	case journal.OpenSession:
		c.Task("open", func(ctx context.Context, emit func(messages.JournalSyncMessage)) {
			n.openSession(ctx, cx, e, emit)
		})
	case journal.SendFrame:
		n.sessions.send(e.Session, e.Frame)
	case journal.CloseSession:
		n.sessions.close(e.Session)
	case journal.TellJournal:
		n.tellStore(cx, e.Message)
	case journal.Synced:
		n.synced(cx, e)
	}
}

// openSession opens the stream of a session. The actor hears of the session
// before its first frame, and before its end.
func (n *Node) openSession(
	ctx context.Context, cx messages.ContextID, e journal.OpenSession, emit func(messages.JournalSyncMessage),
) {
	line, ok := n.lines.Load().Channel(e.Channel)
	if !ok {
		emit(messages.SyncOpenFailed{Peer: e.Peer, Channel: e.Channel, Reason: "the channel is gone"})
		return
	}
	stream, err := line.OpenStream(ctx, messages.SyncProtocol)
	if err != nil {
		emit(messages.SyncOpenFailed{Peer: e.Peer, Channel: e.Channel, Reason: err.Error()})
		return
	}
	s := n.sessions.add(cx, stream)
	emit(messages.SyncOpened{Session: s.id, Peer: e.Peer, Channel: e.Channel, Initiator: true})
	n.pump(s, nil)
	if ctx.Err() != nil { // the life that asked has ended, and its sessions with it
		n.sessions.close(s.id)
	}
}

// synced tells who waits for it that a session is over.
func (n *Node) synced(cx messages.ContextID, e journal.Synced) {
	n.log.Debug("synced", "context", cx.Short(), "peer", e.Peer.Short(), "end", e.End.String(), "sent", e.Sent, "received", e.Received)
	if e.Received > 0 {
		n.publish(messages.Event{Kind: messages.EventFactsSynced, Context: cx, Peer: e.Peer, Facts: uint64(e.Received)})
	}
	if e.End.Reason == journal.EndEqual {
		n.lastEqual.Save(channel.Pair{Context: cx, Peer: e.Peer}, 0, e.Fingerprint)
		n.changed.broadcast()
	}
}
