package rendezvoustest

import (
	"fmt"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/channel"
	"github.com/waymeet/waymeet/rendezvous/upgrade"
)

// spawnPair starts the host of a pair's paths, if it does not run. Its budgets
// and generations are read back in every life and never refilled.
func (p *process) spawnPair(pair channel.Pair) {
	if h := p.pairs[pair]; h != nil {
		p.tree.SpawnPair(pair, h) // it may have gone with its supervisor
		return
	}
	h := &PairHost{process: p, kind: "pair", of: p.world.names.authority(pair.Peer), Tick: messages.Tick{}}
	h.Build = func() Machine[messages.PeerConnectionMessage, upgrade.Effect] {
		saved := p.savedConnections[pair]
		if p.world.defect == ForgetBudgets {
			saved = upgrade.Saved{}
		}
		c := upgrade.New(upgrade.Config{Jitter: p.world.jitter()}, saved, p.world.now())
		p.connections[pair] = c
		return c
	}
	h.First = func() []messages.PeerConnectionMessage { return p.pairBegin(pair) }
	h.Perform = func(effect upgrade.Effect) { p.performPair(pair, effect) }
	p.pairs[pair] = h
	p.tree.SpawnPair(pair, h)
}

func (p *process) stopPair(pair channel.Pair) {
	if h := p.pairs[pair]; h != nil {
		h.end()
	}
	delete(p.pairs, pair)
	delete(p.connections, pair)
	delete(p.reach, pair)
	delete(p.savedConnections, pair)
	delete(p.ratchets, pair) // a member that comes back is a new one
}

func (p *process) tellPair(pair channel.Pair, message messages.PeerConnectionMessage) {
	if h := p.pairs[pair]; h != nil {
		h.tell(message)
	}
}

// pairBegin is what a life begins with: the channel, so that nothing is opened
// that is there already; how the peer may be reached; our network.
func (p *process) pairBegin(pair channel.Pair) []messages.PeerConnectionMessage {
	var first []messages.PeerConnectionMessage
	if l := p.channelOf(pair); l != nil {
		first = append(first, l.up())
	}
	if endpoints, ok := p.peerEndpoints(pair); ok {
		first = append(first, endpoints)
	}
	return append(first, p.localNetwork(pair.Context))
}

// peerEndpoints is how the peer may be reached, out of its newest descriptor.
func (p *process) peerEndpoints(pair channel.Pair) (messages.PeerEndpoints, bool) {
	view := p.views[pair.Context]
	if view == nil {
		return messages.PeerEndpoints{}, false
	}
	record, ok := view.Descriptors[pair.Peer]
	if !ok || record.Revoked {
		return messages.PeerEndpoints{}, false
	}
	return messages.PeerEndpoints{Candidates: record.Descriptor.Candidates, Endpoints: record.Descriptor.Endpoints}, true
}

func (p *process) performPair(pair channel.Pair, effect upgrade.Effect) {
	peer := p.world.names.authority(pair.Peer)
	switch e := effect.(type) {
	case upgrade.Save:
		p.checkSaved(pair, e.Saved)
		p.savedConnections[pair] = e.Saved
	case upgrade.OpenRelay:
		p.dialSlot(relayScope(pair.Context), e.Endpoint, pairSessions{p, pair})
	case upgrade.PathReady:
		p.reach[pair] = e.Path
		p.manager.tell(messages.PathReady{Context: pair.Context, Peer: pair.Peer, Path: e.Path.Kind})
	case upgrade.PathLost:
		delete(p.reach, pair)
		p.manager.tell(messages.PathLost{Context: pair.Context, Peer: pair.Peer})
	case upgrade.Announce:
		p.event("path to %s: %s", peer, e.Change)
	case upgrade.BudgetReset:
		p.event("path to %s: attempts %s: %s", peer, e.Attempts.Status(), e.Reason)
	default:
		if l := p.channelOf(pair); l != nil {
			p.performPath(l, effect)
		}
	}
}

// performPath does what concerns the paths of a channel.
func (p *process) performPath(l *line, effect upgrade.Effect) {
	switch e := effect.(type) {
	case upgrade.KeepWarm:
		l.relay = e.Path
	case upgrade.Coordinate:
		l.flow.push(controlFrame{string(e.Frame.Append(nil))})
	case upgrade.Probe:
		l.probe(e.ID, messages.Path{Kind: messages.PathDirect, Addr: e.To}, e.Size)
	case upgrade.Promote:
		// SPEC 10.4: "A promotion commits only if both are still current".
		if p.savedNetwork.Generation.After(e.Network) || p.localNetwork(l.record.Context).Candidates.After(e.Local) {
			return
		}
		l.relay = e.Relay
		l.setPaths(e.Path, messages.Path{})
	case upgrade.SendBoth:
		second := messages.Path{}
		if e.On {
			second = e.Relay
		}
		l.setPaths(l.path, second)
	case upgrade.FailOver:
		l.setPaths(e.To, messages.Path{})
	case upgrade.RepeatLast:
		l.repeat()
	default:
		panic(fmt.Sprintf("rendezvoustest: %T is not played", effect))
	}
}

// pairSessions brings relay sessions to the host of a pair.
type pairSessions struct {
	p    *process
	pair channel.Pair
}

func (s pairSessions) ready(endpoint messages.LinkEndpoint, path messages.Path) {
	s.p.tellPair(s.pair, messages.RelayReady{Endpoint: endpoint, Path: path})
}

func (s pairSessions) failed(endpoint messages.LinkEndpoint, why string) {
	s.p.tellPair(s.pair, messages.RelayFailed{Endpoint: endpoint, Reason: why})
}

func (s pairSessions) lost(path messages.Path, why string) {
	s.p.tellPair(s.pair, messages.RelayLost{Path: path, Reason: why})
}
