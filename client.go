package waymeet

import (
	"context"
	"io"
	"iter"
	"slices"
	"time"

	"github.com/waymeet/waymeet/actors"
	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/transport/admin"
)

// What the command line, or any other program of the same user, asks a running
// node through the socket in its state directory.
type (
	// Client asks a running node or relay: Status, Actors, Events, Invite, Join,
	// Remove, Rotate, Append, Facts, Send. `go doc transport/admin.Client` has its
	// methods.
	Client = admin.Client
	// InviteRequest says what ticket to make.
	InviteRequest = admin.InviteRequest
	// JoinResult says what a ticket led to.
	JoinResult = admin.JoinResult
	// SendResult is what a peer acknowledged.
	SendResult = admin.SendResult
	// MemberRequest says whom to remove, or whose keys to rotate.
	MemberRequest = admin.MemberRequest
	// ContextChange says what an op has made of a context.
	ContextChange = admin.ContextChange
	// AppendRequest says where a fact goes, and of which type it is.
	AppendRequest = admin.AppendRequest
	// AppendResult is the fact that is on disk.
	AppendResult = admin.AppendResult
	// FactsRequest says which facts to read.
	FactsRequest = admin.FactsRequest
	// ActorReport is one actor, what it did last, and how it crashed.
	ActorReport = admin.ActorReport
	// ActorStep is one thing that an actor did.
	ActorStep = admin.ActorStep
	// ActorCrash is how a life of an actor ended.
	ActorCrash = admin.ActorCrash
	// StormRequest says what is to go wrong in a running node.
	StormRequest = admin.StormRequest
	// StormStatus is what a storm has done so far.
	StormStatus = admin.StormStatus
	// StormActor is what a storm did to one actor.
	StormActor = admin.StormActor
)

// What a Client may find running.
const (
	RoleNode  = admin.RoleNode
	RoleRelay = admin.RoleRelay
)

// Connect finds the node or relay that runs in a state directory.
func Connect(stateDir string) (*Client, error) { return admin.Connect(stateDir) }

// Identity is who the node of a state directory is. The node need not run, but has
// been there: nothing is made.
func Identity(stateDir string) (AuthorityID, error) { return actors.Identity(stateDir) }

// backend is a node as its admin socket asks it.
type backend struct{ n *Node }

// Status implements admin.Backend.
func (b backend) Status(context.Context) (messages.Status, error) { return b.n.Status(), nil }

// Actors implements admin.Backend.
func (b backend) Actors(context.Context) (messages.ActorTree, error) {
	return messages.ActorTree{Schema: messages.StatusSchema, Actors: b.n.node.Actors()}, nil
}

// Events implements admin.Backend.
func (b backend) Events(ctx context.Context) <-chan messages.Event { return b.n.Events(ctx) }

// Invite implements admin.Backend.
func (b backend) Invite(ctx context.Context, request admin.InviteRequest) (string, error) {
	if request.Context == admin.NewContext || request.Context == "" && len(b.n.Contexts()) == 0 {
		return b.n.node.InviteIntoNew(ctx, request.Lifetime)
	}
	into, err := b.context(request.Context)
	if err != nil {
		return "", err
	}
	return into.Invite(ctx, request.Lifetime)
}

// context is the context that a text means; empty means the only one.
func (b backend) context(text string) (Context, error) {
	contexts := b.n.Status().Contexts
	if text == "" && len(contexts) == 1 {
		return Context{b.n, contexts[0].Context}, nil
	}
	id, err := admin.ResolveContext(text, contexts)
	return Context{b.n, id}, err
}

// Remove implements admin.Backend.
func (b backend) Remove(ctx context.Context, request admin.MemberRequest) (admin.ContextChange, error) {
	from, err := b.context(request.Context)
	if err != nil {
		return admin.ContextChange{}, err
	}
	member, err := from.whom(request.Member)
	if err != nil { // members alone are offered in its place
		member, err = admin.ResolvePeer(request.Member, from.peers())
	}
	if err != nil {
		return admin.ContextChange{}, err
	}
	err = from.Remove(ctx, member)
	return admin.ContextChange{Context: from.id, Member: member, Epoch: from.epoch()}, err
}

