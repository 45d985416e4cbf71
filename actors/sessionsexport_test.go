package actors

import (
	"context"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/journal"
	"github.com/waymeet/waymeet/transport/quicx"
)

// OpenSession is what the task of a JournalSyncActor does.
func (n *Node) OpenSession(
	ctx context.Context, cx messages.ContextID, e journal.OpenSession, emit func(messages.JournalSyncMessage),
) {
	n.openSession(ctx, cx, e, emit)
}

// EndLine ends the line of a channel, as its peer would.
func (n *Node) EndLine(id messages.ChannelID) {
	if line, ok := n.lines.Load().Channel(id); ok {
		line.Close(quicx.CloseDone)
	}
}

// Sessions counts the sync sessions whose streams are held.
func (n *Node) Sessions() int {
	n.sessions.mu.Lock()
	defer n.sessions.mu.Unlock()
	return len(n.sessions.open)
}
