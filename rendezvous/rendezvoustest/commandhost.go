package rendezvoustest

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous"
	"github.com/waymeet/waymeet/rendezvous/journal"
)

// patience is how long a command that waits for an answer does so; it asks up
// to tries times, as a person would.
const (
	patience = 30 * time.Second
	tries    = 3
)

func (w *World) cmdFound(args []string) error {
	n, err := w.running(args[0])
	if err != nil {
		return err
	}
	cx, records, err := journal.Found(n.identity, w.entropy, messages.MillisOf(w.now()))
	if err != nil {
		return err
	}
	w.names.nameContext(cx, args[1])
	n.process.createContext(cx, records, true)
	return w.settle()
}

// cmdInvite asks for a ticket, and again if the inviter has died meanwhile.
func (w *World) cmdInvite(args []string) error {
	n, err := w.running(args[0])
	if err != nil {
		return err
	}
	cx, err := w.context(args[1])
	if err != nil {
		return err
	}
	for range tries {
		answered := false
		n.process.invite(cx, func(ticket messages.Ticket, failure error) {
			answered = true
			if failure != nil {
				n.event("no ticket: %v", failure)
				return
			}
			w.tickets = append(w.tickets, ticket)
			n.event("ticket %d, good until %s: %s", len(w.tickets), ticket.Expires.Time().UTC().Format(time.TimeOnly), w.describeEndpoints(ticket.Endpoints))
		})
		if w.pass(patience, func() bool { return answered }) {
			return nil
		}
	}
	return errors.New("the inviter does not answer")
}

// cmdJoin joins, and again with the same ticket if the join has died.
func (w *World) cmdJoin(args []string) error {
	n, err := w.running(args[0])
	if err != nil {
		return err
	}
	number, err := strconv.Atoi(args[1])
	if err != nil || number < 1 || number > len(w.tickets) {
		return fmt.Errorf("there is no ticket %s", args[1])
	}
	ticket := w.tickets[number-1]
	if len(args) == 3 {
		ticket.Secret[0] ^= 1
	}
	for range tries {
		ended := false
		var failure error
		n.process.join(ticket, func(err error) { ended, failure = true, err })
		if !w.pass(2*messages.JoinWithin, func() bool { return ended }) {
			return errors.New("the join never ends")
		}
		switch {
		case failure == nil:
			n.event("has joined %s", ticket.Context.Short())
			return nil
		case !errors.Is(failure, errJoinDied):
			n.event("has not joined: %s", failureText(failure))
			return nil
		}
	}
	return errJoinDied
}

func failureText(err error) string {
	var failure messages.InvitationFailure
	if errors.As(err, &failure) {
		return fmt.Sprintf("%s: %s", failure.Reason, failure.What)
	}
	return err.Error()
}

func (w *World) cmdShow(args []string) error {
	for _, name := range args[1:] {
		n, err := w.running(name)
		if err != nil {
			return err
		}
		switch args[0] {
		case "journal":
			n.showJournal()
		case "peers":
			n.showPeers()
		default:
			return fmt.Errorf("there is no %s to show: journal or peers", args[0])
		}
	}
	return nil
}

func (w *World) cmdSent(args []string) error {
	n := w.node(args[0])
	if n == nil || w.node(args[1]) == nil {
		return fmt.Errorf("there are no two nodes %s and %s", args[0], args[1])
	}
	n.showSent(args[1])
	return nil
}

// cmdSay sends a word over a stream of the channel.
func (w *World) cmdSay(args []string) error {
	p, cx, id, err := w.peer(args)
	if err != nil {
		return err
	}
	p.say(cx, id, args[2])
	return w.settle()
}

// cmdWrite appends a fact of the host's own.
func (w *World) cmdWrite(args []string) error {
	n, err := w.running(args[0])
	if err != nil {
		return err
	}
	for _, cx := range sortedKeys(n.process.contexts, messages.ContextID.Compare) {
		commit := messages.Commit{Facts: []messages.RendezvousFact{messages.ApplicationFact{Type: messages.FactApplication, Body: []byte(args[1])}}}
		w.draw(commit.Operation[:])
		n.process.commit(cx, commit, "")
	}
	return w.settle()
}

// cmdRevoke takes back the node's newest descriptor.
func (w *World) cmdRevoke(args []string) error {
	n, err := w.running(args[0])
	if err != nil {
		return err
	}
	for _, cx := range sortedKeys(n.process.contexts, messages.ContextID.Compare) {
		view := n.process.views[cx]
		nonce := view.Descriptors[view.Self].Descriptor.Nonce
		snapshot := n.service.Snapshot(view, view.Self, messages.MillisOf(w.now()))
		outcome := n.service.PrepareRevokeDescriptor(snapshot, view, nonce)
		if !outcome.Decision.Allowed() {
			n.event("revokes nothing: %s", outcome.Decision)
			continue
		}
		n.process.commit(cx, outcome.Commit(rendezvous.RevokeOperation(cx, nonce)), "")
	}
	return w.settle()
}

// cmdMayCall asks the rules, which send nothing, whether a peer may be called
// through a relay now.
func (w *World) cmdMayCall(args []string) error {
	p, cx, id, err := w.peer(args)
	if err != nil {
		return err
	}
	view := p.views[cx]
	snapshot := p.service.Snapshot(view, id, messages.MillisOf(w.now()))
	outcome, _ := p.service.PrepareEstablishChannel(snapshot, view, id, messages.PathRelay)
	w.log.print("%s to %s: %s", args[0], args[1], outcome.Decision)
	return nil
}
