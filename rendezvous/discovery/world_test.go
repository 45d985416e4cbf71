package discovery

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

// world is an inviter, some joiners, a disk, a journal and a network between
// them, on one virtual clock. What is under way stands in a queue; the tests
// choose what comes next, what is lost, and who dies.
type world struct {
	now     time.Time
	anna    membership.Identity
	inviter *Inviter
	joiners []*joiningNode
	queue   []job

	// The disk and the journal of the inviter: they survive it.
	tickets []messages.StoredTicket
	claims  []messages.StoredClaim
	founded messages.ContextFounded
	state   membership.State
	earlier []membership.EpochKey
	ops     map[messages.OperationID]membership.Welcome

	incarnation int
	listening   map[messages.TicketHash]bool
	synced      map[messages.AttemptID]bool
	issued      []messages.Ticket
	refused     []messages.InvitationFailure
	// waits is how many votes the journal misses at first.
	waits int
	trace strings.Builder
}

// joiningNode is one who holds a ticket.
type joiningNode struct {
	name    string
	who     membership.Identity
	joiner  *Joiner
	offline bool
	within  time.Duration
	n       uint64
	adopted bool
	done    int
	failed  []messages.InvitationFailure
}

// job is one thing under way: an effect to perform, or a message to deliver.
type job struct {
	// incarnation of the inviter that it belongs to; zero: to none.
	incarnation int
	node        *joiningNode
	effect      any
	toInviter   messages.InviterMessage
	toJoiner    messages.JoinerMessage
}

var dawn = time.UnixMilli(1_700_000_000_000)

func person(n byte) membership.Identity { return membership.NewIdentity(messages.SecretKey{n}) }

func newWorld(joiners int) *world {
	w := &world{
		now: dawn, anna: person(1), ops: map[messages.OperationID]membership.Welcome{},
		listening: map[messages.TicketHash]bool{}, synced: map[messages.AttemptID]bool{},
	}
	founded, first, err := membership.Found(w.anna, bytes.NewReader(make([]byte, 64)))
	if err != nil {
		panic(err)
	}
	w.founded = founded
	w.state = membership.State{Founder: w.anna.Authority(), Finality: founded.Finality,
		Roster: membership.FoundedRoster(founded), Keys: membership.FoundedKeys(founded, first)}
	for n := range joiners {
		w.joiners = append(w.joiners, &joiningNode{name: []string{"ben", "eve", "joe"}[n], who: person(byte(2 + n))})
	}
	w.restart()
	return w
}

// restart kills the inviter, if there is one, and starts it from the disk.
// What the dead one had asked for may still be done; nobody hears of it.
func (w *world) restart() {
	w.incarnation++
	w.listening = map[messages.TicketHash]bool{}
	for _, node := range w.joiners {
		if node.joiner != nil && node.joiner.attempt.N != 0 {
			w.push(job{node: node, toJoiner: messages.TicketChannelClosed{Attempt: node.joiner.attempt}})
		}
	}
	w.inviter = NewInviter(InviterConfig{Key: w.anna.Public()})
	w.stepInviter(messages.RestoreTickets{Tickets: slices.Clone(w.tickets), Claims: slices.Clone(w.claims)})
}

func (w *world) push(j job) { w.queue = append(w.queue, j) }

func (w *world) say(format string, a ...any) { fmt.Fprintf(&w.trace, format+"\n", a...) }

func name(v any) string { return reflect.TypeOf(v).Name() }

// since is the virtual time since dawn.
func (w *world) since() time.Duration { return w.now.Sub(dawn).Truncate(time.Millisecond) }

func (w *world) stepInviter(m messages.InviterMessage) {
	effects := w.inviter.Step(w.now, m)
	w.say("%8v inviter: %s%s", w.since(), name(m), names(effects))
	for _, e := range effects {
		w.push(job{incarnation: w.incarnation, effect: e})
	}
}

func (w *world) stepJoiner(node *joiningNode, m messages.JoinerMessage) {
	effects := node.joiner.Step(w.now, m)
	w.say("%8v %s: %s%s", w.since(), node.name, name(m), names(effects))
	for _, e := range effects {
		w.push(job{node: node, effect: e})
	}
}

