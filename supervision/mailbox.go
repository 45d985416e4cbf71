package supervision

import (
	"context"
	"errors"
	"sync"

	"github.com/asynkron/protoactor-go/actor"
)

// errShut: the mailbox takes no messages of users any more.
var errShut = errors.New("supervision: mailbox is shut")

// envelope is a message of the user lane.
type envelope struct {
	message any
	life    Incarnation // of the task that emitted it; zero: told from anywhere
}

// mailbox is the protoactor mailbox of a cell: two first-in first-out lanes,
// the control lane first. protoactor's own mailboxes spin or drop when full,
// and hand what waits to nobody.
//
// Invariant: running is true exactly while run is scheduled or executing, so at
// most one message is handled at a time.
type mailbox struct {
	limit   int // of the user lane
	runtime Runtime
	invoker actor.MessageInvoker
	runner  func() // m.run, made once

	mu      sync.Mutex
	control queue[any] // orders of ours, and system messages of protoactor
	user    queue[envelope]
	held    bool          // no life: the user lane waits
	shut    bool          // the user lane takes nothing
	closed  bool          // nothing is taken
	running bool          // see the invariant
	room    chan struct{} // closed at the next pop; nil when nobody waits

	at envelope // the user message being handled; owned by run
}

// newMailbox returns a mailbox whose user lane is held until release.
func newMailbox(limit int, runtime Runtime) *mailbox {
	m := &mailbox{limit: limit, runtime: runtime, held: true}
	m.runner = m.run
	return m
}

// offer appends to the user lane, or says ErrMailboxFull or errShut.
func (m *mailbox) offer(e envelope) error {
	m.mu.Lock()
	switch {
	case m.shut:
		m.mu.Unlock()
		return errShut
	case m.user.n >= m.limit:
		m.mu.Unlock()
		return ErrMailboxFull
	}
	m.user.push(e)
	m.unlockAndSchedule(!m.held)
	return nil
}

// offerWaiting is offer for tasks: it waits for room until ctx is done.
func (m *mailbox) offerWaiting(ctx context.Context, e envelope) error {
	for {
		err := m.offer(e)
		if !errors.Is(err, ErrMailboxFull) {
			return err
		}
		select {
		case <-m.waitRoom():
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// waitRoom returns a channel that is closed when there may be room.
func (m *mailbox) waitRoom() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.user.n < m.limit || m.shut {
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

// hold and release say whether the user lane is served.
func (m *mailbox) hold() {
	m.mu.Lock()
	m.held = true
	m.mu.Unlock()
}

func (m *mailbox) release() {
	m.mu.Lock()
	m.held = false
	m.unlockAndSchedule(m.user.n > 0)
}

// shutUser refuses messages of users from now on, and returns those that wait.
func (m *mailbox) shutUser() queue[envelope] {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.shut = true
	waiting := m.user
	m.user = queue[envelope]{}
	m.wakeRoom()
	return waiting
}

// adopt takes over the messages of a predecessor; for a mailbox not yet known.
func (m *mailbox) adopt(waiting queue[envelope]) {
	m.mu.Lock()
	m.user = waiting
	m.mu.Unlock()
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
	return m.user.n
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
		m.runtime.Schedule(m.runner)
	}
}

// run handles messages until none may be handled, or others get a turn.
func (m *mailbox) run() {
	finished := false
	defer func() {
		if !finished { // the batch is full, or runtime.Goexit took this goroutine
			m.runtime.Schedule(m.runner)
		}
	}()
	for range m.runtime.Batch() {
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
			m.invoker.InvokeUserMessage(c)
		} else {
			m.invoker.InvokeSystemMessage(order)
		}
		return true
	case m.user.n > 0 && !m.held:
		m.at = m.user.pop()
		m.wakeRoom()
		m.mu.Unlock()
		m.invoker.InvokeUserMessage(&m.at)
		m.at = envelope{}
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

// PostSystemMessage appends to the control lane.
func (m *mailbox) PostSystemMessage(message any) {
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return
	}
	m.control.push(message)
	m.unlockAndSchedule(true)
}
