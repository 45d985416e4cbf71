package rendezvoustest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous"
	"github.com/waymeet/waymeet/rendezvous/channel"
)

func compareBytes(a, b []byte) int { return bytes.Compare(a, b) }

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// describePath is "relay r" or "direct 203.0.113.10:4000".
func (w *World) describePath(path messages.Path) string {
	if path.Kind != messages.PathRelay {
		return path.String()
	}
	name, _ := w.wire.at(path.Addr)
	return "relay " + name
}

// describeEndpoints is "relay r, 203.0.113.10:4000".
func (w *World) describeEndpoints(endpoints []messages.LinkEndpoint) string {
	var list []string
	for _, e := range endpoints {
		if e.Protocol.IsRelay() {
			list = append(list, "relay "+w.relayName(e.RelayKey))
		} else {
			list = append(list, e.Address)
		}
	}
	return strings.Join(list, ", ")
}

// showJournal says what the journals of a node hold.
func (n *node) showJournal() {
	for _, cx := range sortedKeys(n.process.views, messages.ContextID.Compare) {
		view := n.process.views[cx]
		n.world.log.print("%s at %s: epoch %d; members %s; %s%s", n.world.names.contexts[cx], n.name, view.Epoch,
			n.memberNames(view), plural(int(view.Count), "fact"), n.compareWithOthers(view))
		for _, d := range n.descriptors(view) {
			n.world.log.print("  %s", d)
		}
		for _, pair := range n.process.pairsOf(cx) {
			if e, ok := view.Established[pair.Peer]; ok {
				n.world.log.print("  agreed with %s on %s", pair.Peer.Short(), n.world.names.channel(e.Channel))
			}
		}
	}
}

// memberNames are the members in the order in which their nodes came.
func (n *node) memberNames(view *rendezvous.View) string {
	var names []string
	for _, other := range n.world.nodes {
		if view.Roster.Has(other.authority()) {
			names = append(names, other.name)
		}
	}
	return strings.Join(names, ", ")
}

// compareWithOthers says who holds the same facts, and who does not.
func (n *node) compareWithOthers(view *rendezvous.View) string {
	var text string
	for _, other := range n.world.nodes {
		if other == n || other.process == nil || other.process.views[view.Context] == nil {
			continue
		}
		how := "; other facts than at "
		if other.process.views[view.Context].Fingerprint == view.Fingerprint {
			how = "; the same at "
		}
		text += how + other.name
	}
	return text
}

func (n *node) descriptors(view *rendezvous.View) []string {
	var list []string
	for _, other := range n.world.nodes {
		record, ok := view.Descriptors[other.authority()]
		if !ok {
			continue
		}
		d := record.Descriptor
		state := ""
		if record.Revoked {
			state = ", revoked"
		}
		list = append(list, fmt.Sprintf("%s: descriptor %d of epoch %d%s: %s", other.name, d.Sequence, record.Epoch, state, n.world.describeEndpoints(d.Endpoints)))
	}
	return list
}

// showPeers says what a node knows of each of its peers.
func (n *node) showPeers() {
	p := n.process
	pairs := p.allPairs()
	if len(pairs) == 0 {
		n.world.log.print("%s has no peers", n.name)
	}
	for _, pair := range pairs {
		n.world.log.print("%s → %s: %s", n.name, pair.Peer.Short(), strings.Join(append(p.channelsWith(pair), p.pathWith(pair)...), "; "))
	}
}

func (p *process) channelsWith(pair channel.Pair) []string {
	var parts []string
	for _, c := range p.managed.Channels() {
		if c.Context != pair.Context || c.Remote != pair.Peer {
			continue
		}
		text := fmt.Sprintf("%s %s, epoch %d, %s", p.world.names.channel(c.Channel), c.State, c.Epoch, c.Agreement)
		if c.Draining {
			text += ", draining"
		}
		parts = append(parts, text)
	}
	slices.Sort(parts)
	if parts == nil {
		return []string{"no channel"}
	}
	return parts
}

func (p *process) pathWith(pair channel.Pair) []string {
	var parts []string
	if c := p.connections[pair]; c != nil {
		status := c.Status()
		if !status.Path.IsZero() {
			parts = append(parts, fmt.Sprintf("%s (%s)", p.world.describePath(status.Path), status.Reason))
		}
		parts = append(parts, fmt.Sprintf("attempts %s in cycle %d", status.Attempts.Status(), status.Cycles))
	}
	spent := p.views[pair.Context].Ledger.Flow[messages.FlowKey{
		Peer: pair.Peer, Epoch: p.views[pair.Context].Epoch, Day: messages.MillisOf(p.world.now()).Day(),
	}]
	return append(parts, fmt.Sprintf("spent %d", spent))
}

// showSent says what a node sent to another since this was asked last, through
// relays too. Relay control is not for anybody in a context (SPEC 5.1).
func (n *node) showSent(to string) {
	key := parties{n.name, to}
	sent := n.world.wire.sent[key]
	var parts []string
	for _, what := range []string{isHello, isAnswer, isData, isProbe} {
		if sent[what] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", sent[what], what))
		}
	}
	delete(n.world.wire.sent, key)
	if parts == nil {
		parts = []string{"nothing"}
	}
	n.world.log.print("%s → %s: %s", n.name, to, strings.Join(parts, ", "))
}

// State is what must be the same at the end, whoever died on the way: who is
// in which epoch of what, whether the journals are equal, and how the peers of
// every node are reached.
func (w *World) State() string {
	var lines []string
	for _, n := range w.nodes {
		if n.process == nil {
			continue
		}
		for _, cx := range sortedKeys(n.process.views, messages.ContextID.Compare) {
			view := n.process.views[cx]
			lines = append(lines, fmt.Sprintf("%s: %s epoch %d, members %s%s", n.name, w.names.contexts[cx], view.Epoch,
				n.memberNames(view), n.compareWithOthers(view)))
			for _, pair := range n.process.pairsOf(cx) {
				lines = append(lines, "  "+w.names.authority(pair.Peer)+": "+n.process.stateWith(pair))
			}
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

// stateWith says whether both ends of a pair are on one channel, and on what
// path.
func (p *process) stateWith(pair channel.Pair) string {
	var text []string
	for _, c := range p.managed.Channels() {
		if c.Context != pair.Context || c.Remote != pair.Peer || !c.Usable() {
			continue
		}
		l, there := p.channelLine(c.Channel), "not at the other end"
		for _, other := range p.world.nodes {
			if other.authority() == pair.Peer && other.process != nil && other.process.channelLine(c.Channel) != nil {
				there = "at both ends"
			}
		}
		text = append(text, fmt.Sprintf("%s channel %s, %s", c.State, there, l.path))
	}
	if e := p.views[pair.Context].Established[pair.Peer]; p.channelLine(e.Channel) != nil {
		text = append(text, "agreed on in the journal")
	}
	return strings.Join(text, "; ")
}
