package actors

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/waymeet/waymeet/actors/tree"
	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/channel"
	"github.com/waymeet/waymeet/rendezvous/discovery"
	"github.com/waymeet/waymeet/rendezvous/journal"
	"github.com/waymeet/waymeet/supervision"
	"github.com/waymeet/waymeet/transport/mux"
)

type joinerContext = supervision.Context[messages.JoinerMessage]

// joins are the joins that go on, by ticket.
type joins struct {
	mu      sync.Mutex
	running map[messages.TicketHash]*join
	// begun counts them all, so that each has a name of its own: the actor of one
	// that is over may still be stopping when the next with its ticket begins.
	begun uint64
}

// join is one join: where its attempts lead, and which attempt is the last.
type join struct {
	ticket messages.Ticket
	hash   messages.TicketHash
	name   string
	// attempt is the newest one.
	attempt messages.AttemptID
	try     messages.JoinTry
	// gone is set once the join is over: its actor may still be stopping, and
	// begins nothing any more.
	gone bool
}

func (n *Node) atJoin(j *join) string { return tree.AtJoin(j.name) }

// isGone reports whether a join is over: what it used is freed, and may be used by
// the next one with its ticket.
func (t *joins) isGone(j *join) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return j.gone
}

// begin enters a join; it refuses a second one with the same ticket.
func (t *joins) begin(ticket messages.Ticket) (*join, bool) {
	j := &join{ticket: ticket, hash: ticket.Hash()}
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, exists := t.running[j.hash]; exists {
		return nil, false
	}
	t.begun++
	j.name = fmt.Sprintf("%x-%d", j.hash[:8], t.begun)
	if t.running == nil {
		t.running = make(map[messages.TicketHash]*join)
	}
	t.running[j.hash] = j
	return j, true
}

// joinWithin is how long a join may take: a little less than its caller waits,
// so that it ends with its own reason. Zero: as long as joins do.
func joinWithin(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return 0
	}
	left := time.Until(deadline)
	return left - min(left/10, time.Second)
}

// spawnJoin starts the actor of one join.
func (n *Node) spawnJoin(j *join, within time.Duration) error {
	return tree.SpawnJoin(n.tree(), j.name, func() supervision.Actor[messages.JoinerMessage] {
		return supervision.Host[messages.JoinerMessage, discovery.JoinerEffect]{
			New: func(*joinerContext) (supervision.Machine[messages.JoinerMessage, discovery.JoinerEffect], error) {
				return discovery.NewJoiner(discovery.JoinerConfig{
					Identity: n.identity, Suite: mux.PreferredSuite(), Random: n.jitter(),
				}), nil
			},
			Perform: func(c *joinerContext, effect discovery.JoinerEffect) { n.performJoin(c, j, effect) },
			Tick:    messages.Tick{},
			First:   []messages.JoinerMessage{messages.BeginJoin{Ticket: j.ticket, Within: within}},
		}.Actor()
	})
}

func (n *Node) performJoin(c *joinerContext, j *join, effect discovery.JoinerEffect) {
	switch e := effect.(type) {
	case discovery.OpenPath:
		n.openJoinPath(j, e)
	case discovery.ClosePath:
		n.leaveJoinPath(j)
	case discovery.StartInitiator:
		n.startJoinHandshake(c, j, e)
	case discovery.SendClaim:
		c.Task("claim", func(ctx context.Context, emit func(messages.JoinerMessage)) {
			n.makeClaim(ctx, e.Attempt, e.Claim, emit)
		})
	case discovery.Adopt:
		c.Task("adopt", func(ctx context.Context, emit func(messages.JoinerMessage)) { emit(n.adopt(ctx, e)) })
	case discovery.SyncOnce:
		n.allowSync(e.Attempt, e.Context, e.Inviter)
		c.Task("sync", func(ctx context.Context, emit func(messages.JoinerMessage)) {
			if n.awaitJoined(ctx, e) == nil {
				emit(messages.JoinSynced{Attempt: e.Attempt})
			}
		})
	case discovery.SendSynced:
		n.sendClaim(e.Attempt, messages.Synced{})
	case discovery.CloseAttempt:
		n.closeTicketAttempt(e.Attempt)
		n.leaveJoinPath(j)
	case discovery.JoinWaits:
		n.log.Info("join waits for votes", "have", e.Have, "need", e.Need)
	case discovery.JoinDone:
		n.answerJoin(j, joinResult{context: e.Context, inviter: e.Inviter})
	case discovery.JoinFailed:
		n.answerJoin(j, joinResult{err: e.Failure})
	}
}

