package actors

import (
	"cmp"
	"context"
	"encoding/hex"
	"slices"
	"time"

	"github.com/waymeet/waymeet/actors/tree"
	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/channel"
	"github.com/waymeet/waymeet/supervision"
)

// Status is a copy of how the node stands. It asks no actor: all that it tells
// is what they saved, or what the transport counts.
func (n *Node) Status() messages.Status {
	status := messages.Status{
		Schema: messages.StatusSchema, Authority: n.identity.Authority(),
		NetworkGeneration: n.networkGeneration(), Listen: n.socket.LocalAddr().String(),
	}
	for _, actor := range n.Actors() {
		if !actor.Supervisor {
			status.Actors = append(status.Actors, actor)
		}
	}
	for _, cx := range n.views.contexts() {
		status.Contexts = append(status.Contexts, n.contextStatus(cx))
	}
	for _, pair := range n.pairs() {
		status.Peers = append(status.Peers, n.peerStatus(pair))
	}
	status.Relays = n.relayUses()
	return status
}

func (n *Node) contextStatus(cx messages.ContextID) messages.ContextStatus {
	view := n.views.View(cx)
	status := messages.ContextStatus{
		Context: cx, Epoch: view.Epoch, Members: view.Roster.Len(), Facts: view.Count, Waiting: view.Waiting,
		Fingerprint: hex.EncodeToString(view.Fingerprint[:]), Conflict: view.Conflict, Removed: !view.Roster.Has(n.identity.Authority()),
	}
	_, status.Forked = view.Equivocated[n.identity.Authority()]
	for pair, epoch := range n.removedBy.All() { // who came back knows of a later epoch
		status.Removed = status.Removed || pair.Context == cx && epoch == view.Epoch
	}
	return status
}

// relayUses are the uses of relays, and those relays that were given and are not
// used yet.
func (n *Node) relayUses() []messages.RelayUse {
	var uses []messages.RelayUse
	for _, use := range n.relays.all() {
		status := use.status()
		for _, cx := range n.views.contexts() {
			if use.key.scope == relayScope(cx) {
				status.Context = cx
			}
		}
		uses = append(uses, status)
	}
	for _, url := range n.config.Relays {
		if !slices.ContainsFunc(uses, func(use messages.RelayUse) bool { return use.URL == url.String() }) {
			uses = append(uses, messages.RelayUse{URL: url.String(), State: "not asked yet"})
		}
	}
	slices.SortFunc(uses, func(a, b messages.RelayUse) int {
		return cmp.Or(cmp.Compare(a.URL, b.URL), a.Context.Compare(b.Context), cmp.Compare(a.State, b.State))
	})
	return uses
}

// Actors is every actor as it stands, supervisors too, sorted by path, with the
// generations and attempts that it saved.
func (n *Node) Actors() []messages.ActorStatus {
	actors := actorStatuses(n.tree())
	pairs := make(map[string]channel.Pair)
	for _, pair := range n.pairs() {
		pairs[tree.AtPair(pair)] = pair
	}
	for i := range actors {
		actor := &actors[i]
		if actor.Path == tree.AtNetwork {
			actor.NetworkGeneration = n.networkGeneration()
		}
		if pair, ok := pairs[actor.Path]; ok {
			saved, _ := n.savedConnections.Load(pair)
			actor.NetworkGeneration, actor.CandidateGeneration = saved.Network, saved.Remote
			actor.Attempts = &messages.AttemptStatus{Used: saved.Attempts.Used, Max: saved.Attempts.Max}
		}
	}
	return actors
}

// actorStatuses is what a tree tells of its actors.
func actorStatuses(tree *supervision.Tree) []messages.ActorStatus {
	var actors []messages.ActorStatus
	for _, a := range tree.Inspect() {
		actors = append(actors, messages.ActorStatus{
			Path: a.Path, Supervisor: a.Supervisor, State: a.State.String(),
			Incarnation: uint64(a.Incarnation), Restarts: a.Restarts,
			Mailbox: a.Mailbox, Handling: a.Handling, Suspended: a.Suspended, Refused: a.Refused, Dropped: a.Dropped,
		})
	}
	return actors
}

