package actors

import (
	"context"

	"github.com/waymeet/waymeet/actors/tree"
	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/channel"
	"github.com/waymeet/waymeet/rendezvous/upgrade"
	"github.com/waymeet/waymeet/supervision"
	"github.com/waymeet/waymeet/transport/mux"
	"github.com/waymeet/waymeet/transport/vault"
)

type pairContext = supervision.Context[messages.PeerConnectionMessage]

// frameCoordination is the first byte of the control frames that carry a
// messages.Coordination.
const frameCoordination byte = 2

// spawnPair starts the PeerConnectionActor of a pair, if it does not run. Its
// budgets, generations and times are read back in every life and never
// refilled.
func (n *Node) spawnPair(pair channel.Pair) {
	_ = tree.SpawnPair(n.tree(), pair, func() supervision.Actor[messages.PeerConnectionMessage] {
		return supervision.Host[messages.PeerConnectionMessage, upgrade.Effect]{
			New: func(c *pairContext) (supervision.Machine[messages.PeerConnectionMessage, upgrade.Effect], error) {
				saved, _ := n.savedConnections.Load(pair)
				return upgrade.New(upgrade.Config{FullSize: mux.PacketSize, Jitter: n.jitter()}, saved, c.Now()), nil
			},
			Perform: func(c *pairContext, effect upgrade.Effect) { n.performPair(c, pair, effect) },
			Tick:    messages.Tick{},
			First:   n.pairBegin(pair),
		}.Actor()
	}) // ErrExists: it runs already
}

// stopPair ends the actor of a pair and forgets what was kept for it.
func (n *Node) stopPair(pair channel.Pair) {
	_ = n.tree().StopChild(tree.AtPair(pair))
	n.endPairDials(pair)
	n.reach.Delete(pair)
	n.noChannel.Delete(pair)
	n.savedConnections.Delete(pair)
}

// pairBegin is what a life begins with: whether it is held on the relay; the
// channel, so that nothing is opened that is there already; how the peer may be
// reached; our network.
func (n *Node) pairBegin(pair channel.Pair) []messages.PeerConnectionMessage {
	first := []messages.PeerConnectionMessage{messages.HoldRelay{On: n.relayHeld.Load()}}
	if line, ok := n.channelOf(pair); ok {
		first = append(first, n.channelUpMessage(line, line.Link().Initiator()))
	}
	if endpoints, ok := n.peerEndpoints(pair); ok {
		first = append(first, endpoints)
	}
	return append(first, n.localNetwork(pair.Context))
}

// peerEndpoints is how the peer may be reached, out of its newest descriptor.
func (n *Node) peerEndpoints(pair channel.Pair) (messages.PeerEndpoints, bool) {
	view := n.views.View(pair.Context)
	if view == nil {
		return messages.PeerEndpoints{}, false
	}
	record, ok := view.Descriptors[pair.Peer]
	if !ok || record.Revoked {
		return messages.PeerEndpoints{}, false
	}
	return messages.PeerEndpoints{Candidates: record.Descriptor.Candidates, Endpoints: record.Descriptor.Endpoints}, true
}

// endpointsChanged tells the pairs of a context what its descriptors now say.
// The machine drops what is not newer.
func (n *Node) endpointsChanged(cx messages.ContextID) {
	view := n.views.View(cx)
	if view == nil {
		return
	}
	local := n.localNetwork(cx)
	for _, member := range view.Roster.Members() {
		pair := channel.Pair{Context: cx, Peer: member.Authority()}
		if pair.Peer == n.identity.Authority() {
			continue
		}
		if endpoints, ok := n.peerEndpoints(pair); ok {
			n.tellPair(pair, endpoints)
			n.endOldDials(pair, endpoints.Endpoints)
		}
		n.tellPair(pair, local)
	}
}