// openJoinPath gets a way to the inviter: a relay session, or its address.
func (n *Node) openJoinPath(j *join, e discovery.OpenPath) {
	n.joins.mu.Lock()
	j.try = e.Try
	gone := j.gone
	n.joins.mu.Unlock()
	if gone {
		return
	}
	sessions := joinSessions{n: n, join: j, try: e.Try}
	if e.Endpoint.Protocol.IsRelay() {
		n.dialSlot(relayScope(j.hash), e.Endpoint, sessions)
		return
	}
	addr, ok := e.Endpoint.AddrPort()
	if !ok {
		sessions.sessionFailed(e.Endpoint, "it is no address")
		return
	}
	sessions.sessionReady(e.Endpoint, messages.Path{Kind: messages.PathDirect, Addr: addr})
}

// answerJoin answers whoever waits for that join.
func (n *Node) answerJoin(j *join, result joinResult) {
	if !n.joins.isGone(j) {
		n.joinResults.answer(j.hash, result)
	}
}

// leaveJoinPath gives the way to the inviter up.
func (n *Node) leaveJoinPath(j *join) {
	if !n.joins.isGone(j) {
		n.leaveRelays(relayScope(j.hash))
	}
}

// joinSessions brings the path of one try to its join.
type joinSessions struct {
	n    *Node
	join *join
	try  messages.JoinTry
}

func (s joinSessions) sessionReady(_ messages.LinkEndpoint, path messages.Path) {
	tell[messages.JoinerMessage](s.n, s.n.atJoin(s.join), messages.JoinPathReady{
		Try: s.try, Via: path, Boot: s.n.boot, N: s.n.nextAttempt(),
	})
}

func (s joinSessions) sessionFailed(_ messages.LinkEndpoint, why string) {
	tell[messages.JoinerMessage](s.n, s.n.atJoin(s.join), messages.JoinPathFailed{Try: s.try, Why: why})
}

func (s joinSessions) sessionLost(_ messages.Path, why string) {
	s.sessionFailed(messages.LinkEndpoint{}, why)
}

func (n *Node) startJoinHandshake(c *joinerContext, j *join, e discovery.StartInitiator) {
	id := e.Terms.Attempt
	n.joins.mu.Lock()
	j.attempt = id
	n.joins.mu.Unlock()
	n.hellos.setTicket(n.socket, e.Keys)
	defer func() {
		if n.joins.isGone(j) { // it ended meanwhile, and did not see this attempt
			n.hellos.dropTicket(n.socket, j.hash)
			n.closeTicketAttempt(id)
		}
	}()
	n.spawnHandshaker(attemptEntry{terms: e.Terms, datagramKey: e.Keys.Attempt, owner: joinOwner{n, j}},
		func(index messages.KeyIndex) messages.HandshakerMessage {
			terms := e.Terms
			terms.ReceiveIndex = index
			return messages.InitiateHandshake{Terms: terms}
		})
	c.Monitor(tree.AtHandshake(id), func(down supervision.Down) messages.JoinerMessage {
		if down.Reason.Reason.Failure() {
			return messages.HandshakerDown{Attempt: id, Failure: messages.FailCrashed}
		}
		return messages.Tick{}
	})
}

// joinOwner makes a line of the ticket's handshake, then tells the join.
type joinOwner struct {
	n    *Node
	join *join
}

func (o joinOwner) handshakeComplete(m messages.HandshakeComplete) {
	o.n.adoptTicketLine(m)
	tell[messages.JoinerMessage](o.n, o.n.atJoin(o.join), m)
}

func (o joinOwner) handshakerDown(m messages.HandshakerDown) {
	tell[messages.JoinerMessage](o.n, o.n.atJoin(o.join), m)
}

