package rendezvoustest

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous"
	"github.com/waymeet/waymeet/rendezvous/channel"
	"github.com/waymeet/waymeet/rendezvous/upgrade"
)

// maxFaults bounds how many faults are remembered: the first ones tell what is
// wrong.
const maxFaults = 8

// Fault notes that something has happened that never may.
func (w *World) Fault(format string, values ...any) {
	if len(w.faults) < maxFaults {
		text := w.names.replace(fmt.Sprintf(format, values...))
		w.faults = append(w.faults, fmt.Sprintf("%s: %s", w.now().Sub(Beginning), text))
	}
}

// Faults are those that were noted, the first ones first.
func (w *World) Faults() []string { return slices.Clone(w.faults) }

// audit is what of a node's past its future may not contradict, whatever dies:
// its process too.
type audit struct {
	// acknowledged are the facts that the journal said were written.
	acknowledged map[messages.ContextID][]messages.FactID
	// asked is what every operation that was asked for costs, toward each peer.
	asked map[messages.OperationID]map[messages.AuthorityID]price
	// withdrawn are the operations of which the journal said that they were withdrawn
	// before they were done.
	withdrawn map[messages.OperationID]bool
	// numbers are the nonces of the own descriptors, by their number.
	numbers map[messages.ContextID]map[uint64]messages.Nonce
	// last is what was last published of each context.
	last map[messages.ContextID]*rendezvous.View
}

func newAudit() audit {
	return audit{
		acknowledged: map[messages.ContextID][]messages.FactID{},
		asked:        map[messages.OperationID]map[messages.AuthorityID]price{},
		withdrawn:    map[messages.OperationID]bool{},
		numbers:      map[messages.ContextID]map[uint64]messages.Nonce{},
		last:         map[messages.ContextID]*rendezvous.View{},
	}
}

// price is the least and the most that an operation costs: a call that is made
// again under the same operation may take another path than the one that was
// paid for.
type price struct{ least, most messages.FlowCost }

// ask notes what an operation costs.
func (a *audit) ask(commit messages.Commit) {
	known := a.asked[commit.Operation]
	if known == nil {
		known = map[messages.AuthorityID]price{}
		a.asked[commit.Operation] = known
	}
	for _, c := range commit.Charges {
		p, again := known[c.Peer]
		if !again {
			p.least = c.Cost
		}
		known[c.Peer] = price{min(p.least, c.Cost), max(p.most, c.Cost)}
	}
}

// published checks what must only grow.
//
// SPEC 15.3: "Killing any actor at any instant loses no acknowledged fact, no
// stream byte, no budget, no generation".
func (n *node) published(view *rendezvous.View) {
	was := n.audit.last[view.Context]
	n.audit.last[view.Context] = view
	if was == nil {
		return
	}
	if was.Epoch.After(view.Epoch) {
		n.world.Fault("%s: epoch %d came after %d", n.name, view.Epoch, was.Epoch)
	}
	if old, now := was.Numbered, view.Numbered; old.Candidates.After(now.Candidates) || old.Sequence > now.Sequence {
		n.world.Fault("%s: descriptor %d of generation %d came after %d of %d", n.name, now.Sequence, now.Candidates, old.Sequence, old.Candidates)
	}
	n.numberedOnce(view)
	for key, spent := range was.Ledger.Flow {
		if view.Ledger.Flow[key] < spent {
			n.world.Fault("%s: spent %d toward %s came after %d", n.name, view.Ledger.Flow[key], key.Peer.Short(), spent)
		}
	}
}

// numberedOnce checks that no two descriptors of the node have one number.
//
// SPEC 4.1: "each published descriptor has a greater sequence and
// CandidateGeneration."
func (n *node) numberedOnce(view *rendezvous.View) {
	numbers := n.audit.numbers[view.Context]
	if numbers == nil {
		numbers = map[uint64]messages.Nonce{}
		n.audit.numbers[view.Context] = numbers
	}
	records := slices.Collect(maps.Values(view.Older))
	for _, record := range append(records, view.Descriptors[view.Self]) {
		d := record.Descriptor
		if d.Authority != view.Self {
			continue
		}
		if nonce, known := numbers[d.Sequence]; known && nonce != d.Nonce {
			n.world.Fault("%s: two descriptors have the number %d", n.name, d.Sequence)
		}
		numbers[d.Sequence] = d.Nonce
	}
}

// checkDisk checks that what was acknowledged is on disk, what was withdrawn is not,
// and that every charge was made once (SPEC 3.5, 5.5).
func (n *node) checkDisk() {
	for cx, database := range n.disk.journals {
		for _, id := range n.audit.acknowledged[cx] {
			if !database.facts[id] {
				n.world.Fault("%s: the acknowledged fact %x is lost", n.name, id[:4])
			}
		}
		for operation := range n.audit.withdrawn {
			if database.operations[operation] {
				n.world.Fault("%s: operation %x was withdrawn, and done", n.name, operation[:4])
			}
		}
		if view := n.audit.last[cx]; view != nil {
			n.checkCharges(database, view.Ledger)
		}
	}
}

