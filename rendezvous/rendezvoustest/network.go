package rendezvoustest

import (
	"net/netip"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/upgrade"
)

// makeNetwork is the host that counts the generations of the node's network.
func (p *process) makeNetwork() {
	p.network = &NetworkHost{process: p, kind: "network", Tick: messages.Tick{}}
	p.network.Build = func() Machine[messages.NetworkMessage, upgrade.NetworkEffect] {
		return upgrade.NewNetwork(p.savedNetwork)
	}
	p.network.First = func() []messages.NetworkMessage {
		bound := netip.AddrPortFrom(netip.IPv4Unspecified(), nodePort)
		return []messages.NetworkMessage{messages.SocketBound{Addr: bound}, p.interfaces()}
	}
	p.network.Perform = p.performNetwork
}

func (p *process) performNetwork(effect upgrade.NetworkEffect) {
	switch e := effect.(type) {
	case upgrade.SaveNetwork:
		if p.savedNetwork.Generation.After(e.Saved.Generation) {
			p.world.Fault("%s: network generation %d came after %d", p.name, e.Saved.Generation, p.savedNetwork.Generation)
		}
		p.savedNetwork = e.Saved
	case upgrade.AnnounceNetwork:
		p.local = e.Local
		for _, pair := range p.allPairs() {
			p.tellPair(pair, p.localNetwork(pair.Context))
		}
		if e.Reason == "" {
			return
		}
		p.event("network %d: %s", e.Local.Network, e.Reason)
		for _, use := range p.uses {
			use.client.tell(messages.RelayNetworkChanged{})
		}
	case upgrade.PublishEndpoints:
		endpoints := e.Endpoints
		p.endpoints = &endpoints
		for _, cx := range sortedKeys(p.contexts, messages.ContextID.Compare) {
			p.contexts[cx].publisher.tell(endpoints)
		}
	}
}

// localNetwork is the node's network as a pair of the context sees it.
func (p *process) localNetwork(cx messages.ContextID) messages.LocalNetwork {
	local := p.local
	if view := p.views[cx]; view != nil {
		local.Candidates = view.Descriptors[view.Self].Descriptor.Candidates
	}
	return local
}

// move gives the node's interface another address, and with it the socket.
func (p *process) move() {
	p.moved++
	p.socket = netip.AddrPortFrom(p.address(), nodePort)
	p.network.tell(p.interfaces())
}

// announce tells the pairs of a generation of the network that is no newer.
func (p *process) announce(generation messages.NetworkGeneration) {
	for _, pair := range p.allPairs() {
		local := p.localNetwork(pair.Context)
		local.Network = generation
		p.tellPair(pair, local)
	}
}
