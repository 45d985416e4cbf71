package relay

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// ClientConfig says how patient a node is with a relay. A zero duration means
// its default.
type ClientConfig struct {
	// Random is the seeded source of jitter.
	Random *rand.Rand
	// BackoffBase and BackoffMax bound the pause before something is sent
	// again: min(base · 2ⁿ, max) ± 20 %, never above max. Default 100 ms, 2 s.
	BackoffBase, BackoffMax time.Duration
	// DialTimeout is how long a dial is tried; default 5 s.
	DialTimeout time.Duration
	// Standing: the control handshake of an earlier life is complete. The relay
	// knows the client by it, and keeps slots and sessions for it; one that does
	// not any more says nothing, and is lost like any other.
	Standing bool
}

func (c ClientConfig) backoffBase() time.Duration {
	return cmp.Or(c.BackoffBase, 100*time.Millisecond)
}
func (c ClientConfig) backoffMax() time.Duration  { return cmp.Or(c.BackoffMax, 2*time.Second) }
func (c ClientConfig) dialTimeout() time.Duration { return cmp.Or(c.DialTimeout, 5*time.Second) }

const (
	// idleKeepalive and probeKeepalive pace keepalives, and maxLost ends the
	// patience (docs/wire.md: "Relay control": "a keepalive every 15 s, up to a
	// fifth sooner; while traffic is unanswered it sends one every 500 ms, and
	// after two lost ones it begins a new handshake").
	idleKeepalive  = 15 * time.Second
	probeKeepalive = 500 * time.Millisecond
	maxLost        = 2
	// unreachableAfter is when a relay that answers no handshake is reported.
	unreachableAfter = 2 * time.Second
	// settle is how long after a handshake "no such slot" is asked again: if
	// the relay was restarted, the slot's owner is coming back too.
	settle = 3 * time.Second
	// refusedPause is how long a refused registration rests.
	refusedPause = 30 * time.Second
	// linger is how long a relay that nobody uses is kept warm (SPEC 4.5:
	// "lifecycle and reuse (30 s)").
	linger = 30 * time.Second
)

// ClientState says what a node knows of its relay.
type ClientState uint8

const (
	// ClientIdle: nothing is wanted of the relay. Entered at first, and when
	// nothing was wanted for 30 s; sends nothing; left when a slot or a dial
	// is asked for.
	ClientIdle ClientState = iota
	// ClientHandshaking: the relay has not proved itself yet. Repeats the
	// handshake with backoff; left when it is complete.
	ClientHandshaking
	// ClientReady: the control handshake is complete, in this life or an earlier
	// one. Registers, dials and keeps alive; left when two keepalives in a row
	// were lost.
	ClientReady
)

// Client is a node's side of one relay. Not safe for concurrent use.
//
// Invariants:
//  1. in ClientIdle there are no slots, dials or sessions;
//  2. only in ClientReady are there sessions and requests on their way;
//  3. a request keeps its id while it is repeated.
type Client struct {
	config   ClientConfig
	state    ClientState
	slots    []*wantedSlot
	dials    []*wantedDial
	sessions []liveSession

	lastRequest messages.RelayRequestID
	// since is when the state was entered; idleSince, when last something was
	// wanted.
	since, idleSince time.Time
	// handshake paces the first datagrams of a handshake.
	handshake retry
	reported  bool

	// keepaliveAt is when the next keepalive leaves; idleAt, when it leaves if
	// the relay is heard before.
	keepaliveAt, keepaliveSent, idleAt time.Time
	// lost counts keepalives since the relay was last heard.
	lost     int
	observed messages.RelayObserved
	lameDuck bool
}

// retry paces one thing that is sent until it is answered.
type retry struct {
	next  time.Time
	tries int
}

type wantedSlot struct {
	slot       messages.SlotID
	request    messages.RelayRequestID
	retry      retry
	registered bool
}

type wantedDial struct {
	dial    messages.RelayDialID
	slot    messages.SlotID
	request messages.RelayRequestID
	retry   retry
	until   time.Time
	// refusal is what the relay answered last, if it did.
	refusal messages.RelayRefusal
}

type liveSession struct {
	dial    messages.RelayDialID
	slot    messages.SlotID
	session messages.HopSession
}

// NewClient makes a node's side of a relay that nothing is wanted of.
func NewClient(config ClientConfig) *Client {
	c := &Client{config: config}
	if config.Standing {
		// Answers to what an earlier life has asked may still come.
		c.lastRequest = messages.RelayRequestID(config.Random.Uint32())
	}
	return c
}

// State says what is known of the relay.
func (c *Client) State() ClientState { return c.state }

// Step takes one message and says what to do.
func (c *Client) Step(now time.Time, message messages.RelayClientMessage) []ClientEffect {
	if !c.unused() {
		c.idleSince = now
	}
	var effects []ClientEffect
	switch m := message.(type) {
	case messages.RelayRegisterSlot:
		effects = c.wantSlot(now, m.Slot)
	case messages.RelayDialSlot:
		effects = c.wantDial(now, m)
	case messages.RelayEndSession:
		c.endSession(m.Session)
	case messages.RelayHandshaken:
		effects = c.handshaken(now)
	case messages.RelayControlReceived:
		effects = c.control(now, m.Control)
	case messages.RelayUnanswered:
		c.probeSoon(now)
	case messages.RelayHeard:
		c.heard()
	case messages.RelayNetworkChanged:
		effects = c.networkChanged(now)
	case messages.RelayLeave:
		return c.leave()
	case messages.Tick:
	}
	return append(effects, c.due(now)...)
}

