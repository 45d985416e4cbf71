package channel_test

import (
	"bytes"
	"cmp"
	"container/heap"
	"crypto/sha256"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/channel"
	"github.com/waymeet/waymeet/rendezvous/handshake"
)

// sim is two nodes of machines on one virtual clock: managers and handshakers
// are real, the Noise is real, transport and store are played. A kill may come
// at any step: before a message, after it, and before each of its effects.
type sim struct {
	now    time.Time
	queue  agenda
	nodes  [2]*node
	random *rand.Rand
	// delay is how long a datagram takes.
	delay func() time.Duration
	// slow is how much longer than soon a channel may take on a slow wire.
	slow time.Duration
	// steps counts the places where a kill may come; kills says who dies there.
	steps int
	kills map[int]victim
	wrong []string
	// answered are the steps at which a manager hears that a handshake which the
	// peer began is complete.
	answered map[int]victim
	// synced is set once both ends have synced.
	synced bool
}

// victim is an actor of a node.
type victim struct {
	node    int
	manager bool
}

// run starts both nodes and lets virtual time pass.
func (s *sim) run(until time.Time) {
	for _, n := range s.nodes {
		n.startManager()
	}
	s.runTo(until)
}

// runTo lets more virtual time pass.
func (s *sim) runTo(until time.Time) {
	for s.queue.Len() > 0 && !s.queue.jobs[0].at.After(until) {
		j := heap.Pop(&s.queue).(job)
		s.now = j.at
		j.do()
	}
	s.now = until
}

func (s *sim) fault(format string, args ...any) {
	s.wrong = append(s.wrong, fmt.Sprintf("%v: ", s.now.Sub(start))+fmt.Sprintf(format, args...))
}

// mayDie is called at every step of an actor; it reports whether the actor is
// gone now.
func (s *sim) mayDie(life *life) bool {
	s.steps++
	if v, hit := s.kills[s.steps]; hit {
		n := s.nodes[v.node]
		if v.manager {
			n.killManager()
		} else {
			n.killHandshaker()
		}
	}
	return life.dead
}

// life is one incarnation of an actor.
type life struct{ dead bool }

// node is one authority's node.
type node struct {
	sim    *sim
	self   *member
	peer   *node
	static handshake.Static
	// late is how long after its manager's start the node has a path.
	late time.Duration

	managerLife *life
	manager     *channel.Manager
	armed       time.Time
	shakers     map[messages.AttemptID]*shaker
	// crowd is the order in which the handshakers were started.
	crowd []messages.AttemptID

	saved map[channel.Pair]channel.Saved
	// hellos, links and used belong to the transport and outlive every actor.
	hellos []channel.HelloKey
	links  map[messages.AttemptID]*link
	index  messages.KeyIndex
	// ledger is the store: what was charged for each operation.
	ledger map[messages.OperationID]messages.FlowCost
	facts  map[messages.ChannelID]bool
	opened int
}

// shaker is a HandshakerActor.
type shaker struct {
	*life
	machine *handshake.Handshaker
}

// link is an attempt in the transport, and then a channel.
type link struct {
	hello     []byte
	keys      messages.HandshakeResult
	keyed     bool
	confirmed bool
	heard     bool
	// syncs: its streams carry the sync.
	syncs  bool
	record messages.ChannelRecord
}

func (l *link) isChannel() bool { return !l.record.Channel.IsZero() }

func newSim(small, large *member, seed uint64) *sim {
	s := &sim{now: start, random: rand.New(rand.NewPCG(seed, 2)), kills: map[int]victim{}, answered: map[int]victim{}}
	s.delay = func() time.Duration { return 10 * time.Millisecond }
	for i, m := range []*member{small, large} {
		own := *m // its view changes
		s.nodes[i] = &node{
			sim: s, self: &own, static: handshake.NewStatic(m.identity.NoisePrivate()),
			shakers: map[messages.AttemptID]*shaker{}, saved: map[channel.Pair]channel.Saved{},
			links: map[messages.AttemptID]*link{}, ledger: map[messages.OperationID]messages.FlowCost{},
			facts: map[messages.ChannelID]bool{},
		}
	}
	s.nodes[0].peer, s.nodes[1].peer = s.nodes[1], s.nodes[0]
	return s
}