func (n *Node) channelUpMessage(line *vault.Line, initiator bool) messages.ChannelUp {
	up := messages.ChannelUp{
		Channel: line.Record().Channel, Initiator: initiator,
		Path: line.Path(), Relay: line.Relay(), RTT: line.Link().Stats().RTT,
	}
	if up.Path.Kind == messages.PathRelay {
		up.Relay = up.Path
	}
	return up
}

func (n *Node) performPair(c *pairContext, pair channel.Pair, effect upgrade.Effect) {
	switch e := effect.(type) {
	case upgrade.Save:
		n.savedConnections.Save(pair, incarnation(c), e.Saved)
	case upgrade.OpenRelay:
		n.dialSlot(relayScope(pair.Context), e.Endpoint, pairSessions{n, pair})
	case upgrade.PathReady:
		n.reach.Save(pair, incarnation(c), e.Path)
		n.tellManager(messages.PathReady{Context: pair.Context, Peer: pair.Peer, Path: e.Path.Kind})
	case upgrade.PathLost:
		n.reach.Save(pair, incarnation(c), messages.Path{})
		n.tellManager(messages.PathLost{Context: pair.Context, Peer: pair.Peer})
	case upgrade.Announce:
		n.publish(messages.Event{
			Kind: messages.EventPathChanged, Context: pair.Context, Peer: pair.Peer,
			Path: e.Change.To, Remote: e.Change.Remote.String(), Reason: e.Change.String(),
		})
	case upgrade.BudgetReset:
		n.publish(messages.Event{
			Kind: messages.EventBudgetReset, Context: pair.Context, Peer: pair.Peer,
			Attempts: &messages.AttemptStatus{Used: e.Attempts.Used, Max: e.Attempts.Max}, Reason: e.Reason,
		})
	default:
		if line, ok := n.channelOf(pair); ok {
			n.performPath(c, line, effect)
		}
	}
}

// performPath does what concerns the paths of a channel.
func (n *Node) performPath(c *pairContext, line *vault.Line, effect upgrade.Effect) {
	switch e := effect.(type) {
	case upgrade.KeepWarm:
		line.KeepRelay(e.Path)
	case upgrade.Coordinate:
		frame := e.Frame.Append([]byte{frameCoordination})
		c.Task("coordinate", func(_ context.Context, _ func(messages.PeerConnectionMessage)) {
			_ = line.SendControl(frame) // the channel is closing, or the attempt times out
		})
	case upgrade.Probe:
		if err := line.Link().Probe(mux.ProbeID(e.ID), mux.Direct(e.To), e.Size); err != nil {
			c.Log().Debug("probe not sent", "reason", err)
		}
	case upgrade.Promote:
		// SPEC 10.4: "A promotion commits only if both are still current".
		local := n.localNetwork(pairOf(line.Attempt()).Context)
		if n.networkGeneration().After(e.Network) || local.Candidates.After(e.Local) {
			return
		}
		line.KeepRelay(e.Relay)
		line.Link().SetPath(e.Path)
	case upgrade.SendBoth:
		first, _ := line.Link().Paths()
		if e.On {
			line.Link().SetPaths(first, e.Relay)
		} else {
			line.Link().SetPath(first)
		}
	case upgrade.FailOver:
		line.Link().SetPath(e.To)
	case upgrade.RepeatLast:
		_ = line.Link().Repeat() // nothing was sent yet, or it is lost
	}
}

// pairSessions brings relay sessions to the actor of a pair.
type pairSessions struct {
	n    *Node
	pair channel.Pair
}

func (s pairSessions) sessionReady(endpoint messages.LinkEndpoint, path messages.Path) {
	s.n.tellPair(s.pair, messages.RelayReady{Endpoint: endpoint, Path: path})
}

func (s pairSessions) sessionFailed(endpoint messages.LinkEndpoint, why string) {
	s.n.tellPair(s.pair, messages.RelayFailed{Endpoint: endpoint, Reason: why})
}

func (s pairSessions) sessionLost(path messages.Path, why string) {
	s.n.tellPair(s.pair, messages.RelayLost{Path: path, Reason: why})
}
