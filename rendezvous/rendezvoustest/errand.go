package rendezvoustest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/journal"
)

// Times of errands.
const (
	// errandEvery is how often a host program looks after its errands.
	errandEvery = 250 * time.Millisecond
	// writeEvery is how often it writes a fact, leaveEvery which of them is withdrawn.
	writeEvery = 8 * time.Second
	leaveEvery = 4
)

// errands are what the host program of a node is about in a World without a
// script: to be a member with all others, to write facts until they are
// acknowledged, to send numbers over every channel. A host program lives beside
// its node and outlives the node's process.
type errands struct {
	// A join that has died is begun again, with the same ticket, until one has
	// ended well.
	joined, joining bool
	ticket          *messages.Ticket
	asked           bool
	// writing is the commit that is not acknowledged yet. Now and then its caller has
	// left: then it is withdrawn, until that is answered.
	writing *messages.Commit
	left    bool
	written time.Time
	facts   int
	operator
}

// Errands lets the hosts of all nodes go about their errands: the first node
// founds a context, the others join it.
func (w *World) Errands() {
	w.busy = true
	for _, n := range w.nodes {
		n.errand()
	}
}

// Rest lets the hosts begin nothing new: what they have begun they finish.
func (w *World) Rest() { w.busy, w.rested = false, true }

// errand looks after what the host of a node wants, now and from time to time.
func (n *node) errand() {
	n.world.after(errandEvery, n.errand)
	if n.process == nil {
		return
	}
	cx, member := n.membership()
	switch first := n == n.world.nodes[0]; {
	case first && !member:
		n.found()
	case !first && !n.errands.joined:
		n.seekMembership()
	}
	if member {
		n.writeFact(cx)
		n.administer(cx)
		n.process.sendNumbers(cx)
	}
}

// membership is the context of which the node is a member, if it is.
func (n *node) membership() (messages.ContextID, bool) {
	for cx, view := range n.process.views {
		if view.Roster.Has(n.authority()) {
			return cx, true
		}
	}
	return messages.ContextID{}, false
}

func (n *node) found() {
	if len(n.disk.journals) > 0 {
		return // it is being read
	}
	cx, records, err := journal.Found(n.identity, n.world.entropy, messages.MillisOf(n.world.now()))
	if err != nil {
		n.world.Fault("%s cannot found a context: %v", n.name, err)
		return
	}
	n.world.names.nameContext(cx, "home")
	n.process.createContext(cx, records, true)
}

// seekMembership asks the first node for a ticket, as a person would, and joins
// with it, again and again.
func (n *node) seekMembership() {
	e, inviter := &n.errands, n.world.nodes[0]
	switch {
	case e.joining || e.asked:
	case e.ticket == nil && inviter.process != nil:
		cx, member := inviter.membership()
		if !member {
			return
		}
		e.asked = true
		n.world.after(patience, func() { e.asked = false })
		inviter.process.invite(cx, func(ticket messages.Ticket, err error) {
			if err == nil {
				e.ticket = &ticket
			}
			e.asked = false
		})
	case e.ticket != nil:
		e.joining = true
		asked := n.process
		n.process.join(*e.ticket, func(err error) {
			e.joining, e.joined = false, err == nil
			var failure messages.InvitationFailure
			if errors.As(err, &failure) {
				e.ticket = nil // it is worth nothing any more
			}
		})
		n.world.after(2*messages.JoinWithin, func() {
			if asked != n.process {
				e.joining = false // who joined is gone
			}
		})
	}
}

// writeFact writes a fact now and then, and asks for it again until it is
// acknowledged, or withdraws it at once.
func (n *node) writeFact(cx messages.ContextID) {
	e := &n.errands
	if e.writing == nil {
		if !n.world.busy || n.world.now().Sub(e.written) < writeEvery {
			return
		}
		e.facts++
		e.written = n.world.now()
		body := fmt.Appendf(nil, "%s writes %d", n.name, e.facts)
		e.writing = &messages.Commit{Facts: []messages.RendezvousFact{messages.ApplicationFact{Type: messages.FactApplication, Body: body}}}
		n.world.draw(e.writing.Operation[:])
		e.left = false
	}
	if !e.left {
		n.process.commit(cx, *e.writing, "")
	}
	if e.facts%leaveEvery == 0 {
		e.left = true
		n.process.contexts[cx].store.tell(messages.Withdraw{Operation: e.writing.Operation})
	}
}

// committed tells the host what became of an operation.
func (n *node) committed(reply journal.Reply) {
	if w := n.errands.writing; w != nil && w.Operation == reply.Operation {
		n.errands.writing = nil
	}
}

// counting is how far the numbers of one end of a line have come: every stream
// byte arrives once and in order.
type counting struct {
	stream      streamID
	sent, heard uint64
}

// sendNumbers sends the next number over every channel of a context.
func (p *process) sendNumbers(cx messages.ContextID) {
	for _, pair := range p.pairsOf(cx) {
		l := p.channelOf(pair)
		if !p.world.busy || l == nil || l.record.Draining {
			continue
		}
		if l.count.stream == (streamID{}) {
			l.count.stream = l.openStream(protocolCount)
		}
		l.count.sent++
		l.flow.push(streamBytes{l.count.stream, string(binary.BigEndian.AppendUint64(nil, l.count.sent))})
	}
}

// hearNumber takes the next number of the peer.
func (l *line) hearNumber(bytes string) {
	l.count.heard++
	if number := binary.BigEndian.Uint64([]byte(bytes)); number != l.count.heard {
		l.process.world.Fault("%s: number %d came from %s where %d was due", l.process.name, number, l.record.Peer.Short(), l.count.heard)
	}
}
