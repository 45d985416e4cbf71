package channel

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous"
)

// Times and limits of the manager.
const (
	// patience is how long the larger id waits before it calls: the smaller
	// one calls at once, so that both rarely do.
	patience = time.Second
	// backoffBase and backoffMax bound the wait after a failure; jitter is its
	// share in hundredths. Who could only be called to catch up has been away
	// for long: it is called less often, and calls by itself when it is back.
	backoffBase    = 200 * time.Millisecond
	backoffMax     = 5 * time.Second
	catchUpBackoff = time.Minute
	backoffJitter  = 20
	// handshakeLimit is when a handshaker that has said nothing is given up:
	// its own timeout and a second.
	handshakeLimit = 6 * time.Second
	// paidFor is how long one charge pays for calling one peer again and
	// again: else an offline peer would use up the budget of a day.
	paidFor = messages.AskWithin
	// healthy is how long a channel must have lived to end the row of
	// failures.
	healthy = 10 * time.Second
	// drainTime is how long a channel of an older epoch, or one whose place
	// was taken, may finish what it has begun.
	drainTime = time.Minute
	// supersededTime is how long a channel may that another one of its epoch
	// has replaced.
	supersededTime = 5 * time.Second
	// rivalTime is how long a channel that is ready waits for a call of ours that
	// would take its place; a peer whose call was completed answers ours within a
	// round trip.
	rivalTime = 500 * time.Millisecond
	// maxHellos and helloTime bound the pending handshakes (SPEC 6.3), and
	// maxPairHellos those of one pair among them: one member that calls and
	// calls takes no place from the others, in its context or in another.
	maxHellos     = 256
	maxPairHellos = 8
	helloTime     = time.Minute
)

// Views gives the last published view of a context, or nil if the node is not
// in it. It is a pure read: a View never changes.
type Views interface {
	View(context messages.ContextID) *rendezvous.View
}

// Config is what a Manager is made of.
type Config struct {
	Self  messages.AuthorityID
	Boot  messages.Boot
	Views Views
	// Service decides who may be called and answered.
	Service rendezvous.RendezvousService
	// Suite is what we initiate with; zero is SuiteAESGCM.
	Suite messages.Suite
	// Random is for jitter alone.
	Random *rand.Rand
	// Saved is what SavePair has kept, Live what the transport holds: what a
	// manager knows that starts again. Both are empty at the first start.
	Saved map[Pair]Saved
	Live  []messages.ChannelRecord
}

// Manager is the machine that wants and has: with every peer of every context
// one channel. It is not safe for concurrent use.
//
// A restart forgets everything but Config.Saved and Config.Live; attempts and
// their handshakers end with the manager. What is paid stays paid, and a
// channel that the transport holds goes on where it was.
type Manager struct {
	config   Config
	now      time.Time
	step     uint64
	effects  []Effect
	registry *ChannelManager
	pairs    map[Pair]*pair
	attempts map[messages.AttemptID]*attempt
	hellos   map[messages.HelloHash]heard
	commits  map[messages.OperationID]*commit
	contexts map[messages.ContextID]*listening
	// catchUps bounds the calls to catch up that are answered.
	catchUps bucket
	// live waits for the view of its context.
	live map[messages.ContextID][]messages.ChannelRecord
}

// NewManager makes a Manager. It does nothing before the first ContextChanged.
func NewManager(config Config) *Manager {
	if config.Suite == 0 {
		config.Suite = messages.SuiteAESGCM
	}
	m := &Manager{
		config:   config,
		registry: NewChannelManager(),
		pairs:    make(map[Pair]*pair),
		attempts: make(map[messages.AttemptID]*attempt),
		hellos:   make(map[messages.HelloHash]heard),
		commits:  make(map[messages.OperationID]*commit),
		contexts: make(map[messages.ContextID]*listening),
		live:     make(map[messages.ContextID][]messages.ChannelRecord),
	}
	for name, saved := range config.Saved {
		m.pair(name).saved = saved
	}
	for _, record := range config.Live {
		m.live[record.Context] = append(m.live[record.Context], record)
	}
	return m
}