// startManager is what the supervisor does: the attempts of the life before
// end, and a new machine begins with what is saved and what lives.
func (n *node) startManager() {
	// In an order of their own, so that a draw that fails fails again.
	for _, id := range slices.SortedFunc(maps.Keys(n.links), compareAttempts) {
		n.free(id)
	}
	config := configOf(n.self, n.sim.random.Uint64())
	config.Saved = n.saved
	for _, l := range n.links {
		if l.isChannel() {
			config.Live = append(config.Live, l.record)
		}
	}
	n.managerLife, n.manager, n.armed = &life{}, channel.NewManager(config), time.Time{}
	n.tell(messages.ContextChanged{Context: n.self.view.Context})
	n.sim.after(n.late, func() {
		n.manage(messages.PathReady{Context: n.self.view.Context, Peer: n.peer.self.id(), Path: messages.PathDirect})
	})
}

// killManager ends the manager; its handshakers go with it (rest_for_one).
func (n *node) killManager() {
	n.managerLife.dead = true
	for _, s := range n.shakers {
		s.dead = true
	}
	n.shakers, n.crowd = map[messages.AttemptID]*shaker{}, nil
	n.sim.after(0, n.startManager)
}

// compareAttempts orders those of one node with its only peer.
func compareAttempts(a, b messages.AttemptID) int {
	return cmp.Or(cmp.Compare(a.Boot, b.Boot), cmp.Compare(a.N, b.N), bytes.Compare(a.Hello[:], b.Hello[:]))
}

// killHandshaker ends the youngest one.
func (n *node) killHandshaker() {
	for i := len(n.crowd) - 1; i >= 0; i-- {
		if s := n.shakers[n.crowd[i]]; s != nil {
			s.dead = true
			delete(n.shakers, n.crowd[i])
			n.tell(messages.HandshakerDown{Attempt: n.crowd[i], Failure: messages.FailCrashed})
			return
		}
	}
}

// tell puts a message into the manager's mailbox, which outlives it.
func (n *node) tell(event messages.ChannelManagerMessage) {
	n.sim.after(0, func() { n.manage(event) })
}

func (n *node) manage(event messages.ChannelManagerMessage) {
	life := n.managerLife
	if life.dead {
		n.tell(event)
		return
	}
	if n.sim.mayDie(life) {
		return
	}
	effects := n.manager.Step(n.sim.now, event)
	if n.sim.mayDie(life) {
		return
	}
	for _, e := range effects {
		n.perform(e)
		if n.sim.mayDie(life) {
			return
		}
	}
	if at := n.manager.Deadline(); !at.IsZero() && !at.Equal(n.armed) {
		n.armed = at
		n.sim.after(max(0, at.Sub(n.sim.now)), func() {
			if !life.dead && n.armed.Equal(at) {
				n.armed = time.Time{}
				n.manage(messages.Tick{})
			}
		})
	}
}

// perform does one effect of the manager.
func (n *node) perform(e channel.Effect) {
	switch e := e.(type) {
	case channel.InstallHelloKeys:
		n.hellos = e.Keys
	case channel.SavePair:
		n.saved[e.Pair] = e.Saved
	case channel.Commit:
		n.store(e)
	case channel.SpawnHandshaker:
		n.spawn(e)
	case channel.ForwardHello:
		n.shake(e.Attempt, messages.HandshakeAnswered{Hello: e.Hello})
	case channel.Resend:
		if l := n.links[e.Attempt]; l != nil && l.hello != nil {
			n.send(l.hello)
		}
	case channel.FreeAttempt:
		n.free(e.Attempt)
	case channel.AdoptChannel:
		if l := n.links[e.Attempt]; l != nil && l.keys.Hash == e.Record.Transcript {
			l.record = e.Record
		} else {
			n.free(e.Attempt)
			n.tell(messages.ChannelClosed{Channel: e.Record.Channel, Reason: messages.ReasonBroken})
		}
	case channel.AllowSync:
		n.sync(e.Channel)
	case channel.OpenStreams:
		if l := n.linkOf(e.Channel); l != nil {
			l.record.Open = true
			n.opened++
			n.sync(e.Channel)
		}
	case channel.DrainChannel:
		if l := n.linkOf(e.Channel); l != nil {
			l.record.Draining = true
		}
	case channel.CloseChannel:
		n.closeChannel(e.Channel)
	}
}

