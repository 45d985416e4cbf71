package actors

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/waymeet/waymeet/actors/tree"
	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous"
	"github.com/waymeet/waymeet/rendezvous/channel"
	"github.com/waymeet/waymeet/rendezvous/discovery"
	"github.com/waymeet/waymeet/rendezvous/journal"
	"github.com/waymeet/waymeet/supervision"
)

// inviteResult answers a request for a ticket.
type inviteResult struct {
	ticket string
	err    error
}

// joinResult answers a join.
type joinResult struct {
	context messages.ContextID
	inviter messages.AuthorityID
	err     error
}

// ErrStopped: the node has stopped, or is stopping. It ends whatever waits.
var ErrStopped error = messages.Problem{
	Code: messages.ExitNoNode, What: "the node has stopped", Whose: "it was asked to, or could not go on",
	Hint: "start it again",
}

// living is ctx for as long as the node lives. The caller calls done when it
// waits no more.
func (n *Node) living(ctx context.Context) (living context.Context, done func()) {
	living, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(n.closing, func() { cancel(ErrStopped) })
	return living, func() { stop(); cancel(nil) }
}

// orStopped is ErrStopped in place of what an actor says that stops with its node.
func (n *Node) orStopped(err error) error {
	if errors.Is(err, supervision.ErrStopped) && n.stopping.Load() {
		return ErrStopped
	}
	return err
}

// Found makes a context whose only member is this node, and returns when it can be
// used. An error without an id means that nothing was made. A node that stops
// meanwhile has it after its next start: that is no error.
func (n *Node) Found(ctx context.Context) (messages.ContextID, error) {
	ctx, done := n.living(ctx)
	defer done()
	switch {
	case ctx.Err() != nil:
		return messages.ContextID{}, context.Cause(ctx)
	case n.stopping.Load():
		return messages.ContextID{}, ErrStopped
	}
	cx, records, err := journal.Found(n.identity, rand.Reader, messages.MillisOf(time.Now()))
	if err != nil {
		return messages.ContextID{}, err
	}
	n.databases.found(cx)
	made, err := n.createContext(cx, records)
	if !made {
		return messages.ContextID{}, err
	}
	if err == nil {
		err = n.changed.await(ctx, func() bool { return n.views.View(cx) != nil })
	}
	if err != nil && !n.stopping.Load() {
		return cx, notUp(cx, err)
	}
	return cx, nil
}

// notUp says of a context that it was made, and why it cannot be used yet.
func notUp(cx messages.ContextID, cause error) error {
	problem := messages.Problem{
		Code: messages.ExitFailed, What: cx.String() + " is made, and cannot be used yet", Whose: cause.Error(),
		Hint: "see `waymeet status` before you make another one",
	}
	switch {
	case errors.Is(cause, context.DeadlineExceeded):
		problem.Code, problem.Whose = messages.ExitWaiting, "its journal did not come up in time"
	case errors.Is(cause, context.Canceled):
		problem.Whose = "the caller left before its journal was up"
	}
	return because{problem, cause}
}

// Invite makes a single-use ticket into the context (SPEC 14.2). The text
// holds a secret. A zero lifetime is 10 minutes.
func (n *Node) Invite(ctx context.Context, cx messages.ContextID, lifetime time.Duration) (string, error) {
	view := n.views.View(cx)
	if view == nil {
		return "", n.noView(cx)
	}
	ctx, done := n.living(ctx)
	defer done()
	direct, err := n.directEndpoints(ctx)
	if err != nil {
		return "", err
	}
	for {
		ticket, err := n.invite(ctx, view, direct, lifetime)
		if !errors.Is(err, errInviterDied) {
			return ticket, err
		}
	}
}

// InviteIntoNew founds a context and invites into it. What goes wrong after the
// founding says which context it is: whoever asks again may want to be invited into
// that, and not into one more.
func (n *Node) InviteIntoNew(ctx context.Context, lifetime time.Duration) (string, error) {
	if err := discovery.CheckLifetime(lifetime); err != nil {
		return "", err
	}
	founded, err := n.Found(ctx)
	if err != nil {
		return "", err
	}
	ticket, err := n.Invite(ctx, founded, lifetime)
	if err != nil {
		return "", notInvited(founded, err)
	}
	return ticket, nil
}

// notInvited says of a context that it was founded, and why no ticket into it was made.
func notInvited(founded messages.ContextID, cause error) error {
	problem := messages.Problem{
		Code: messages.ExitFailed, What: "no ticket was made", Whose: cause.Error(),
		Hint: "waymeet invite --context " + founded.String(),
	}
	switch {
	case errors.As(cause, &problem): // it says itself what failed, and what to do
	case errors.Is(cause, context.DeadlineExceeded):
		problem.Code, problem.Whose = messages.ExitWaiting, "the node did not get to it in time"
	case errors.Is(cause, context.Canceled):
		problem.Whose = "the caller left before"
	}
	problem.Whose += fmt.Sprintf("; the new context %s is there", founded)
	return because{problem, cause}
}

// errInviterDied: the inviter crashed before it answered. The half-made ticket
// was handed to nobody and expires; another one is made.
var errInviterDied = errors.New("the inviter died")

