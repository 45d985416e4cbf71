package actors

import (
	"context"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/upgrade"
	"github.com/waymeet/waymeet/supervision"
	"github.com/waymeet/waymeet/transport/mux"
	"github.com/waymeet/waymeet/transport/netwatch"
	relaywire "github.com/waymeet/waymeet/transport/relay"
	"github.com/waymeet/waymeet/transport/stun"
)

type networkContext = supervision.Context[messages.NetworkMessage]

// stunTries and stunPause bound how often one server is asked under one
// generation (RFC 8489, 6.2.1 asks 7 times; a relay tells the same).
const (
	stunTries = 3
	stunPause = 500 * time.Millisecond
	// stunResolve is how long the name of a server may take to be found.
	stunResolve = 5 * time.Second
)

// networkActor is the NetworkActor. The generation and what others observed
// are read back in every life; the interfaces are looked at anew.
func (n *Node) networkActor() supervision.Actor[messages.NetworkMessage] {
	return supervision.Host[messages.NetworkMessage, upgrade.NetworkEffect]{
		New: func(c *networkContext) (supervision.Machine[messages.NetworkMessage, upgrade.NetworkEffect], error) {
			c.Task("watch", n.watchNetwork)
			saved, _ := n.savedNetwork.Load(struct{}{})
			return upgrade.NewNetwork(saved), nil
		},
		Perform: n.performNetwork,
		Tick:    messages.Tick{},
		First:   []messages.NetworkMessage{messages.SocketBound{Addr: n.socket.LocalAddr()}},
	}.Actor()
}

// watchNetwork tells the machine of the interfaces. A network that cannot be
// looked at is a crash: the supervisor tries again.
func (n *Node) watchNetwork(ctx context.Context, emit func(messages.NetworkMessage)) {
	first := true
	err := n.config.Watch(ctx, func(change netwatch.Change) {
		interfaces := interfacesOf(change.Snapshot)
		emit(interfaces)
		if last := n.interfaces.Swap(&interfaces); !first && last != nil && reflect.DeepEqual(*last, interfaces) {
			emit(messages.NetworkChanged{Reason: change.Reason}) // the clock jumped: the machine has slept
		}
		first = false
	})
	if err != nil && ctx.Err() == nil {
		panic(fmt.Sprintf("the network cannot be watched: %v", err))
	}
}

// interfacesOf keeps what matters of a snapshot: the addresses of interfaces
// that are up, and the default routes.
func interfacesOf(s netwatch.Snapshot) messages.Interfaces {
	var out messages.Interfaces
	defaults := make(map[int]bool)
	for _, route := range s.Defaults {
		defaults[route.Interface] = true
		out.DefaultRoutes += fmt.Sprintf("%d %s %d;", route.Interface, route.Gateway, route.Metric)
	}
	for _, i := range s.Interfaces {
		if !i.Up {
			continue
		}
		for _, prefix := range i.Prefixes {
			out.Bindings = append(out.Bindings, messages.Binding{Interface: i.Name, Prefix: prefix, Default: defaults[i.Index]})
		}
	}
	return out
}

func (n *Node) performNetwork(c *networkContext, effect upgrade.NetworkEffect) {
	switch e := effect.(type) {
	case upgrade.SaveNetwork:
		n.savedNetwork.Save(struct{}{}, incarnation(c), e.Saved)
	case upgrade.AnnounceNetwork:
		n.announceNetwork(c, e)
	case upgrade.PublishEndpoints:
		n.endpoints.Save(struct{}{}, incarnation(c), e.Endpoints)
		n.changed.broadcast()
		for _, cx := range n.views.contexts() {
			n.tellPublisher(cx, e.Endpoints)
		}
	}
}