// checkCharges compares what was spent with what the operations that were done
// cost.
func (n *node) checkCharges(database *database, ledger messages.Ledger) {
	due := map[messages.AuthorityID]price{}
	for operation, prices := range n.audit.asked {
		if !database.operations[operation] {
			continue
		}
		for peer, p := range prices {
			due[peer] = price{due[peer].least + p.least, due[peer].most + p.most}
		}
	}
	paid := map[messages.AuthorityID]messages.FlowCost{}
	for key, spent := range ledger.Flow {
		paid[key.Peer] += spent
	}
	for peer, p := range due {
		if paid[peer] < p.least || paid[peer] > p.most {
			n.world.Fault("%s: spent %d toward %s, and what was done costs %d to %d", n.name, paid[peer], peer.Short(), p.least, p.most)
		}
	}
}

// ratchet is what of a pair's past in this process its future may not
// contradict.
type ratchet struct {
	saved upgrade.Saved
	// attempts counts all that were begun.
	attempts uint64
}

// checkSaved checks what the actor of a pair saves.
//
// SPEC 10.3: "attempts(T) ≤ max · (4 + ⌊T/15 s⌋) per (context, peer). An actor
// restart NEVER refills a budget or the bucket."
func (p *process) checkSaved(pair channel.Pair, now upgrade.Saved) {
	r := p.ratchets[pair]
	if r == nil {
		r = &ratchet{}
		p.ratchets[pair] = r
	}
	was := r.saved
	r.saved = now
	name := p.name + " toward " + p.world.names.authority(pair.Peer)
	begun := now.Attempts.Used
	if now.Cycles == was.Cycles {
		begun -= min(begun, was.Attempts.Used)
	}
	r.attempts += begun
	switch {
	case now.Cycles < was.Cycles:
		p.world.Fault("%s: cycle %d came after %d", name, now.Cycles, was.Cycles)
	case now.Cycles == was.Cycles && now.Attempts.Used < was.Attempts.Used:
		p.world.Fault("%s: attempts %v came after %v in one cycle: the budget was refilled", name, now.Attempts.Status(), was.Attempts.Status())
	case was.Network.After(now.Network), was.Local.After(now.Local), was.Remote.After(now.Remote):
		p.world.Fault("%s: generations %d/%d/%d came after %d/%d/%d", name, now.Network, now.Local, now.Remote, was.Network, was.Local, was.Remote)
	}
	allowed := now.Attempts.Max * (4 + uint64(p.world.now().Sub(p.begun)/(15*time.Second)))
	if r.attempts > allowed {
		p.world.Fault("%s: %d attempts in %s, %d are allowed", name, r.attempts, p.world.now().Sub(p.begun), allowed)
	}
}

// CheckDisks checks what must hold at any time.
func (w *World) CheckDisks() {
	for _, n := range w.nodes {
		n.checkDisk()
	}
}

// Unsettled says what is not yet as it must be in the end, when nothing has died
// for a while: all are members, all journals are equal and hold all that was
// acknowledged, every pair has one channel, known at both ends, and what was
// sent over it has arrived.
func (w *World) Unsettled() []string {
	var open []string
	for _, n := range w.nodes {
		for _, other := range w.nodes {
			if other == n {
				continue
			}
			if what := n.unsettledWith(other); what != "" {
				open = append(open, n.name+" and "+other.name+": "+what)
			}
		}
	}
	return open
}

func (n *node) unsettledWith(other *node) string {
	for cx, facts := range n.audit.acknowledged {
		theirs := other.disk.journals[cx]
		for _, id := range facts {
			if theirs == nil || !theirs.facts[id] {
				return "a fact of the one has not come to the other"
			}
		}
	}
	if n.process == nil || other.process == nil || len(n.process.views) == 0 {
		return "they have no context"
	}
	if n.errands.writing != nil {
		return "the one still writes a fact"
	}
	for cx, view := range n.process.views {
		theirs := other.process.views[cx]
		switch {
		case theirs == nil || !view.Roster.Has(other.authority()):
			return "they are not members of one context"
		case theirs.Fingerprint != view.Fingerprint:
			return "they hold different facts"
		}
		if what := n.channelWith(channel.Pair{Context: cx, Peer: other.authority()}, other); what != "" {
			return what
		}
	}
	return ""
}

// channelWith says what is wrong with the channel of a pair at one end.
func (n *node) channelWith(pair channel.Pair, other *node) string {
	here := n.process.channelOf(pair)
	if here == nil || here.record.Draining {
		return "there is no channel"
	}
	there := other.process.channelLine(here.record.Channel)
	if there == nil || !there.record.Open {
		return "the channel is not at the other end"
	}
	if here.count.sent != there.count.heard {
		return fmt.Sprintf("of %d numbers sent over the channel %d have arrived", here.count.sent, there.count.heard)
	}
	return ""
}