// Deadline is when something is due; zero while nothing is.
func (c *Client) Deadline() time.Time {
	var first time.Time
	sooner := func(t time.Time) {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	for _, d := range c.dials {
		sooner(d.until)
	}
	switch c.state {
	case ClientIdle:
	case ClientHandshaking:
		sooner(c.handshake.next)
		if !c.reported {
			sooner(c.since.Add(unreachableAfter))
		}
	case ClientReady:
		sooner(c.keepaliveAt)
		if c.unused() {
			sooner(c.idleSince.Add(linger))
		}
		for _, s := range c.slots {
			if !s.registered {
				sooner(s.retry.next)
			}
		}
		for _, d := range c.dials {
			sooner(d.retry.next)
		}
	}
	return first
}

func (c *Client) wantSlot(now time.Time, slot messages.SlotID) []ClientEffect {
	for _, s := range c.slots {
		if s.slot == slot {
			return nil
		}
	}
	c.slots = append(c.slots, &wantedSlot{slot: slot, request: c.newRequest(), retry: retry{next: now}})
	return c.begin(now)
}

func (c *Client) wantDial(now time.Time, m messages.RelayDialSlot) []ClientEffect {
	for _, d := range c.dials {
		if d.dial == m.Dial {
			return nil
		}
	}
	c.dials = append(c.dials, &wantedDial{
		dial: m.Dial, slot: m.Slot, request: c.newRequest(),
		retry: retry{next: now}, until: now.Add(c.config.dialTimeout()),
	})
	return c.begin(now)
}

func (c *Client) endSession(session messages.HopSession) {
	c.sessions = slices.DeleteFunc(c.sessions, func(s liveSession) bool { return s.session == session })
}

// begin leaves ClientIdle; in any other state due does what is needed.
func (c *Client) begin(now time.Time) []ClientEffect {
	switch {
	case c.state != ClientIdle:
		return nil
	case c.config.Standing:
		c.config.Standing = false
		return c.ready(now)
	}
	return c.startHandshake(now)
}

func (c *Client) startHandshake(now time.Time) []ClientEffect {
	c.state, c.since, c.reported = ClientHandshaking, now, false
	c.handshake = retry{}
	c.pace(now, &c.handshake)
	return []ClientEffect{StartHandshake{}}
}

func (c *Client) handshaken(now time.Time) []ClientEffect {
	if c.state != ClientHandshaking {
		return nil
	}
	return c.ready(now)
}

// ready asks for everything that is wanted.
func (c *Client) ready(now time.Time) []ClientEffect {
	c.state, c.since, c.idleSince = ClientReady, now, now
	c.observed, c.lameDuck = messages.RelayObserved{}, false
	// The first keepalive leaves at once: its answer tells our address.
	c.lost, c.keepaliveAt, c.keepaliveSent = 0, now, time.Time{}
	for _, s := range c.slots {
		s.request, s.retry, s.registered = c.newRequest(), retry{next: now}, false
	}
	for _, d := range c.dials {
		d.request, d.retry = c.newRequest(), retry{next: now}
	}
	return []ClientEffect{Ready{}}
}

func (c *Client) networkChanged(now time.Time) []ClientEffect {
	switch c.state {
	case ClientHandshaking:
		return c.startHandshake(now)
	case ClientReady:
		// A sealed keepalive proves the new address and moves our sessions.
		c.keepaliveAt, c.keepaliveSent, c.lost = now, time.Time{}, 0
	}
	return nil
}

// leave ends everything that was wanted of the relay.
func (c *Client) leave() []ClientEffect {
	var effects []ClientEffect
	for _, d := range c.dials {
		effects = append(effects, SessionFailed{d.dial, d.slot, d.refusal})
	}
	for _, s := range c.sessions {
		effects = append(effects, SessionLost{s.dial, s.slot, s.session})
	}
	if c.state == ClientReady {
		effects = append(effects, SendControl{messages.RelayBye{}})
	}
	c.reset()
	return effects
}

// reset keeps what no handshake may repeat.
func (c *Client) reset() { *c = Client{config: c.config, lastRequest: c.lastRequest} }

// unused: nothing is wanted of the relay.
func (c *Client) unused() bool { return len(c.slots)+len(c.dials)+len(c.sessions) == 0 }

func (c *Client) newRequest() messages.RelayRequestID {
	c.lastRequest++
	return c.lastRequest
}

// pace counts one try and sets when the next one is due.
func (c *Client) pace(now time.Time, r *retry) {
	limit := c.config.backoffMax()
	pause := limit
	if r.tries < 16 {
		pause = min(c.config.backoffBase()<<r.tries, limit)
	}
	jitter := 0.8 + 0.4*c.config.Random.Float64()
	r.tries++
	r.next = now.Add(min(time.Duration(float64(pause)*jitter), limit))
}
