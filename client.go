package waymeet

import (
	"context"
	"io"
	"time"

	"github.com/waymeet/waymeet/actors"
	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/transport/admin"
)

// What the command line, or any other program of the same user, asks a running
// node through the socket in its state directory.
type (
	// Client asks a running node or relay.
	Client = admin.Client
	// InviteRequest says what ticket to make.
	InviteRequest = admin.InviteRequest
	// JoinResult says what a ticket led to.
	JoinResult = admin.JoinResult
	// SendResult is what a peer acknowledged.
	SendResult = admin.SendResult
)

// What a Client may find running.
const (
	RoleNode  = admin.RoleNode
	RoleRelay = admin.RoleRelay
)

// Connect finds the node or relay that runs in a state directory.
func Connect(stateDir string) (*Client, error) { return admin.Connect(stateDir) }

// Identity is who the node of a state directory is; the first time it makes
// one. The node need not run.
func Identity(stateDir string) (AuthorityID, error) { return actors.Identity(stateDir) }

// backend is a node as its admin socket asks it.
type backend struct{ n *Node }

// Status implements admin.Backend.
func (b backend) Status(context.Context) (messages.Status, error) { return b.n.Status(), nil }

// Events implements admin.Backend.
func (b backend) Events(ctx context.Context) <-chan messages.Event { return b.n.Events(ctx) }

// Invite implements admin.Backend: without a context it makes one.
func (b backend) Invite(ctx context.Context, request admin.InviteRequest) (string, error) {
	contexts := b.n.Status().Contexts
	switch {
	case request.Context != "" || len(contexts) > 1:
		id, err := admin.ResolveContext(request.Context, contexts)
		if err != nil {
			return "", err
		}
		return Context{b.n, id}.Invite(ctx, request.Lifetime)
	case len(contexts) == 1:
		return Context{b.n, contexts[0].Context}.Invite(ctx, request.Lifetime)
	}
	founded, err := b.n.Found(ctx)
	if err != nil {
		return "", err
	}
	return founded.Invite(ctx, request.Lifetime)
}

// joinPatience is a little less than the minute that the command line waits for
// a join: the one who asks is to hear the reason, and not a bare timeout.
const joinPatience = 50 * time.Second

// Join implements admin.Backend.
func (b backend) Join(ctx context.Context, ticket string) (admin.JoinResult, error) {
	ctx, cancel := context.WithTimeout(ctx, joinPatience)
	defer cancel()
	context, inviter, err := b.n.node.Join(ctx, ticket)
	return admin.JoinResult{Context: context, Peer: inviter}, err
}

// Send implements admin.Backend.
func (b backend) Send(ctx context.Context, to, name string, size int64, body io.Reader) (admin.SendResult, error) {
	peers := b.n.Status().Peers
	peer, err := admin.ResolvePeer(to, peers)
	if err != nil {
		return admin.SendResult{}, err
	}
	pair := actors.Pair{Peer: peer}
	for _, p := range peers { // a peer of several contexts: the one with a channel, if any has
		if p.Peer == peer && (pair.Context.IsZero() || !p.Channel.IsZero()) {
			pair.Context = p.Context
		}
	}
	sent, err := b.n.node.SendFile(ctx, pair, name, uint64(max(size, 0)), body)
	if err != nil {
		return admin.SendResult{}, err
	}
	return admin.SendResult{
		Peer: sent.Peer, StoredAs: sent.StoredAs, SHA256: sent.SHA256, Bytes: sent.Bytes,
		Millis: uint64(sent.Took.Milliseconds()),
	}, nil
}

// Kill implements admin.Backend.
func (b backend) Kill(_ context.Context, pattern string) (int, error) {
	return b.n.node.Kill(pattern), nil
}

// NetworkChange implements admin.Backend.
func (b backend) NetworkChange(_ context.Context, announced messages.NetworkGeneration) error {
	b.n.node.AnnounceNetwork(announced)
	return nil
}

// HoldRelay implements admin.Backend.
func (b backend) HoldRelay(_ context.Context, on bool) error {
	b.n.node.HoldRelay(on)
	return nil
}

// relayBackend is a relay as its admin socket asks it.
type relayBackend struct{ r *Relay }

// Status implements admin.RelayBackend.
func (b relayBackend) Status(context.Context) (messages.RelayStatus, error) { return b.r.Status(), nil }
