package rendezvoustest

import (
	"errors"
	"fmt"
	"slices"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/channel"
	"github.com/waymeet/waymeet/rendezvous/discovery"
	"github.com/waymeet/waymeet/rendezvous/journal"
)

// errJoinDied is why a join ended whose machine was killed; it can be begun
// again with the same ticket.
var errJoinDied = errors.New("the join has died")

// join is one join: where its attempts lead, and which of them is the last.
type join struct {
	ticket  messages.Ticket
	hash    messages.TicketHash
	joiner  *JoinerHost
	attempt messages.AttemptID
	try     messages.JoinTry
	done    func(error)
}

// join begins a join; done hears of its end once.
func (p *process) join(ticket messages.Ticket, done func(error)) {
	j := &join{ticket: ticket, hash: ticket.Hash(), done: done}
	j.joiner = &JoinerHost{process: p, kind: "join", Tick: messages.Tick{}}
	j.joiner.Build = func() Machine[messages.JoinerMessage, discovery.JoinerEffect] {
		return discovery.NewJoiner(discovery.JoinerConfig{Identity: p.identity, Random: p.world.jitter()})
	}
	j.joiner.First = func() []messages.JoinerMessage { return []messages.JoinerMessage{messages.BeginJoin{Ticket: ticket}} }
	j.joiner.Perform = func(effect discovery.JoinerEffect) { p.performJoin(j, effect) }
	j.joiner.Died = func() { p.endJoin(j, errJoinDied) }
	p.joins = append(p.joins, j)
	p.lastTry++
	p.tree.SpawnJoin(fmt.Sprintf("join-%d", p.lastTry), j.joiner)
}

func (p *process) performJoin(j *join, effect discovery.JoinerEffect) {
	switch e := effect.(type) {
	case discovery.OpenPath:
		p.openJoinPath(j, e)
	case discovery.ClosePath:
		p.leaveRelays(relayScope(j.hash))
	case discovery.StartInitiator:
		j.attempt = e.Terms.Attempt
		p.ticketKeys[e.Keys.Ticket] = e.Keys
		p.spawnHandshaker(e.Terms, joinOwner{p, j}, func(index messages.KeyIndex) messages.HandshakerMessage {
			terms := e.Terms
			terms.ReceiveIndex = index
			return messages.InitiateHandshake{Terms: terms}
		})
	case discovery.SendClaim:
		if l := p.attemptLine(e.Attempt); l != nil {
			p.openClaim(e.Attempt).stream = l.openStream(messages.ClaimProtocol)
			p.sendClaim(e.Attempt, e.Claim)
		}
	case discovery.Adopt:
		j.joiner.task("adopt", fsync, func(emit func(messages.JoinerMessage)) { p.adoptContext(e, emit) })
	case discovery.SyncOnce:
		p.allowSync(e.Attempt, e.Context, e.Inviter)
		p.await(func() bool { return p.isJoined(e) }, func() {
			j.joiner.tell(messages.JoinSynced{Attempt: e.Attempt})
		})
	case discovery.SendSynced:
		p.sendClaim(e.Attempt, messages.Synced{})
	case discovery.CloseAttempt:
		p.closeTicketAttempt(e.Attempt)
		p.leaveRelays(relayScope(j.hash))
	case discovery.JoinDone:
		p.endJoin(j, nil)
	case discovery.JoinFailed:
		p.endJoin(j, e.Failure)
	default:
		panic(fmt.Sprintf("rendezvoustest: %T is not played", effect))
	}
}

// adoptContext makes the journal of the joined context here, and tells when it
// is read.
func (p *process) adoptContext(e discovery.Adopt, emit func(messages.JoinerMessage)) {
	cx, records := e.Ticket.Context, journal.Join(e.Welcome, e.Secret)
	p.createContext(cx, records, false)
	p.await(func() bool { return p.views[cx] != nil }, func() {
		p.operate(cx, func(operation messages.OperationID) messages.JournalMessage {
			return messages.GiveKeys{Operation: operation, Records: records}
		}, func(journal.Reply) { emit(messages.JoinAdopted{}) })
	})
}

// end tells the host, once.
func (j *join) end(err error) {
	if j.done != nil {
		done := j.done
		j.done = nil
		done(err)
	}
}

// openJoinPath gets a way to the inviter: a relay session, or its address.
func (p *process) openJoinPath(j *join, e discovery.OpenPath) {
	j.try = e.Try
	sessions := joinSessions{p, j, e.Try}
	if e.Endpoint.Protocol.IsRelay() {
		p.dialSlot(relayScope(j.hash), e.Endpoint, sessions)
	} else if addr, ok := e.Endpoint.AddrPort(); ok {
		sessions.ready(e.Endpoint, messages.Path{Kind: messages.PathDirect, Addr: addr})
	}
}

// isJoined: our descriptor of the open epoch is in the journal, and the
// inviter holds all that we hold, so any member can call us.
func (p *process) isJoined(e discovery.SyncOnce) bool {
	inviter := channel.Pair{Context: e.Context, Peer: e.Inviter}
	view := p.views[inviter.Context]
	if view == nil || e.Epoch.After(view.Epoch) {
		return false
	}
	own, published := view.Descriptors[view.Self]
	return published && own.Epoch == view.Epoch && p.lastEqual[inviter] == view.Fingerprint
}

// joinAnswered brings message 2 under a ticket to the handshaker that waits.
func (p *process) joinAnswered(ticket messages.TicketHash, hello messages.Hello) {
	for _, j := range p.joins {
		if j.hash == ticket && j.attempt.Boot == hello.Boot && j.attempt.N == hello.N {
			p.tellShaker(j.attempt, messages.HandshakeAnswered{Hello: hello})
		}
	}
}

// tellJoin tells the join whose newest attempt that is.
func (p *process) tellJoin(id messages.AttemptID, message messages.JoinerMessage) {
	for _, j := range p.joins {
		if j.attempt == id {
			j.joiner.tell(message)
		}
	}
}

// endJoin forgets a join and all that it used.
func (p *process) endJoin(j *join, err error) {
	j.joiner.end()
	p.joins = slices.DeleteFunc(p.joins, func(k *join) bool { return k == j })
	if j.attempt != (messages.AttemptID{}) {
		p.closeTicketAttempt(j.attempt)
	}
	delete(p.ticketKeys, j.hash)
	p.leaveRelays(relayScope(j.hash))
	j.end(err)
}

// joinSessions brings the path of one try to its join.
type joinSessions struct {
	p   *process
	j   *join
	try messages.JoinTry
}

func (s joinSessions) ready(_ messages.LinkEndpoint, path messages.Path) {
	s.p.lastTry++
	s.j.joiner.tell(messages.JoinPathReady{Try: s.try, Via: path, Boot: s.p.disk.boot, N: s.p.lastTry})
}

func (s joinSessions) failed(_ messages.LinkEndpoint, why string) {
	s.j.joiner.tell(messages.JoinPathFailed{Try: s.try, Why: why})
}

func (s joinSessions) lost(_ messages.Path, why string) {
	s.j.joiner.tell(messages.JoinPathFailed{Try: s.try, Why: why})
}

// joinOwner keeps the line of the ticket's handshake, then tells the join.
type joinOwner struct {
	p *process
	j *join
}

func (o joinOwner) complete(m messages.HandshakeComplete) {
	o.p.adoptTicketLine(m)
	o.j.joiner.tell(m)
}

func (o joinOwner) down(m messages.HandshakerDown) { o.j.joiner.tell(m) }
func (o joinOwner) watch(id messages.AttemptID, m messages.HandshakerDown) {
	o.j.joiner.actor.Watch(id, m)
}
