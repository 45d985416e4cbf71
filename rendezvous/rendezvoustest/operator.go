package rendezvoustest

import (
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/journal"
)

// Times of what hosts do now and then beside writing facts.
const (
	// askAgain is how long a host waits for an answer before it asks again.
	askAgain = time.Second
	// readEvery is how often it reads what was written, rotateEvery how often
	// the founder rotates the keys.
	readEvery   = 2 * time.Second
	rotateEvery = 45 * time.Second
	// removeAt is when the founder takes the last node away; it comes back.
	removeAt = 70 * time.Second
	readMost = 16
)

// operate has the journal do something once, however often it is asked for, as
// long as the process lives.
func (p *process) operate(cx messages.ContextID, ask func(messages.OperationID) messages.JournalMessage, done func(journal.Reply)) {
	var operation messages.OperationID
	p.world.draw(operation[:])
	p.asking[operation] = done
	var again func()
	again = func() {
		if p.asking[operation] != nil {
			p.contexts[cx].store.tell(ask(operation))
			p.after(askAgain, again)
		}
	}
	again()
}

// operated answers who waits for an operation; it reports whether anybody does.
func (p *process) operated(reply journal.Reply) bool {
	done := p.asking[reply.Operation]
	delete(p.asking, reply.Operation)
	if done != nil {
		done(reply)
	}
	return done != nil
}

// operator is what a host does with its context now and then. It lives beside
// the node and outlives its process.
type operator struct {
	// cursor is how far the host has read, known what it has read.
	cursor messages.FactCursor
	known  map[messages.FactID]bool
	read   time.Time
	// rotated is when the founder changed the keys last; changing: it does.
	rotated  time.Time
	changing *process
	removed  bool
}

// administer reads what is new, and lets the founder lead.
func (n *node) administer(cx messages.ContextID) {
	o, now := &n.errands.operator, n.world.now()
	if now.Sub(o.read) >= readEvery {
		o.read = now
		n.process.contexts[cx].store.tell(messages.ReadContent{After: o.cursor, MaxFacts: readMost, MaxBytes: 1 << 20})
	}
	if n == n.world.nodes[0] {
		n.lead(cx)
	}
}

// lead is what the founder does: it rotates the keys, and takes the last node
// away once, until the hosts have rested.
func (n *node) lead(cx messages.ContextID) {
	o, now := &n.errands.operator, n.world.now()
	last := n.world.nodes[len(n.world.nodes)-1]
	if last.errands.joined && !n.process.views[cx].Roster.Has(last.authority()) {
		o.removed = true
		last.errands.joined, last.errands.ticket = false, nil // it hears of it, and asks to be let in again
		return
	}
	if !n.world.busy || n.world.rested || o.changing == n.process {
		return
	}
	if o.rotated.IsZero() {
		o.rotated = now
	}
	switch {
	case !o.removed && now.Sub(n.world.log.began) >= removeAt && last.errands.joined:
		n.change(cx, func(operation messages.OperationID) messages.JournalMessage {
			return messages.RemoveMember{Operation: operation, Member: last.authority()}
		}, func() {})
	case now.Sub(o.rotated) >= rotateEvery:
		n.change(cx, func(operation messages.OperationID) messages.JournalMessage {
			return messages.AdvanceEpoch{Operation: operation}
		}, func() { o.rotated = n.world.now() })
	}
}

// change has the founder's journal advance the epoch.
func (n *node) change(cx messages.ContextID, ask func(messages.OperationID) messages.JournalMessage, done func()) {
	n.errands.operator.changing = n.process
	n.process.operate(cx, ask, func(reply journal.Reply) {
		n.errands.operator.changing = nil
		if reply.Refusal == "" {
			done()
		}
	})
}

// reads checks what the journal gives the host to read: nothing twice, in an
// order that a cursor numbers.
func (n *node) reads(e journal.GiveContent) {
	o := &n.errands.operator
	if e.Failure != "" || e.Next < o.cursor {
		return // it has stopped, or this answers an earlier question
	}
	for at, place := range e.Facts {
		if e.Cursors[at] <= o.cursor {
			continue
		}
		if o.known == nil {
			o.known = map[messages.FactID]bool{}
		}
		if o.known[place.Fact] {
			n.world.Fault("%s: its host reads %s twice", n.name, place.Fact.Short())
		}
		o.known[place.Fact] = true
	}
	o.cursor = e.Next
}
