package supervision

import (
	"errors"
	"sync"

	"github.com/asynkron/protoactor-go/actor"
)

// errShut: the mailbox takes no messages of users any more.
var errShut = errors.New("supervision: mailbox is shut")

// mailbox is the protoactor mailbox of a cell: two first-in first-out lanes,
// the control lane first. protoactor's own mailboxes spin or drop when full,
// and hand what waits to nobody.
//
// Invariant: running is true exactly while run is scheduled or executing, so at
// most one message is handled at a time.
type mailbox struct {
	cell    *cell
	invoker actor.MessageInvoker
	runner  func() // m.run, made once

	mu        sync.Mutex
	control   queue[any] // orders of ours, and system messages of protoactor
	user      lane
	held      bool // no life: the user lane waits
	suspended bool // on purpose: the user lane waits
	shut      bool // the user lane takes nothing
	closed    bool // nothing is taken
	running   bool // see the invariant
	recorder  recorder
	room      chan struct{} // closed at the next pop; nil when nobody waits
}

// offer puts a message into the user lane, and returns what lane.offer does.
func (m *mailbox) offer(e envelope) (v verdict, first bool) {
	m.mu.Lock()
	if m.shut {
		m.mu.Unlock()
		return refusal, false
	}
	v, first = m.user.offer(e, m.cell.child.mailbox)
	m.unlockAndSchedule(!m.held && !m.suspended)
	return v, first
}

// waitRoom returns a channel that is closed when there may be room.
func (m *mailbox) waitRoom() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.user.queue.n < m.cell.child.mailbox || m.shut {
		now := make(chan struct{})
		close(now)
		return now
	}
	if m.room == nil {
		m.room = make(chan struct{})
	}
	return m.room
}

// post appends an order to the control lane.
func (m *mailbox) post(c control) { m.PostSystemMessage(c) }

// hold and release say whether the user lane is served: not between lives.
func (m *mailbox) hold() {
	m.mu.Lock()
	m.held = true
	m.mu.Unlock()
}

func (m *mailbox) release() {
	m.mu.Lock()
	m.held = false
	m.unlockAndSchedule(m.user.queue.n > 0 && !m.suspended)
}

// suspend says whether the user lane waits on purpose: at once, also when the
// actor is busy. The actor hears of it in the same order, for its timer's sake.
func (m *mailbox) suspend(on bool) {
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return
	}
	m.suspended = on
	m.control.push(pause{on})
	m.unlockAndSchedule(true)
}

// shutUser refuses messages of users from now on, and returns those that wait.
func (m *mailbox) shutUser() lane {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.shut = true
	waiting := m.user
	m.user = lane{}
	m.wakeRoom()
	return waiting
}

// adopt takes over what waits in the mailbox of a predecessor, which is shut by
// it, and what its flight recorder kept; for a mailbox that nobody knows yet.
func (m *mailbox) adopt(old *mailbox) {
	waiting := old.shutUser()
	old.mu.Lock()
	suspended, recorder := old.suspended, old.recorder.copy()
	old.mu.Unlock()
	m.mu.Lock()
	m.user, m.recorder = waiting, recorder
	m.mu.Unlock()
	if suspended {
		m.suspend(true)
	}
}

// close ends the mailbox with its actor.
func (m *mailbox) close() {
	m.shutUser()
	m.mu.Lock()
	m.closed = true
	m.control = queue[any]{}
	m.mu.Unlock()
}

// depth is how many messages of users wait.
func (m *mailbox) depth() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.user.queue.n
}

// record notes a step that is not a message of the user lane.
func (m *mailbox) record(phase Phase, subject any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.recorder.note(m.cell.tree, phase, subject)
}

// steps are what the actor did last.
func (m *mailbox) steps() Steps {
	m.mu.Lock()
	defer m.mu.Unlock()
	return Steps{m.cell.tree, m.recorder.packed()}
}

// handling is the step at hand, packed; busy is false when there is none.
func (m *mailbox) handling() (step uint64, busy bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.recorder.last(), m.running
}

// waiting is depth, and whether they wait because of Tree.Suspend.
func (m *mailbox) waiting() (depth int, suspended bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.user.queue.n, m.suspended
}

func (m *mailbox) wakeRoom() {
	if m.room != nil {
		close(m.room)
		m.room = nil
	}
}

// unlockAndSchedule unlocks, and starts run if there is work and it is idle.
func (m *mailbox) unlockAndSchedule(work bool) {
	wake := work && !m.running
	if wake {
		m.running = true
	}
	m.mu.Unlock()
	if wake {
		m.cell.tree.config.Runtime.Schedule(m.runner)
	}
}

// run handles messages until none may be handled, or others get a turn.
func (m *mailbox) run() {
	runtime := m.cell.tree.config.Runtime
	finished := false
	defer func() {
		if !finished { // the batch is full, or runtime.Goexit took this goroutine
			runtime.Schedule(m.runner)
		}
	}()
	for range runtime.Batch() {
		if !m.next() {
			finished = true
			return
		}
	}
}

// next handles one message, or ends the run and returns false.
func (m *mailbox) next() bool {
	m.mu.Lock()
	switch {
	case m.control.n > 0:
		order := m.control.pop()
		m.mu.Unlock()
		if c, ok := order.(control); ok {
			m.cell.obey(c)
		} else {
			m.invoker.InvokeSystemMessage(order)
		}
		return true
	case m.user.queue.n > 0 && !m.held && !m.suspended:
		e := m.user.pop(m.cell.child.mailbox)
		m.recorder.note(m.cell.tree, BeforeMessage, e.message)
		m.wakeRoom()
		m.mu.Unlock()
		m.cell.body.deliver(e)
		return true
	}
	m.running = false
	m.mu.Unlock()
	return false
}

// The rest is protoactor's Mailbox interface.

// RegisterHandlers is called once, before the first message.
func (m *mailbox) RegisterHandlers(invoker actor.MessageInvoker, _ actor.Dispatcher) {
	m.invoker = invoker
}

// Start has nothing to do.
func (m *mailbox) Start() {}

// UserMessageCount is depth.
func (m *mailbox) UserMessageCount() int { return m.depth() }

// PostUserMessage refuses what comes around Ref.Tell: nobody holds the PID.
func (m *mailbox) PostUserMessage(any) {}

// PostSystemMessage appends to the control lane. That protoactor has started the
// process is news to nobody, and not worth a run.
func (m *mailbox) PostSystemMessage(message any) {
	if _, started := message.(*actor.Started); started {
		return
	}
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return
	}
	m.control.push(message)
	m.unlockAndSchedule(true)
}
