package rendezvoustest

import (
	"net/netip"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous"
	"github.com/waymeet/waymeet/rendezvous/channel"
	"github.com/waymeet/waymeet/rendezvous/discovery"
	"github.com/waymeet/waymeet/rendezvous/journal"
	"github.com/waymeet/waymeet/rendezvous/upgrade"
)

// process is a running node: its machines, and outside of them all that they
// must not lose (DESIGN.md: "Where state lives").
type process struct {
	*node
	socket  netip.AddrPort
	begun   time.Time
	stopped bool
	tree    Tree

	contexts map[messages.ContextID]*contextHosts
	network  *NetworkHost
	manager  *ManagerHost
	inviter  *InviterHost
	pairs    map[channel.Pair]*PairHost
	uses     []*relayUse
	joins    []*join
	// managed and connections are the machines themselves, to be looked at.
	managed     *channel.Manager
	connections map[channel.Pair]*upgrade.Connection

	// What the journals last published, what hellos are opened with, and what
	// the transport holds.
	views       map[messages.ContextID]*rendezvous.View
	states      map[messages.ContextID]messages.JournalState
	attempts    []*attempt
	contextKeys map[messages.ContextID][]channel.HelloKey
	ticketKeys  map[messages.TicketHash]discovery.TicketKeys
	lines       []*line
	sessions    []*session
	claims      []*claim
	// last numbers key indexes, sync sessions, attempts under tickets, and uses
	// of relays.
	lastIndex   messages.KeyIndex
	lastSession messages.SyncSession
	lastTry     uint64
	lastUse     uint64

	// What machines have saved and read back, and what they last said.
	savedPairs       map[channel.Pair]channel.Saved
	savedConnections map[channel.Pair]upgrade.Saved
	savedNetwork     upgrade.NetworkSaved
	savedClaims      map[messages.ContextID]journal.Claims
	local            messages.LocalNetwork
	endpoints        *messages.LocalEndpoints
	reach            map[channel.Pair]messages.Path
	lastEqual        map[channel.Pair][32]byte
	ratchets         map[channel.Pair]*ratchet

	// pending says what operations will do, until it was logged; waits and
	// invites are who waits for something.
	pending map[messages.OperationID]string
	// asking are the hosts that wait for operations of theirs.
	asking  map[messages.OperationID]func(journal.Reply)
	waits   []wait
	invites map[messages.InviteRequest]func(messages.Ticket, error)
}

// contextHosts are the machines of one context; they live and die together
// (rest_for_one).
type contextHosts struct {
	store     *JournalHost
	sync      *SyncHost
	publisher *PublisherHost
}

// wait is somebody who waits for something to become true.
type wait struct {
	holds func() bool
	do    func()
}

func newProcess(n *node) *process {
	p := &process{
		node: n, socket: netip.AddrPortFrom(n.address(), nodePort), begun: n.world.now(),

		contexts:    map[messages.ContextID]*contextHosts{},
		pairs:       map[channel.Pair]*PairHost{},
		connections: map[channel.Pair]*upgrade.Connection{},

		views:       map[messages.ContextID]*rendezvous.View{},
		states:      map[messages.ContextID]messages.JournalState{},
		contextKeys: map[messages.ContextID][]channel.HelloKey{},
		ticketKeys:  map[messages.TicketHash]discovery.TicketKeys{},

		savedPairs:       map[channel.Pair]channel.Saved{},
		savedConnections: map[channel.Pair]upgrade.Saved{},
		savedClaims:      map[messages.ContextID]journal.Claims{},
		reach:            map[channel.Pair]messages.Path{},
		lastEqual:        map[channel.Pair][32]byte{},
		ratchets:         map[channel.Pair]*ratchet{},

		pending: map[messages.OperationID]string{},
		asking:  map[messages.OperationID]func(journal.Reply){},
		invites: map[messages.InviteRequest]func(messages.Ticket, error){},
	}
	for pair, counter := range n.disk.completed {
		p.savedPairs[pair] = channel.Saved{Completed: counter}
	}
	p.makeManager()
	p.makeNetwork()
	p.makeInviter()
	return p
}

// start starts the machines that every node has, and those of the contexts on
// its disk.
func (p *process) start() {
	for _, database := range p.disk.journals {
		database.founded = false
	}
	p.tree = p.world.stage.Tree(p.name)
	p.tree.Start(Machines{
		Network: p.network, Manager: p.manager, Inviter: p.inviter,
		KeepContexts: p.keepContexts, KeepRelays: p.keepRelays,
	})
}

// keepContexts spawns the machines of every context whose journal is here.
func (p *process) keepContexts() {
	for _, cx := range sortedKeys(p.disk.journals, messages.ContextID.Compare) {
		p.spawnContext(cx)
	}
}

// keepRelays spawns the client of every relay that is used.
func (p *process) keepRelays() {
	for _, use := range p.uses {
		p.tree.SpawnRelay(use.name, use.client)
	}
}

// after does something later, if the process still runs.
func (p *process) after(wait time.Duration, do func()) {
	p.world.after(wait, func() {
		if !p.stopped {
			do()
		}
	})
}

// View implements rendezvous.Views.
func (p *process) View(cx messages.ContextID) *rendezvous.View { return p.views[cx] }

// await does something as soon as the condition holds.
func (p *process) await(holds func() bool, do func()) {
	p.waits = append(p.waits, wait{holds, do})
	p.changed()
}

// changed looks at the conditions of those who wait.
func (p *process) changed() {
	waits := p.waits
	p.waits = nil
	for _, w := range waits {
		if w.holds() {
			p.after(0, w.do)
		} else {
			p.waits = append(p.waits, w)
		}
	}
}

// machines are all that run, in a fixed order.
func (p *process) machines() []mortal {
	all := []mortal{p.network, p.manager, p.inviter}
	for _, cx := range sortedKeys(p.contexts, messages.ContextID.Compare) {
		hosts := p.contexts[cx]
		all = append(all, hosts.store, hosts.sync, hosts.publisher)
	}
	for _, pair := range sortedKeys(p.pairs, channel.Pair.Compare) {
		all = append(all, p.pairs[pair])
	}
	for _, a := range p.attempts {
		all = append(all, a.shaker)
	}
	for _, use := range p.uses {
		all = append(all, use.client)
	}
	for _, j := range p.joins {
		all = append(all, j.joiner)
	}
	return all
}