// invite asks the inviter once.
func (n *Node) invite(ctx context.Context, view *rendezvous.View, direct []messages.LinkEndpoint, lifetime time.Duration) (string, error) {
	slots, err := n.ticketSlots()
	if err != nil {
		return "", err
	}
	create := messages.CreateTicket{
		Request: messages.InviteRequest(n.requests.Add(1)), Context: view.Context,
		Founder: view.Founder, Finality: view.Finality,
		Role: messages.RoleParticipant, Slots: slots, Direct: direct, Lifetime: lifetime,
	}
	if _, err := rand.Read(create.Secret[:]); err != nil {
		return "", err
	}
	answer := n.invites.open(create.Request)
	defer n.invites.close(create.Request)
	if err := supervision.Lookup[messages.InviterMessage](n.tree(), tree.AtInviter).Tell(create); err != nil {
		return "", n.orStopped(err)
	}
	result, err := await(ctx, answer)
	if err != nil {
		return "", err
	}
	return result.ticket, result.err
}

// ticketSlots are fresh slots at the node's relays, for one ticket.
func (n *Node) ticketSlots() ([]messages.TicketSlot, error) {
	var slots []messages.TicketSlot
	for _, url := range n.config.Relays {
		var seed messages.SecretKey
		if _, err := rand.Read(seed[:]); err != nil {
			return nil, err
		}
		public := ed25519.NewKeyFromSeed(seed[:]).Public().(ed25519.PublicKey)
		slots = append(slots, messages.TicketSlot{Endpoint: url.Endpoint(messages.SlotOf(messages.PublicKey(public))), Key: seed})
	}
	return slots, nil
}

// directEndpoints are the node's own addresses, as they are published. A node
// that has just started does not know them yet.
func (n *Node) directEndpoints(ctx context.Context) ([]messages.LinkEndpoint, error) {
	var endpoints messages.LocalEndpoints
	err := n.changed.await(ctx, func() bool {
		var known bool
		endpoints, known = n.endpoints.Load(struct{}{})
		return known
	})
	return endpoints.Endpoints, err
}

// Join uses a ticket and returns when this node is a member and in sync with
// the inviter.
func (n *Node) Join(ctx context.Context, text string) (messages.ContextID, messages.AuthorityID, error) {
	ticket, err := messages.ParseTicket(text)
	if n.closing.Err() != nil {
		err = ErrStopped
	}
	if err != nil {
		return messages.ContextID{}, messages.AuthorityID{}, err
	}
	j, ok := n.joins.begin(ticket)
	if !ok {
		return messages.ContextID{}, messages.AuthorityID{}, messages.Problem{
			Code: messages.ExitFailed, What: "cannot join with this ticket now",
			Whose: "a join with it is under way already", Hint: "wait for it to end",
		}
	}
	defer n.endJoin(j.hash)
	answer := n.joinResults.open(j.hash)
	defer n.joinResults.close(j.hash)
	ctx, done := n.living(ctx)
	defer done()
	if err := n.spawnJoin(j, joinWithin(ctx)); err != nil {
		return messages.ContextID{}, messages.AuthorityID{}, n.orStopped(err)
	}
	result, err := await(ctx, answer)
	if err != nil {
		return messages.ContextID{}, messages.AuthorityID{}, err
	}
	return result.context, result.inviter, result.err
}

// Contexts are those that the node is a member of, sorted.
func (n *Node) Contexts() []messages.ContextID { return n.views.contexts() }

// Authors are those who have said something in a context, members or not.
func (n *Node) Authors(cx messages.ContextID) []messages.AuthorityID {
	view := n.views.View(cx)
	if view == nil {
		return nil
	}
	return slices.SortedFunc(maps.Keys(view.Frontier), messages.AuthorityID.Compare)
}

// HoldRelay keeps every channel on its relay, those to come too, or lets it go;
// for debugging.
func (n *Node) HoldRelay(on bool) {
	n.relayHeld.Store(on) // first: who starts now and is not told below reads it
	for _, pair := range n.pairs() {
		n.tellPair(pair, messages.HoldRelay{On: on})
	}
}

// AnnounceNetwork announces a generation of the node's network; zero is the
// next one. SPEC 1.4: "Only a greater value is new".
func (n *Node) AnnounceNetwork(generation messages.NetworkGeneration) {
	if generation != 0 && !generation.After(n.networkGeneration()) {
		local, _ := n.local.Load(struct{}{})
		for _, pair := range n.pairs() {
			stale := local
			stale.Network = generation
			n.tellPair(pair, stale)
		}
		return
	}
	n.tellNetwork(messages.NetworkChanged{Reason: "announced by the host"})
}

// pairs are the peers of all contexts.
func (n *Node) pairs() []channel.Pair {
	var pairs []channel.Pair
	for _, cx := range n.views.contexts() {
		view := n.views.View(cx)
		for _, member := range view.Roster.Members() {
			if id := member.Authority(); id != n.identity.Authority() {
				pairs = append(pairs, channel.Pair{Context: cx, Peer: id})
			}
		}
	}
	return pairs
}

// noView says why nothing is known of a context: its journal is not up, or it is none
// of this node's.
func (n *Node) noView(cx messages.ContextID) error {
	if n.stopping.Load() {
		return ErrStopped
	}
	if _, there := n.databases.find(cx); there {
		return messages.Problem{
			Code: messages.ExitWaiting, What: cx.Short() + " cannot be used yet", Whose: "its journal is not up yet",
			Hint: "again, once it is in `waymeet status`",
		}
	}
	return messages.Problem{
		Code: messages.ExitUsage, What: fmt.Sprintf("no context %s", cx.Short()),
		Whose: "this node is not a member of it", Hint: "see the contexts in `waymeet status`",
	}
}
