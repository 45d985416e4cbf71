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

func person(n byte) membership.Identity { return membership.NewIdentity([membership.SeedSize]byte{n}) }

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
		Key: messages.TicketSecret{n},
	}
	return messages.CreateTicket{
		Request: messages.InviteRequest(n), Context: w.founded.Context(),
		Founder: w.state.Founder, Finality: w.state.Finality, Slots: []messages.TicketSlot{slot},
		Direct: []messages.LinkEndpoint{{Protocol: messages.LinkQUIC, Address: "127.0.0.1:4000"}},
		Secret: messages.TicketSecret{n, n},
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

// tell delivers an answer to whom asked for it, if they still live.
func (w *world) tell(incarnation int, m messages.InviterMessage) {
	w.push(job{incarnation: incarnation, toInviter: m})
}

func (w *world) doForInviter(incarnation int, effect InviterEffect) {
	alive := incarnation == w.incarnation
	switch e := effect.(type) {
	case SaveTicket:
		if !slices.ContainsFunc(w.tickets, func(s messages.StoredTicket) bool { return s.Ticket.Hash() == e.Hash }) {
			w.tickets = append(w.tickets, e.Ticket)
		}
		w.tell(incarnation, messages.TicketSaved{Ticket: e.Hash})
	case StoreClaim:
		w.storeClaim(incarnation, e.Claim)
	case AddMember:
		w.addMember(incarnation, e)
	case InstallTicketKeys:
		if alive {
			w.listening[e.Keys.Ticket] = true
		}
	case RegisterSlot:
		w.tell(incarnation, messages.SlotRegistered{Ticket: e.Ticket, Slot: e.Slot.Endpoint.Slot})
	case TicketIssued:
		w.issued = append(w.issued, e.Ticket)
	case InviteFailed:
		w.refused = append(w.refused, e.Failure)
	case ReleaseTicket:
		delete(w.listening, e.Hash)
		w.tickets = slices.DeleteFunc(w.tickets, func(s messages.StoredTicket) bool { return s.Ticket.Hash() == e.Hash })
		w.claims = slices.DeleteFunc(w.claims, func(c messages.StoredClaim) bool { return c.Ticket == e.Hash })
	default:
		if alive {
			w.doOnNetwork(effect)
		}
	}
}

// doOnNetwork performs what needs the inviter's channels, which die with it.
func (w *world) doOnNetwork(effect InviterEffect) {
	switch e := effect.(type) {
	case StartResponder:
		node := w.nodeOf(e.Terms.Peer)
		static, err := membership.NoisePublic(node.who.Public())
		if err != nil {
			panic(err)
		}
		hash := messages.Hash("test handshake", e.Terms.Attempt.Hello[:])
		w.tell(w.incarnation, messages.HandshakeComplete{Attempt: e.Terms.Attempt,
			Result: messages.HandshakeResult{Hash: hash, PeerStatic: static}})
		w.push(job{node: node, toJoiner: messages.HandshakeComplete{Attempt: w.joinersEnd(e.Terms.Attempt),
			Result: messages.HandshakeResult{Hash: hash}}})
	case AllowSync:
		w.synced[e.Attempt] = true
	case SendAnswer:
		w.push(job{node: w.nodeOf(e.Attempt.Peer), toJoiner: messages.AnswerReceived{Attempt: w.joinersEnd(e.Attempt), Answer: e.Answer}})
	case CloseAttempt:
		w.push(job{node: w.nodeOf(e.Attempt.Peer), toJoiner: messages.TicketChannelClosed{Attempt: w.joinersEnd(e.Attempt)}})
	case RepeatResponse:
	}
}

func (w *world) storeClaim(incarnation int, claim messages.StoredClaim) {
	for _, c := range w.claims {
		if c.Ticket == claim.Ticket {
			w.tell(incarnation, messages.ClaimStored(c))
			return
		}
	}
	w.claims = append(w.claims, claim)
	w.tell(incarnation, messages.ClaimStored(claim))
}

func (w *world) addMember(incarnation int, e AddMember) {
	answer := messages.Answer{Kind: messages.AnswerWaiting, Have: 1, Need: 2}
	if w.waits > 0 {
		w.waits--
	} else {
		welcome, done := w.ops[e.Operation]
		if !done {
			welcome = w.advance(e)
			w.ops[e.Operation] = welcome
		}
		answer = messages.Answer{Kind: messages.AnswerWelcome, Welcome: welcome.Append(nil)}
	}
	w.tell(incarnation, messages.ClaimAnswered{Operation: e.Operation, Answer: answer})
}

// advance is the journal: it adds the member and opens the next epoch.
func (w *world) advance(e AddMember) membership.Welcome {
	secret := membership.Secret{byte(len(w.earlier) + 1)}
	member := membership.Member{PublicKey: e.Member, Role: e.Role}
	op, err := membership.AddMember(w.anna.Authority(), w.state, member, secret, nil)
	if err != nil {
		panic(err)
	}
	w.earlier = append(w.earlier, w.state.Keys.Payloads())
	w.state.Roster = w.state.Roster.With(member)
	w.state.Keys = membership.AddedKeys(w.founded.Context(), op, secret)
	welcome, err := membership.NewWelcome(w.founded, w.state.Keys, op.Change, slices.Clone(w.earlier), member.Authority())
	if err != nil {
		panic(err)
	}
	return welcome
}

func (w *world) doForJoiner(node *joiningNode, effect JoinerEffect) {
	switch e := effect.(type) {
	case OpenPath:
		if node.offline {
			w.push(job{node: node, toJoiner: messages.JoinPathFailed{Try: e.Try, Why: "no answer from " + e.Endpoint.Address}})
			return
		}
		node.n++
		w.push(job{node: node, toJoiner: messages.JoinPathReady{Try: e.Try, Via: messages.Via{Session: messages.HopSession{byte(node.n)}}, Boot: 1, N: node.n}})
	case StartInitiator:
		if !w.listening[e.Keys.Ticket] {
			return
		}
		hello := messages.Hello{Kind: messages.HelloInit, Sender: e.Terms.Self, Major: 1,
			Suite: e.Terms.Suite, Boot: e.Terms.Attempt.Boot, N: e.Terms.Attempt.N}
		w.push(job{toInviter: messages.TicketHello{Ticket: e.Keys.Ticket, Hello: hello,
			Hash: messages.HelloHash(messages.Hash("test hello", messages.Encode(hello)))}})
	case SendClaim:
		w.push(job{incarnation: w.incarnation, toInviter: messages.ClaimReceived{Attempt: w.invitersEnd(node, e.Attempt), Claim: e.Claim}})
	case Adopt:
		node.adopted = true
		w.push(job{node: node, toJoiner: messages.JoinAdopted{}})
	case SyncOnce:
		if w.synced[w.invitersEnd(node, e.Attempt)] {
			w.push(job{node: node, toJoiner: messages.JoinSynced{Attempt: e.Attempt}})
		}
	case SendSynced:
		w.push(job{incarnation: w.incarnation, toInviter: messages.SyncedReceived{Attempt: w.invitersEnd(node, e.Attempt)}})
	case CloseAttempt:
		w.push(job{incarnation: w.incarnation, toInviter: messages.TicketChannelClosed{Attempt: w.invitersEnd(node, e.Attempt)}})
	case JoinDone:
		node.done++
	case JoinFailed:
		node.failed = append(node.failed, e.Failure)
	}
}

func (w *world) nodeOf(id messages.AuthorityID) *joiningNode {
	at := slices.IndexFunc(w.joiners, func(n *joiningNode) bool { return n.who.Authority() == id })
	return w.joiners[at]
}

// joinersEnd and invitersEnd turn the name of an attempt at one end into that
// at the other.
func (w *world) joinersEnd(a messages.AttemptID) messages.AttemptID {
	return messages.AttemptID{Peer: w.anna.Authority(), Boot: a.Boot, N: a.N}
}

func (w *world) invitersEnd(node *joiningNode, a messages.AttemptID) messages.AttemptID {
	hello := messages.Hello{Kind: messages.HelloInit, Sender: node.who.Authority(), Major: 1,
		Suite: messages.SuiteAESGCM, Boot: a.Boot, N: a.N}
	return messages.AttemptID{Peer: node.who.Authority(), Boot: a.Boot, N: a.N,
		Hello: messages.HelloHash(messages.Hash("test hello", messages.Encode(hello)))}
}