func (u *relayUse) status() messages.RelayUse {
	u.mu.Lock()
	defer u.mu.Unlock()
	use := messages.RelayUse{URL: u.key.url.String(), State: u.state}
	if u.observed.IsValid() {
		use.Observed = u.observed.String()
	}
	return use
}

func (n *Node) peerStatus(pair channel.Pair) messages.PeerStatus {
	view := n.views.View(pair.Context)
	descriptor := view.Descriptors[pair.Peer].Descriptor
	saved, _ := n.savedConnections.Load(pair)
	now := messages.MillisOf(time.Now())
	snapshot := n.service.Snapshot(view, pair.Peer, now)
	status := messages.PeerStatus{
		Context: pair.Context, Peer: pair.Peer, Nickname: descriptor.NicknameSuggestion, Epoch: view.Epoch,
		CandidateGeneration: descriptor.Candidates,
		Attempts:            messages.AttemptStatus{Used: saved.Attempts.Used, Max: saved.Attempts.Max},
		Cycles:              saved.Cycles,
		Budget:              messages.FlowStatus{Spent: messages.FlowLimit - snapshot.FlowRemaining, Limit: messages.FlowLimit},
	}
	_, status.Forked = view.Equivocated[pair.Peer]
	if !saved.NextAttempt.IsZero() {
		status.NextAttempt = messages.MillisOf(saved.NextAttempt)
	}
	line, ok := n.channelOf(pair)
	if !ok {
		if line, ok = n.establishing(pair); ok {
			status.State = channelState(*line.Record())
		}
		status.Path.Reason = n.whyNoChannel(pair)
		return status
	}
	record, stats, path := line.Record(), line.Link().Stats(), line.Path()
	status.Channel, status.Epoch, status.Agreement = record.Channel, record.Epoch, messages.A1Provisional
	status.State = channelState(*record)
	status.BytesSent, status.BytesReceived = stats.BytesSent, stats.BytesReceived
	status.RTTMillis = float64(stats.RTT.Microseconds()) / 1000
	status.Path = messages.PathStatus{
		Kind: path.Kind, Remote: path.Addr.String(), Since: messages.MillisOf(saved.Since), Reason: saved.Reason,
	}
	if saved.Reason == "" { // SPEC 10.8: "'Why?' always has an answer"; the pair's actor has not given its own yet
		status.Path.Since, status.Path.Reason = messages.MillisOf(line.Made()), "the channel has just come up"
	}
	return status
}

// NoPeers are those who may be taken for a peer and are none: this node itself, and, in
// each context, who was removed from it.
func (n *Node) NoPeers() []messages.PeerStatus {
	known := []messages.PeerStatus{{Peer: n.identity.Authority(), Nickname: n.config.Nickname}}
	for _, cx := range n.views.contexts() {
		view := n.views.View(cx)
		for _, id := range view.Roster.Former() {
			known = append(known, messages.PeerStatus{Context: cx, Peer: id, Nickname: view.Descriptors[id].Descriptor.NicknameSuggestion})
		}
	}
	return known
}

// whyNoChannel says why a pair has no channel now (SPEC 10.8: "'Why?' always has
// an answer").
func (n *Node) whyNoChannel(pair channel.Pair) string {
	if why, known := n.noChannel.Load(pair); known {
		return why
	}
	if _, published := n.views.View(pair.Context).Descriptors[pair.Peer]; !published {
		return "the peer has published no descriptor yet"
	}
	if path, _ := n.reach.Load(pair); path.IsZero() {
		return "looking for a way to the peer"
	}
	return "calling"
}

// channelState is how far a channel is, for people.
func channelState(r messages.ChannelRecord) string {
	switch {
	case r.Draining:
		return "draining"
	case r.Open:
		return "active"
	case r.CatchUpUntil != 0:
		return "catching up"
	}
	return "establishing"
}

// Events are all events from now on, until ctx ends or the node stops.
func (n *Node) Events(ctx context.Context) <-chan messages.Event { return n.hub.subscribe(ctx) }