func names[E any](effects []E) string {
	var words []string
	for _, e := range effects {
		word := name(e)
		switch e := any(e).(type) {
		case SendAnswer:
			word += " " + e.Answer.String()
		case JoinWaits:
			word += fmt.Sprintf(" %d of %d", e.Have, e.Need)
		case JoinFailed:
			word += " " + string(e.Failure.Reason)
		case InviteFailed:
			word += " " + string(e.Failure.Reason)
		}
		words = append(words, word)
	}
	if len(words) == 0 {
		return ""
	}
	return " -> " + strings.Join(words, ", ")
}

// invite asks for a ticket with one relay slot and one address.
func (w *world) invite() {
	w.stepInviter(w.request(byte(1 + len(w.tickets))))
}

func (w *world) request(n byte) messages.CreateTicket {
	slot := messages.TicketSlot{
		Endpoint: messages.LinkEndpoint{Protocol: messages.LinkRelayUDP, Address: "127.0.0.1:7342",
			RelayKey: messages.PublicKey{1}, Slot: messages.SlotID{n}},
		Key: messages.SecretKey{n},
	}
	return messages.CreateTicket{
		Request: messages.InviteRequest(n), Context: w.founded.Context(),
		Founder: w.state.Founder, Finality: w.state.Finality, Slots: []messages.TicketSlot{slot},
		Direct: []messages.LinkEndpoint{{Protocol: messages.LinkQUIC, Address: "127.0.0.1:4000"}},
		Secret: messages.SecretKey{n, n},
	}
}

// ticketOf is the ticket that the request makes.
func (w *world) ticketOf(m messages.CreateTicket) messages.Ticket {
	t, failed := NewInviter(InviterConfig{Key: w.anna.Public()}).newTicket(w.now, m)
	if failed != nil {
		panic(failed)
	}
	return t.stored.Ticket
}

func seeded() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

// join lets the node use the ticket.
func (w *world) join(node *joiningNode, ticket messages.Ticket) {
	node.joiner = NewJoiner(JoinerConfig{Identity: node.who, Random: seeded()})
	w.stepJoiner(node, messages.BeginJoin{Ticket: ticket, Within: node.within})
}

// next does the job at that place of the queue.
func (w *world) next(at int) {
	j := w.queue[at]
	w.queue = slices.Delete(w.queue, at, at+1)
	switch {
	case j.toJoiner != nil:
		w.stepJoiner(j.node, j.toJoiner)
	case j.toInviter != nil:
		if j.incarnation == 0 || j.incarnation == w.incarnation {
			w.stepInviter(j.toInviter)
		}
	case j.node != nil:
		w.doForJoiner(j.node, j.effect.(JoinerEffect))
	default:
		w.doForInviter(j.incarnation, j.effect.(InviterEffect))
	}
}

// idle moves the clock to the next deadline of anybody; false: there is none
// before the end.
func (w *world) idle(end time.Time) bool {
	var first time.Time
	sooner := func(t time.Time) {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	sooner(w.inviter.Deadline())
	for _, node := range w.joiners {
		if node.joiner != nil {
			sooner(node.joiner.Deadline())
		}
	}
	if first.IsZero() || first.After(end) {
		return false
	}
	w.now = first
	if d := w.inviter.Deadline(); !d.IsZero() && !d.After(w.now) {
		w.stepInviter(messages.Tick{})
	}
	for _, node := range w.joiners {
		if node.joiner == nil {
			continue
		}
		if d := node.joiner.Deadline(); !d.IsZero() && !d.After(w.now) {
			w.stepJoiner(node, messages.Tick{})
		}
	}
	return true
}

// run does everything in order until nothing is left before the end.
func (w *world) run(end time.Duration) {
	for range 10_000 {
		if len(w.queue) > 0 {
			w.next(0)
		} else if !w.idle(dawn.Add(end)) {
			w.now = dawn.Add(end)
			return
		}
	}
	panic("the world does not come to rest:\n" + w.trace.String())
}
