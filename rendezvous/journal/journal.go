package journal

import (
	"io"
	"slices"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

// Bounds of the Journal's queues and batches.
const (
	// maxBatchMessages and maxBatchBytes end a batch; the rest waits for the
	// next one.
	maxBatchMessages = 1024
	maxBatchBytes    = 4 << 20
	// signAhead is how many facts of a batch that is being formed are signed at
	// once.
	signAhead = 16
	// maxHeld is how many commits wait for the first sync.
	maxHeld = 256
)

// WaitForPeer is how long after its start a node waits for a peer before it
// writes in a context with other members (SPEC 3.1).
const WaitForPeer = 5 * time.Second

// Config is what a Journal is made with.
type Config struct {
	// Identity is the local authority. It signs our facts and opens the epoch
	// secrets that are wrapped for us.
	Identity membership.Identity
	// Random is a cryptographic source: nonces and epoch secrets.
	Random io.Reader
	Limits Limits
	// WriteAfter is the start of the process plus WaitForPeer, the same for
	// every incarnation of the actor.
	WriteAfter time.Time
	// Claims are what SaveClaims gave out last in this process; zero: nothing.
	Claims Claims
	// Parallel calls do for 0 … n−1, in any order and perhaps at once, and
	// returns when all are done; nil: one after the other.
	Parallel func(n int, do func(at int))
}

// complete fills in what was left out.
func (c Config) complete() Config {
	if c.Parallel == nil {
		c.Parallel = func(n int, do func(int)) {
			for at := range n {
				do(at)
			}
		}
	}
	return c
}

// Journal is the machine of one context's journal, its only writer. It is not
// safe for concurrent use.
//
// What comes in while a Write is under way becomes the next batch (group commit
// without timers): commits are done on arrival, everything else waits for the
// Write to end. Nothing of a batch is acknowledged, published or served before
// its own Written. A Write that fails, and a read, stops the journal for good
// (SPEC 3.5).
//
// After Load, one Step with a Tick publishes what the disk says.
type Journal struct {
	config Config
	set    *set
	book   *book
	done   *operations
	aside  *aside
	index  index

	queue []queued
	// held are commits that wait until our chain may be written.
	held []messages.JournalMessage
	// waiting are the operations that are not answered yet.
	waiting map[messages.OperationID]bool
	// flight is the batch whose Write is under way; nil: none. next is the one
	// that is formed meanwhile: what it adds is in the set, not on disk.
	flight, next *batch
	last         messages.Batch
	pen          pen
	// reading is set while facts are read for an errand.
	reading bool
	// told are the authors of whose forks the host knows; nil: nothing was
	// published yet.
	told map[messages.AuthorityID]bool
	// changed: the view is not the one that was published last.
	changed bool
	// failed says why the journal has stopped; empty: it runs.
	failed string
}

// queued is an event that waits for its batch; candidates are the facts of an
// OfferFacts.
type queued struct {
	event      messages.JournalMessage
	candidates []candidate
}

// Step takes in one event and says what to do.
func (j *Journal) Step(now time.Time, event messages.JournalMessage) []Effect {
	effects := j.step(now, event)
	if save := j.pen.claims.save(); save != nil {
		return append(save, effects...)
	}
	return effects
}

func (j *Journal) step(now time.Time, event messages.JournalMessage) []Effect {
	var effects []Effect
	switch e := event.(type) {
	case messages.Written:
		effects = j.written(now, e)
	case messages.PeerHolds:
		j.changed = j.pen.claims.show(now, e, j.own().head) || j.changed
	case messages.FactsRead:
		if e.Failure != "" {
			effects = j.stop("facts cannot be read: " + e.Failure)
		} else {
			j.queue = append(j.queue, queued{event: event})
		}
	case messages.OfferFacts:
		j.queue = append(j.queue, queued{event: event, candidates: j.arrive(e)})
	case messages.Withdraw:
		effects = j.withdraw(e.Operation)
	case messages.Tick:
	case messages.Commit:
		if j.mayForm() {
			j.form(now, e)
		} else {
			j.enqueue(event)
		}
	default:
		j.enqueue(event)
	}
	j.look(now)
	switch {
	case j.failed != "":
		return append(effects, j.refuseAll()...)
	case j.flight != nil:
		return effects
	case j.next != nil:
		b := j.next
		j.next = nil
		sent := j.send(now, b)
		if j.flight != nil {
			return append(sent, effects...) // the disk does not wait for answers
		}
		effects = append(effects, sent...)
	}
	return append(effects, j.drain(now)...)
}

// enqueue has an event wait for the next batch.
func (j *Journal) enqueue(event messages.JournalMessage) {
	if j.isNews(event) {
		j.queue = append(j.queue, queued{event: event})
	}
}

// isNews reports whether an event is to be done. Who asks for an operation asks
// again until it is answered: what waits already does not wait twice.
func (j *Journal) isNews(event messages.JournalMessage) bool {
	operation, asks := operationOf(event)
	if asks && j.waiting[operation] {
		return false
	}
	if asks {
		j.waiting[operation] = true
	}
	return true
}

// Deadline is when the Journal wants a Tick: when a fact is no longer too
// early, or when our chain need wait for a peer no longer.
func (j *Journal) Deadline() time.Time {
	if j.flight != nil || j.failed != "" {
		return time.Time{}
	}
	due := j.aside.due()
	if free := j.pen.due; !free.IsZero() && (due.IsZero() || free.Before(due)) {
		due = free
	}
	return due
}

// drain turns what is queued into one batch.
func (j *Journal) drain(now time.Time) []Effect {
	effects := j.reads()
	b := &batch{}
	millis := messages.MillisOf(now)
	due := j.aside.takeDue(millis)
	j.examine(due)
	j.offer(millis, messages.AuthorityID{}, due, b)
	j.queue = append(j.unhold(now), j.queue...)
	taken := 0
	for taken < len(j.queue) && taken < maxBatchMessages && b.bytes < maxBatchBytes {
		j.take(now, j.queue[taken], b)
		taken++
	}
	j.queue = append([]queued(nil), j.queue[taken:]...)
	if len(b.records) == 0 {
		j.look(now) // a Step follows a Write, and looks then
	}
	effects = append(effects, j.send(now, b)...)
	if j.flight == nil && taken > 0 && len(j.queue) > 0 {
		effects = append(effects, j.drain(now)...)
	}
	return effects
}

// take handles one message of the queue.
func (j *Journal) take(now time.Time, next queued, b *batch) {
	if operation, asks := operationOf(next.event); asks && j.hasToWait(now, next.event, operation) {
		return
	}
	switch e := next.event.(type) {
	case messages.Commit:
		j.commit(messages.MillisOf(now), e, b)
	case messages.AddMember:
		j.addMember(messages.MillisOf(now), e, b)
	case messages.RemoveMember:
		j.changeEpoch(messages.MillisOf(now), e.Operation, messages.MemberRemoved{Member: e.Member}, b)
	case messages.AdvanceEpoch:
		j.changeEpoch(messages.MillisOf(now), e.Operation, messages.EpochAdvanced{}, b)
	case messages.OfferFacts:
		j.offerFrom(messages.MillisOf(now), e, next.candidates, b)
	case messages.FactsRead:
		j.errand(now, e, b)
	case messages.GiveKeys:
		j.giveKeys(messages.MillisOf(now), e, b)
	case messages.ReadRanges, messages.CompareRanges, messages.ReadContent, messages.PeerHolds, messages.Withdraw, messages.Written, messages.Tick:
		// Handled before: reads in front of the batch, the others on arrival.
	}
}

// hasToWait reports whether what is asked for cannot be done yet, because our
// chain may not be written. It is held until it may. What finds no room is
// forgotten: it is asked for again.
func (j *Journal) hasToWait(now time.Time, event messages.JournalMessage, operation messages.OperationID) bool {
	switch {
	case j.mayDo(now, event) || j.done.has(operation):
		return false
	case len(j.held) < maxHeld:
		j.held = append(j.held, event)
	default:
		delete(j.waiting, operation)
	}
	return true
}

// unhold are the commits that waited and need not wait any more.
func (j *Journal) unhold(now time.Time) (free []queued) {
	j.held = slices.DeleteFunc(j.held, func(event messages.JournalMessage) bool {
		may := j.mayDo(now, event)
		if may {
			free = append(free, queued{event: event})
		}
		return may
	})
	return free
}

// View is what the facts, the ledger and the peers say; who drives the journal gets
// the same from Publish.
func (j *Journal) View() *rendezvous.View {
	view := j.set.view()
	view.Ledger, view.MayWrite = j.book.share(), j.pen.mayWrite
	j.pen.claims.cover(view.Covered, j.own().head)
	return view
}

// refuseAll answers everything that waits after the journal has stopped.
func (j *Journal) refuseAll() []Effect {
	var effects []Effect
	if j.next != nil {
		effects = j.refuse(j.next)
		j.next = nil
	}
	for _, event := range j.held {
		j.queue = append(j.queue, queued{event: event})
	}
	for _, waiting := range j.queue {
		if operation, asks := operationOf(waiting.event); asks {
			effects = append(effects, Reply{Operation: operation, Refusal: j.failed})
			continue
		}
		switch e := waiting.event.(type) {
		case messages.OfferFacts:
			effects = append(effects, TellSync{messages.FactsOffered{Session: e.Session, Peer: e.From, Failure: j.failed}})
		case messages.ReadRanges:
			effects = append(effects, TellSync{messages.FactsRead{Session: e.Session, Failure: j.failed}})
		case messages.ReadContent:
			effects = append(effects, GiveContent{Request: e.Request, Failure: j.failed})
		case messages.CompareRanges:
			effects = append(effects, TellSync{messages.RangesCompared{Session: e.Session, Peer: e.Peer, Failure: j.failed}})
		}
	}
	j.queue, j.held = nil, nil
	clear(j.waiting)
	if j.flight != nil { // a read has failed, and what is being written may yet be done
		for _, operation := range j.flight.operations {
			j.waiting[operation] = true
		}
	}
	return effects
}
