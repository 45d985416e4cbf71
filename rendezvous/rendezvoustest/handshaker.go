package rendezvoustest

import (
	"slices"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/handshake"
)

// attempt is what the transport knows of an attempt before it has a line.
type attempt struct {
	terms  messages.HandshakeTerms
	owner  handshakeOwner
	shaker *ShakerHost
}

func (a *attempt) id() messages.AttemptID { return a.terms.Attempt }

// handshakeOwner is told how a handshake ended. It watches the handshaker: one
// that crashed says nothing itself.
type handshakeOwner interface {
	complete(messages.HandshakeComplete)
	down(messages.HandshakerDown)
	watch(messages.AttemptID, messages.HandshakerDown)
}

// spawnHandshaker starts the handshaker of an attempt. It is temporary: when
// it dies, its owner hears so and begins a new one.
func (p *process) spawnHandshaker(
	terms messages.HandshakeTerms, owner handshakeOwner, begin func(messages.KeyIndex) messages.HandshakerMessage,
) {
	p.lastIndex++
	terms.ReceiveIndex = p.lastIndex
	a := &attempt{terms: terms, owner: owner}
	h := &ShakerHost{process: p, kind: "handshaker", of: p.world.names.authority(terms.Peer), Tick: messages.Tick{}}
	h.Build = func() Machine[messages.HandshakerMessage, handshake.Effect] { return &handshake.Handshaker{} }
	h.First = func() []messages.HandshakerMessage {
		return []messages.HandshakerMessage{begin(terms.ReceiveIndex)}
	}
	h.Perform = func(effect handshake.Effect) { p.performHandshake(a, effect) }
	a.shaker = h
	p.attempts = append(p.attempts, a)
	p.tree.SpawnHandshaker(a.id(), h)
	owner.watch(a.id(), messages.HandshakerDown{Attempt: a.id(), Failure: messages.FailCrashed})
}

func (p *process) performHandshake(a *attempt, effect handshake.Effect) {
	if p.attempt(a.id()) != a { // freed by its owner: nobody waits for it
		a.shaker.end()
		return
	}
	switch e := effect.(type) {
	case handshake.Compute:
		a.shaker.task("noise", 0, func(emit func(messages.HandshakerMessage)) {
			emit(handshake.Run(e, p.static, p.world.entropy))
		})
	case handshake.SendHello:
		p.sendHello(a, e)
	case handshake.InstallKeys:
		l := p.attemptLine(a.id())
		if !a.terms.Initiator() {
			l = p.newLine(a.terms, a.terms.Via)
		}
		if l != nil {
			l.install(e.Result)
		}
	case handshake.Complete:
		a.owner.complete(messages.HandshakeComplete{Attempt: a.id(), Result: e.Result})
		a.shaker.end()
	case handshake.Fail:
		a.owner.down(messages.HandshakerDown{Attempt: a.id(), Failure: e.Failure})
		a.shaker.end()
	}
}

// sendHello sends Noise message 1 from a new line, or message 2 to where
// message 1 came from.
func (p *process) sendHello(a *attempt, e handshake.SendHello) {
	hello := helloDatagram{index: e.Index, key: e.Key, text: string(e.Hello.Append(nil)), kind: e.Hello.Kind}
	p.world.draw(hello.nonce[:])
	if e.Hello.Kind == messages.HelloInit {
		path := a.terms.Via
		if path.IsZero() {
			path = p.reach[pairOf(a.id())]
		}
		if path.IsZero() {
			a.shaker.tell(messages.TransportFailed{Reason: "there is no path to the peer"})
			return
		}
		p.event("hello to %s, %s", e.Attempt.Peer.Short(), p.world.describePath(path))
		l := p.newLine(a.terms, path)
		l.hello = &hello
		l.sayHello(firstRepeat)
		return
	}
	p.event("answers the hello of %s, %s", e.Attempt.Peer.Short(), p.world.describePath(e.Via))
	if l := p.attemptLine(a.id()); l != nil {
		l.answer = &hello
	}
	p.transmit(e.Via, hello)
}

// repeatAnswer answers the same hello with the same bytes.
func (p *process) repeatAnswer(id messages.AttemptID, via messages.Via) {
	if l := p.attemptLine(id); l != nil && l.answer != nil {
		p.transmit(via, *l.answer)
	}
}

// takeHello brings a hello that opens to who decides about it.
func (p *process) takeHello(h helloDatagram, via messages.Via) {
	hello, err := messages.ParseHello([]byte(h.text))
	if err != nil {
		return
	}
	for _, cx := range sortedKeys(p.contextKeys, messages.ContextID.Compare) {
		for _, k := range p.contextKeys[cx] {
			if k.Index == h.index && k.Key == h.key {
				p.manager.tell(messages.HelloReceived{Context: cx, Epoch: k.Epoch, Hello: hello, Hash: h.hash(), Via: via})
				return
			}
		}
	}
	for _, ticket := range sortedKeys(p.ticketKeys, compareTickets) {
		if k := p.ticketKeys[ticket]; k.Index != h.index || k.Hello != h.key {
			continue
		}
		if hello.Kind == messages.HelloInit {
			p.inviter.tell(messages.TicketHello{Ticket: ticket, Hello: hello, Hash: h.hash(), Via: via})
		} else {
			p.joinAnswered(ticket, hello)
		}
		return
	}
}

func (p *process) attempt(id messages.AttemptID) *attempt {
	for _, a := range p.attempts {
		if a.id() == id {
			return a
		}
	}
	return nil
}

func (p *process) tellShaker(id messages.AttemptID, message messages.HandshakerMessage) {
	if a := p.attempt(id); a != nil {
		a.shaker.tell(message)
	}
}

// endAttempt forgets an attempt; its line may live on as a channel.
func (p *process) endAttempt(id messages.AttemptID) {
	if a := p.attempt(id); a != nil {
		a.shaker.end()
		p.attempts = slices.DeleteFunc(p.attempts, func(b *attempt) bool { return a == b })
	}
}

// freeAttempt ends an attempt with all that it holds; what became a channel is
// no longer an attempt.
func (p *process) freeAttempt(id messages.AttemptID) {
	p.endAttempt(id)
	if l := p.attemptLine(id); l != nil && l.record == nil {
		l.close(messages.ReasonClosedHere)
	}
}
