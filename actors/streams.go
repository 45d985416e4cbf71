package actors

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/channel"
	"github.com/waymeet/waymeet/transport/quicx"
	"github.com/waymeet/waymeet/transport/vault"
)

// waitingStreams bounds how many streams of one protocol and peer may wait for
// the host to accept them.
const waitingStreams = 64

// resetBusy is the code of a stream for which nobody had room.
const resetBusy quicx.ResetCode = 2

// Pair names a peer in a context.
type Pair = channel.Pair

// Stream is a stream of a channel: a net.Conn with half-close.
type Stream = quicx.Stream

// hostedStreams are the streams that peers opened for the host's protocols.
type hostedStreams struct {
	mu      sync.Mutex
	waiting map[channel.Pair]chan Accepted
}

// Accepted is a stream that a peer opened.
type Accepted struct {
	Protocol string
	Stream   *Stream
}

func (h *hostedStreams) queue(pair channel.Pair) chan Accepted {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.waiting == nil {
		h.waiting = make(map[channel.Pair]chan Accepted)
	}
	queue := h.waiting[pair]
	if queue == nil {
		queue = make(chan Accepted, waitingStreams)
		h.waiting[pair] = queue
	}
	return queue
}

// LineStream implements vault.Watcher: it finds who serves the protocol.
func (w lineWatcher) LineStream(l *vault.Line, protocol string, stream *quicx.Stream) {
	record := l.Record()
	if record == nil {
		stream.Reset(resetBusy)
		return
	}
	n, pair := w.n, pairOfRecord(*record)
	if record.Context.IsZero() { // the channel of a ticket
		n.ticketStream(l, record.Channel, protocol, stream)
		return
	}
	switch protocol {
	case messages.SyncProtocol:
		n.acceptSession(pair, record.Channel, stream)
	case messages.FileProtocol:
		n.receiveFile(pair, stream)
	default:
		select {
		case n.hosted.queue(pair) <- Accepted{protocol, stream}:
		default:
			stream.Reset(resetBusy)
		}
	}
}

// ticketStream serves a stream on the channel of a ticket: the claim, and the
// sync that the inviter allowed.
func (n *Node) ticketStream(l *vault.Line, over messages.ChannelID, protocol string, stream *quicx.Stream) {
	allowed, ok := n.ticketSyncs.of(l.Attempt())
	switch {
	case protocol == messages.ClaimProtocol && l.Attempt().Inbound():
		n.takeClaim(l, stream)
	case protocol == messages.SyncProtocol && ok:
		n.acceptSession(allowed.pair(), over, stream)
	default:
		stream.Reset(resetBusy)
	}
}

// OpenStream opens a stream of the host's protocol to a peer. It waits for a
// channel that takes streams, unless it is known here that there will be none. A
// context that is not up yet is refused, as everywhere.
func (n *Node) OpenStream(ctx context.Context, pair Pair, protocol string) (*Stream, error) {
	line, err := n.awaitChannel(ctx, pair)
	if err != nil {
		return nil, err
	}
	return line.OpenStream(ctx, protocol)
}

// AcceptStream waits for the next stream that the peer opens for the host.
func (n *Node) AcceptStream(ctx context.Context, pair Pair) (Accepted, error) {
	select {
	case accepted := <-n.hosted.queue(pair):
		return accepted, nil
	case <-n.done:
		return Accepted{}, ErrStopped
	case <-ctx.Done():
		return Accepted{}, ctx.Err()
	}
}

// awaitChannel waits until the pair has a channel that takes new streams, or none is
// to come.
func (n *Node) awaitChannel(ctx context.Context, pair channel.Pair) (*vault.Line, error) {
	if n.closing.Err() != nil {
		return nil, ErrStopped
	}
	ctx, done := n.living(ctx)
	defer done()
	var line *vault.Line
	var never error
	err := n.changed.await(ctx, func() bool {
		var ok bool
		if line, ok = n.channelOf(pair); ok && !line.Record().Draining {
			return true
		}
		never = n.unreachable(pair)
		return never != nil
	})
	if err = cmp.Or(never, err); err != nil {
		return nil, err
	}
	return line, nil
}

// unreachable says why the pair is to have no channel; nil: it may have one. An
// authority that has not been a member may become one: its op is not here yet, or
// rivals contest it.
func (n *Node) unreachable(pair channel.Pair) error {
	problem := messages.Problem{Code: messages.ExitFailed, What: "cannot reach " + pair.Peer.Short()}
	view := n.views.View(pair.Context)
	switch {
	case pair.Peer == n.identity.Authority():
		problem.Code, problem.Whose, problem.Hint = messages.ExitUsage, "it is this node itself", "another member"
	case view == nil:
		return n.noView(pair.Context)
	case n.removedFor(pair):
		problem.Whose = "this node was removed from " + pair.Context.Short()
		problem.Hint = "a new ticket of one who is a member, with waymeet join"
	case slices.Contains(view.Roster.Former(), pair.Peer):
		problem.Whose = "it was removed from " + pair.Context.Short()
		problem.Hint = "a new ticket for it, with waymeet invite"
	default:
		return nil
	}
	return problem
}

// removedFor: this node is no member any more, as its journal has it or as the peer
// has said of the epoch that is open here.
func (n *Node) removedFor(pair channel.Pair) bool {
	view := n.views.View(pair.Context)
	if view == nil {
		return false
	}
	epoch, told := n.removedBy.Load(pair)
	return told && epoch == view.Epoch || !view.Roster.Has(n.identity.Authority())
}