// Rotate implements admin.Backend.
func (b backend) Rotate(ctx context.Context, request admin.MemberRequest) (admin.ContextChange, error) {
	of, err := b.context(request.Context)
	if err != nil {
		return admin.ContextChange{}, err
	}
	err = of.Rotate(ctx)
	return admin.ContextChange{Context: of.id, Epoch: of.epoch()}, err
}

// Append implements admin.Backend.
func (b backend) Append(ctx context.Context, request admin.AppendRequest, body []byte) (admin.AppendResult, error) {
	to, err := b.context(request.Context)
	if err != nil {
		return admin.AppendResult{}, err
	}
	fact, err := to.Append(ctx, request.Type, body)
	return admin.AppendResult{Context: to.id, Fact: fact}, err
}

// Facts implements admin.Backend.
func (b backend) Facts(ctx context.Context, request admin.FactsRequest) (iter.Seq2[messages.FactContent, error], error) {
	of, err := b.context(request.Context)
	if err != nil {
		return nil, err
	}
	query := request.Query
	if request.Author != "" {
		if query.Author, err = of.whom(request.Author); err != nil {
			return nil, err
		}
	}
	return of.Facts(ctx, query), nil
}

// whom is who a text means: a whole id is whoever it is; else a member, this node,
// or somebody who was removed and has said something.
func (c Context) whom(text string) (AuthorityID, error) {
	if id, err := messages.ParseAuthorityID(text); err == nil {
		return id, nil
	}
	known := c.peers()
	for _, author := range append(c.node.node.Authors(c.id), c.node.Authority()) {
		if !slices.ContainsFunc(known, func(p PeerStatus) bool { return p.Peer == author }) {
			known = append(known, PeerStatus{Peer: author})
		}
	}
	return admin.ResolvePeer(text, known)
}

// peers are the other members of the context as they stand.
func (c Context) peers() []PeerStatus {
	return slices.DeleteFunc(c.node.Status().Peers, func(p PeerStatus) bool { return p.Context != c.id })
}

// epoch is the one that is open.
func (c Context) epoch() Epoch {
	for _, status := range c.node.Status().Contexts {
		if status.Context == c.id {
			return status.Epoch
		}
	}
	return 0
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
	pair, err := b.recipient(to)
	if err != nil {
		return admin.SendResult{}, err
	}
	sent, err := b.n.node.SendFile(ctx, pair, name, uint64(max(size, 0)), body)
	if err != nil {
		return admin.SendResult{}, err
	}
	return admin.SendResult{
		Peer: sent.Peer, Context: pair.Context, StoredAs: sent.StoredAs, SHA256: sent.SHA256, Bytes: sent.Bytes,
		Millis: uint64(sent.Took.Milliseconds()),
	}, nil
}

// recipient is who a text means, and where it is met. Where no peer is meant, it may be
// somebody who is none: the node knows why.
func (b backend) recipient(to string) (actors.Pair, error) {
	known := b.n.Status().Peers
	peer, err := admin.ResolvePeer(to, known)
	if err != nil {
		known = append(known, b.n.node.NoPeers()...)
		if other, failed := admin.ResolvePeer(to, known); failed == nil {
			peer, err = other, nil
		}
	}
	return pairWith(peer, known), err
}

// pairWith is where the peer is met: of several contexts the first that has a
// channel to it, else the first.
func pairWith(peer AuthorityID, peers []messages.PeerStatus) actors.Pair {
	pair := actors.Pair{Peer: peer}
	for _, p := range peers {
		switch {
		case p.Peer != peer:
		case !p.Channel.IsZero():
			return actors.Pair{Context: p.Context, Peer: peer}
		case pair.Context.IsZero():
			pair.Context = p.Context
		}
	}
	return pair
}

// relayBackend is a relay as its admin socket asks it.
type relayBackend struct{ r *Relay }

// Actors implements admin.RelayBackend.
func (b relayBackend) Actors(context.Context) (messages.ActorTree, error) {
	return messages.ActorTree{Schema: messages.StatusSchema, Actors: b.r.relay.Actors()}, nil
}

// Status implements admin.RelayBackend.
func (b relayBackend) Status(context.Context) (messages.RelayStatus, error) { return b.r.Status(), nil }