// Step tells the machine what happened and returns what to do.
func (m *Manager) Step(now time.Time, event messages.ChannelManagerMessage) []Effect {
	m.now, m.step = now, m.step+1
	if m.step == 1 {
		m.catchUps.at = now
	}
	switch e := event.(type) {
	case messages.ContextChanged:
		m.contextChanged(e.Context)
	case messages.PathReady:
		m.pathChanged(Pair{e.Context, e.Peer}, e.Path)
	case messages.PathLost:
		m.pathChanged(Pair{e.Context, e.Peer}, 0)
	case messages.HelloReceived:
		m.helloReceived(e)
	case messages.HandshakeComplete:
		m.handshakeComplete(e)
	case messages.HandshakerDown:
		m.handshakerDown(e)
	case messages.Journaled:
		m.journaled(e.Operation)
	case messages.JournalRefused:
		m.journalRefused(e)
	case messages.ChannelClosed:
		m.channelClosed(e)
	case messages.ChannelCounted:
		m.counted(e)
	case messages.Tick:
	}
	m.expire()
	m.dialDue()
	effects := m.effects
	m.effects = nil
	return effects
}

// Deadline is when Step must be called with a Tick; zero means never.
func (m *Manager) Deadline() time.Time {
	var next time.Time
	sooner := func(t time.Time) {
		if !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	for _, p := range m.pairs {
		if m.shouldDial(p) {
			sooner(p.dialAt)
		}
	}
	for _, c := range m.commits {
		sooner(c.repeatAt)
	}
	for _, a := range m.attempts {
		sooner(a.deadline)
	}
	for _, c := range m.registry.channels {
		sooner(c.drainUntil)
		sooner(c.catchUpUntil)
		sooner(c.validFrom)
		sooner(c.disputedUntil)
	}
	return next
}

// Channels are copies of all channels, in the order of their ids.
func (m *Manager) Channels() []SecureChannel {
	var all []SecureChannel
	for _, c := range m.registry.All() {
		all = append(all, *c)
	}
	return all
}

// expire does what has come due by itself.
func (m *Manager) expire() {
	for _, c := range m.dueCommits() {
		m.repeat(c)
	}
	var late []*attempt
	for _, a := range m.attempts {
		if !a.deadline.IsZero() && !m.now.Before(a.deadline) {
			late = append(late, a)
		}
	}
	slices.SortFunc(late, compareAttempts)
	for _, a := range late {
		m.attemptFailed(a)
	}
	for _, c := range m.registry.All() {
		if !c.drainUntil.IsZero() && !m.now.Before(c.drainUntil) {
			m.close(c, messages.ReasonDrained)
		}
		if !c.disputedUntil.IsZero() && !m.now.Before(c.disputedUntil) {
			m.openIfUndisputed(c)
		}
		if !c.validFrom.IsZero() && !m.now.Before(c.validFrom) {
			m.becomeValid(c)
		}
		if !c.catchUpUntil.IsZero() && !m.now.Before(c.catchUpUntil) {
			m.giveUpOn(c)
		}
	}
}

func (m *Manager) emit(effects ...Effect) { m.effects = append(m.effects, effects...) }

// pair is the pair of that name; it is made if need be.
func (m *Manager) pair(name Pair) *pair {
	p := m.pairs[name]
	if p == nil {
		p = &pair{Pair: name}
		m.pairs[name] = p
	}
	return p
}

// view is the last view of a context, or nil.
func (m *Manager) view(context messages.ContextID) *rendezvous.View {
	return m.config.Views.View(context)
}

func (m *Manager) save(p *pair) { m.emit(SavePair{Pair: p.Pair, Saved: p.saved}) }

// refuse tells the host, once for each new decision.
func (m *Manager) refuse(p *pair, decision messages.Decision) {
	if p.refused != decision {
		p.refused = decision
		m.emit(Refused{Pair: p.Pair, Decision: decision})
	}
}

// isSmaller reports whether ours is the smaller id of the pair.
func (m *Manager) isSmaller(p *pair) bool { return m.config.Self.Compare(p.Peer) < 0 }