// joinAnswered brings message 2 under a ticket to the handshaker that waits.
func (n *Node) joinAnswered(ticket messages.TicketHash, hello messages.Hello) {
	n.joins.mu.Lock()
	j := n.joins.running[ticket]
	var id messages.AttemptID
	if j != nil {
		id = j.attempt
	}
	n.joins.mu.Unlock()
	if j != nil && id.Boot == hello.Boot && id.N == hello.N {
		n.tellHandshaker(id, messages.HandshakeAnswered{Hello: hello})
	}
}

// tellJoin tells the join whose newest attempt that is.
func (n *Node) tellJoin(id messages.AttemptID, m messages.JoinerMessage) {
	n.joins.mu.Lock()
	defer n.joins.mu.Unlock()
	for _, j := range n.joins.running {
		if j.attempt == id {
			tell(n, n.atJoin(j), m)
		}
	}
}

// joinOver answers for a join whose actor is no more, if it has not answered
// itself: it is not started again.
func (n *Node) joinOver(path string) {
	n.joins.mu.Lock()
	defer n.joins.mu.Unlock()
	for hash, j := range n.joins.running {
		if n.atJoin(j) == path {
			n.joinResults.answer(hash, joinResult{err: n.joinDied()})
		}
	}
}

// joinDied says why an actor of a join is no more: with its node, and for the reason
// that the node has, or by itself.
func (n *Node) joinDied() error {
	problem := messages.Problem{
		Code: messages.ExitFailed, What: "the join failed", Whose: "its actor died on this node",
		Hint: "use the same ticket again",
	}
	if cause := n.Err(); cause != nil {
		problem.Whose = "this node has stopped: " + cause.Error()
		var known messages.Problem
		if errors.As(cause, &known) {
			problem.Whose, problem.Hint = known.What+": "+known.Whose, known.Hint
		}
		return because{problem, ErrStopped}
	}
	if n.stopping.Load() {
		return ErrStopped
	}
	return problem
}

// endJoin forgets a join and all that it used.
func (n *Node) endJoin(hash messages.TicketHash) {
	n.joins.mu.Lock()
	j := n.joins.running[hash]
	delete(n.joins.running, hash)
	var attempt messages.AttemptID
	if j != nil {
		j.gone, attempt = true, j.attempt
	}
	n.joins.mu.Unlock()
	if j == nil {
		return
	}
	_ = n.tree().StopChild(n.atJoin(j)) // it may have ended by itself
	if attempt != (messages.AttemptID{}) {
		n.closeTicketAttempt(attempt)
	}
	if j.ticket.Inviter == n.identity.Public() {
		return // a ticket of our own: its keys and slots are the inviter's
	}
	n.hellos.dropTicket(n.socket, hash)
	n.leaveRelays(relayScope(hash))
}

// adopt makes the journal of the context here. One that is there already is
// given the keys of the welcome: this node was removed, and comes back. The own
// descriptor follows with the first sync, which brings the roster that this node
// is in.
func (n *Node) adopt(ctx context.Context, e discovery.Adopt) messages.JoinerMessage {
	cx := e.Ticket.Context
	records := journal.Join(e.Welcome, e.Secret)
	if _, err := n.createContext(cx, records); err != nil {
		return messages.JoinNotAdopted{Why: err.Error()}
	}
	if err := n.changed.await(ctx, func() bool { return n.views.View(cx) != nil }); err != nil {
		return messages.JoinNotAdopted{Why: "the journal did not come up"}
	}
	if _, err := n.operate(ctx, cx, "cannot take in the keys", func(operation messages.OperationID) messages.JournalMessage {
		return messages.GiveKeys{Operation: operation, Records: records}
	}); err != nil {
		return messages.JoinNotAdopted{Why: err.Error()}
	}
	return messages.JoinAdopted{}
}

// awaitJoined waits until our descriptor of the open epoch is in the journal,
// and the inviter holds all that we hold: from then on any member can call us.
func (n *Node) awaitJoined(ctx context.Context, e discovery.SyncOnce) error {
	inviter := channel.Pair{Context: e.Context, Peer: e.Inviter}
	return n.changed.await(ctx, func() bool {
		view := n.views.View(inviter.Context)
		if view == nil || e.Epoch.After(view.Epoch) {
			return false
		}
		own, published := view.Descriptors[view.Self]
		equal, _ := n.lastEqual.Load(inviter)
		return published && own.Epoch == view.Epoch && equal == view.Fingerprint
	})
}