// store commits once per operation and answers.
func (n *node) store(e channel.Commit) {
	operation := e.Commit.Operation
	cost := messages.FlowCost(0)
	for _, charge := range e.Commit.Charges {
		cost += charge.Cost
	}
	if was, known := n.ledger[operation]; known && was != cost {
		n.sim.fault("one operation costs %d, then %d", was, cost)
	}
	n.ledger[operation] = cost
	for _, fact := range e.Commit.Facts {
		n.facts[fact.(messages.ChannelEstablished).Channel] = true
	}
	n.sim.after(2*time.Millisecond, func() { n.manage(messages.Journaled{Operation: operation}) })
}

// spawn starts a handshaker. A call must be on disk by now.
func (n *node) spawn(e channel.SpawnHandshaker) {
	id := e.Terms.Attempt
	if operation := n.saved[channel.Pair{Context: id.Context, Peer: id.Peer}].Operation; e.Terms.Initiator() {
		if _, paid := n.ledger[operation]; !paid {
			n.sim.fault("a call that is not paid for")
		}
	}
	if n.links[id] != nil {
		n.sim.fault("an attempt that the transport holds already")
	}
	n.index++
	n.links[id] = &link{}
	n.shakers[id] = &shaker{life: &life{}, machine: &handshake.Handshaker{}}
	n.crowd = append(n.crowd, id)
	n.shake(id, e.Begin(n.index))
}

// shake puts a message into a handshaker's mailbox.
func (n *node) shake(id messages.AttemptID, event messages.HandshakerMessage) {
	if s := n.shakers[id]; s != nil {
		n.sim.after(0, func() { n.stepShaker(id, s, event) })
	}
}

func (n *node) stepShaker(id messages.AttemptID, s *shaker, event messages.HandshakerMessage) {
	if s.dead || n.sim.mayDie(s.life) {
		return
	}
	effects := s.machine.Step(n.sim.now, event)
	if n.sim.mayDie(s.life) {
		return
	}
	for _, e := range effects {
		n.performShaker(id, s, e)
		if n.sim.mayDie(s.life) {
			return
		}
	}
	if at := s.machine.Deadline(); !at.IsZero() {
		n.sim.after(max(0, at.Sub(n.sim.now)), func() {
			if !s.dead && s.machine.Deadline().Equal(at) {
				n.stepShaker(id, s, messages.Tick{})
			}
		})
	}
}

// performShaker does one effect of a handshaker.
func (n *node) performShaker(id messages.AttemptID, s *shaker, e handshake.Effect) {
	switch e := e.(type) {
	case handshake.Compute:
		done := handshake.Run(e, n.static, n.dice())
		n.sim.after(time.Millisecond, func() { n.stepShaker(id, s, done) })
	case handshake.SendHello:
		if l := n.links[id]; l != nil {
			l.hello = append(bytes.Clone(e.Key[:]), e.Hello.Append(nil)...)
			n.sendHello(id, l)
		}
	case handshake.InstallKeys:
		if l := n.links[id]; l != nil {
			l.keys, l.keyed = e.Result, true
			n.sendData(id, l)
		}
	case handshake.Complete:
		s.dead = true
		delete(n.shakers, id)
		n.tell(messages.HandshakeComplete{Attempt: id, Result: e.Result})
		if id.Inbound() { // the next step but one, after that of this effect
			n.sim.answered[n.sim.steps+2] = victim{node: slices.Index(n.sim.nodes[:], n), manager: true}
		}
	case handshake.Fail:
		s.dead = true
		delete(n.shakers, id)
		n.tell(messages.HandshakerDown{Attempt: id, Failure: e.Failure})
	}
}

// dice is a source of bytes that follows from the seed alone.
func (n *node) dice() *bytes.Reader {
	var b [32]byte
	for i := range b {
		b[i] = byte(n.sim.random.Uint32())
	}
	return bytes.NewReader(b[:])
}

func helloHash(datagram []byte) messages.HelloHash { return sha256.Sum256(datagram) }