// announceNetwork tells every pair how the network is now; a new generation
// also moves the relays' sessions and asks anew who sees us where.
func (n *Node) announceNetwork(c *networkContext, e upgrade.AnnounceNetwork) {
	n.local.Save(struct{}{}, incarnation(c), e.Local)
	for _, pair := range n.pairs() {
		n.tellPair(pair, n.localNetwork(pair.Context))
	}
	if e.Reason == "" {
		return
	}
	n.publish(messages.Event{Kind: messages.EventNetworkChanged, NetworkGeneration: e.Local.Network, Reason: e.Reason})
	n.toRelays(messages.RelayNetworkChanged{})
	c.Task("stun", func(ctx context.Context, _ func(messages.NetworkMessage)) { n.askSTUN(ctx, e.Local.Network) })
}

// localNetwork is the node's network as a pair of the context sees it.
func (n *Node) localNetwork(cx messages.ContextID) messages.LocalNetwork {
	local, _ := n.local.Load(struct{}{})
	if view := n.views.View(cx); view != nil {
		local.Candidates = view.Descriptors[view.Self].Descriptor.Candidates
	}
	return local
}

func (n *Node) networkGeneration() messages.NetworkGeneration {
	saved, _ := n.savedNetwork.Load(struct{}{})
	return saved.Generation
}

// askSTUN asks every server who we are to it, on the socket that everything
// shares. The answers come as Reflexive, under the generation of the question.
func (n *Node) askSTUN(ctx context.Context, generation messages.NetworkGeneration) {
	var asked []stun.TransactionID
	defer func() {
		for _, id := range asked {
			n.stunAsked.Delete(id)
		}
	}()
	for range stunTries {
		for _, server := range n.stunServers(ctx) {
			id, request := stun.NewRequest()
			asked = append(asked, id)
			n.stunAsked.Save(id, 0, stunQuestion{server, generation})
			_ = n.socket.Send(request, mux.Direct(server)) // loss: asked again
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(stunPause):
		}
	}
}

// stunQuestion is a request that waits for its answer.
type stunQuestion struct {
	server     netip.AddrPort
	generation messages.NetworkGeneration
}

// stunServers are the configured servers and the relays, which answer STUN on
// their own port.
func (n *Node) stunServers(ctx context.Context) []netip.AddrPort {
	var servers []netip.AddrPort
	for _, use := range n.relays.all() {
		if addr := use.address(); addr.IsValid() {
			servers = append(servers, addr)
		}
	}
	for _, name := range n.config.STUN {
		ctx, cancel := context.WithTimeout(ctx, stunResolve)
		if addr, err := relaywire.Resolve(ctx, name, nil); err == nil {
			servers = append(servers, addr)
		}
		cancel()
	}
	slices.SortFunc(servers, netip.AddrPort.Compare)
	return slices.Compact(servers)
}

// takeSTUN takes an answer to a question of ours, from whom it was asked.
func (n *Node) takeSTUN(from netip.AddrPort, datagram []byte) bool {
	id, mapped, ok := stun.ParseResponse(datagram, func(id stun.TransactionID) bool {
		question, asked := n.stunAsked.Load(id)
		return asked && question.server == from
	})
	if !ok {
		return false
	}
	question, _ := n.stunAsked.Load(id)
	n.stunAsked.Delete(id)
	n.tellNetwork(messages.Reflexive{
		Network: question.generation, Observer: messages.Observer(from.String()), Mapped: mapped,
	})
	return true
}

// controlBacklog is how many control datagrams of relays wait to be opened;
// more are dropped.
const controlBacklog = 256

// takeControl takes what came on the socket and belongs to no link. It runs on
// the socket's reader: what may cost a Diffie-Hellman goes to controlLoop.
func (n *Node) takeControl(c mux.Control) bool {
	if len(c.Data) == 0 {
		return false
	}
	switch c.Data[0] {
	case messages.FirstByteRelayControl:
		select {
		case n.control <- c:
			return true
		default:
			return false
		}
	case 0, 1, 2, 3: // RFC 7983
		return n.takeSTUN(c.From, c.Data)
	}
	return false
}

// controlLoop opens the control datagrams of relays until the node closes.
func (n *Node) controlLoop() {
	for {
		select {
		case c := <-n.control:
			n.relayControl(c.From, c.Data)
		case <-n.closing.Done():
			return
		}
	}
}
