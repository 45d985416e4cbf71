package upgrade

import (
	"net/netip"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// Connection is the machine of one (context, peer): it owns the set of paths
// of the pair and decides which one carries the channel. It is not safe for
// concurrent use.
//
// Invariants:
//  1. Saved only grows: generations, cycles and attempt numbers never go back,
//     and the budget is given anew only together with a token (SPEC 10.3).
//  2. A direct path is in use only if it was validated at full size under
//     generations that were current then, or was found so by ChannelUp.
//  3. Every effect that relies on a changed Saved follows a Save of it.
type Connection struct {
	config Config
	saved  Saved

	local    *messages.LocalNetwork
	peer     peerSide
	channel  channelEnd
	early    earlyOffer
	relay    relayPaths
	attempt  *attempt
	doubt    *doubt
	counters Counters

	// cycleReason is why the waiting cycle was asked for.
	cycleReason string
	// dirty says that saved has changed since the last Save.
	dirty bool
	out   []Effect
}

// peerSide is what we know of the peer's candidates.
type peerSide struct {
	// endpoints are those of the generation saved.Remote; nil until they were
	// told to this incarnation.
	endpoints []messages.LinkEndpoint
	// strangers are addresses that valid probes of the peer came from, and
	// that no descriptor names: peer-reflexive candidates.
	strangers []netip.AddrPort
	hardNAT   bool
}

// channelEnd is the channel of the pair and the path that it uses.
type channelEnd struct {
	id        messages.ChannelID
	initiator bool
	path      messages.Path
	rtt       time.Duration
	// binding is where a direct path leaves from.
	binding messages.Binding
	// silent is since when nothing was heard on a direct path, as far as it
	// was told; zero: it is not silent.
	silent time.Time
	// offered is the last attempt that the peer offered in this channel.
	offered messages.AttemptNumber
}

func (e channelEnd) up() bool { return !e.id.IsZero() }

// use moves the channel to a path.
func (e *channelEnd) use(path messages.Path, rtt time.Duration, binding messages.Binding) {
	e.path, e.rtt, e.binding, e.silent = path, rtt, binding, time.Time{}
}

// Counters count what was dropped (SPEC 10.4: "anything stale is dropped and
// counted").
type Counters struct {
	// Stale came under older generations, or belongs to an attempt that is
	// over.
	Stale uint64
	// Unprobed candidates were not allowed to be probed, or no more often.
	Unprobed uint64
}

// New makes the machine of a pair from what was saved; now begins the bucket
// of a pair that never met.
func New(config Config, saved Saved, now time.Time) *Connection {
	c := &Connection{config: config, saved: saved.clone()}
	if c.saved.Bucket == (Bucket{}) {
		c.saved.Bucket = fullBucket(now)
		c.dirty = true
	}
	c.saved.Attempts.Max = config.attempts()
	return c
}

// State is what is known of the path in use.
func (c *Connection) State() State {
	switch {
	case c.channel.path.Kind == messages.PathDirect && c.doubt != nil:
		return Degraded
	case c.channel.path.Kind == messages.PathDirect:
		return Direct
	case c.attempt != nil:
		return Upgrading
	}
	return RelayOnly
}

// Step takes one message and says what to do now.
func (c *Connection) Step(now time.Time, event messages.PeerConnectionMessage) []Effect {
	c.out = nil
	c.take(now, event)
	c.settle(now)
	if c.dirty {
		c.dirty = false
		return append([]Effect{Save{Saved: c.saved.clone()}}, c.out...)
	}
	return c.out
}

func (c *Connection) take(now time.Time, event messages.PeerConnectionMessage) {
	switch e := event.(type) {
	case messages.PeerEndpoints:
		c.peerEndpoints(now, e)
	case messages.LocalNetwork:
		c.localNetwork(now, e)
	case messages.RelayReady:
		c.relayReady(now, e)
	case messages.RelayFailed:
		c.relayFailed(now, e)
	case messages.RelayLost:
		c.relayLost(now, e)
	case messages.PathUnanswered:
		c.pathUnanswered(now, e)
	case messages.ChannelUp:
		c.channelUp(now, e)
	case messages.ChannelDown:
		c.channelDown(now, e)
	case messages.Coordination:
		c.coordination(now, e)
	case messages.ProbeAnswered:
		c.probeAnswered(now, e)
	case messages.ProbeReceived:
		c.probeReceived(now, e)
	case messages.PathSilent:
		c.pathSilent(now, e)
	case messages.PathHeard:
		c.pathHeard(now, e)
	case messages.HoldRelay:
		c.holdRelay(now, e)
	case messages.Tick:
		// settle does what is due, whatever woke us.
	}
}

// settle does everything that is due at now. The order matters: a path that is
// given up may need a relay, and an attempt that ends lets the next be
// scheduled.
func (c *Connection) settle(now time.Time) {
	c.keepHold(now)
	c.suspectSilent(now)
	c.giveUpDoubtful(now)
	c.openPaths(now)
	c.startWaitingCycle(now)
	c.driveAttempt(now)
	c.scheduleAttempt(now)
	c.beginDue(now)
	c.scheduleAttempt(now)
}

// Deadline is when Step wants to be called with a Tick; zero: not needed.
func (c *Connection) Deadline() time.Time {
	var due time.Time
	earlier := func(t time.Time) {
		if !t.IsZero() && (due.IsZero() || t.Before(due)) {
			due = t
		}
	}
	earlier(c.pathDue())
	if c.saved.Waiting {
		earlier(c.saved.Bucket.next())
	}
	earlier(c.suspectDue())
	if c.doubt != nil && !c.relay.ready.IsZero() {
		earlier(c.doubt.until)
	}
	if c.attempt != nil {
		earlier(c.attempt.due())
	}
	earlier(c.attemptDue())
	return due
}

func (c *Connection) do(effects ...Effect) { c.out = append(c.out, effects...) }

// channelUp takes a channel over; what the vault holds is the truth about its
// paths. The same channel again changes nothing.
func (c *Connection) channelUp(now time.Time, e messages.ChannelUp) {
	if e.Channel == c.channel.id || e.Channel.IsZero() || e.Path.IsZero() {
		return
	}
	c.attempt, c.doubt, c.peer.strangers = nil, nil, nil
	c.channel = channelEnd{id: e.Channel, initiator: e.Initiator, path: e.Path, rtt: e.RTT}
	for _, path := range [...]messages.Path{e.Relay, e.Path} {
		if path.Kind == messages.PathRelay {
			c.relay.adopt(now, path)
		}
	}
	if e.Path.Kind == messages.PathDirect {
		c.channel.binding = c.bindingOf(e.Path)
		c.keepWarm()
		// A doubt dies with the actor that had it.
		c.do(SendBoth{On: false, Relay: c.relay.ready})
	}
	if c.saved.Path != e.Path {
		c.remember(now, e.Path, map[messages.PathKind]string{
			messages.PathRelay: "relay first", messages.PathDirect: "no relay between us",
		}[e.Path.Kind])
	}
	c.takeEarly(now)
}

// channelDown forgets the channel. The paths stand, and the manager is told
// again which one is ready.
func (c *Connection) channelDown(now time.Time, e messages.ChannelDown) {
	if e.Channel != c.channel.id {
		c.counters.Stale++
		return
	}
	c.attempt, c.doubt = nil, nil
	c.channel = channelEnd{}
	if !c.relay.ready.IsZero() {
		c.do(PathReady{Path: c.relay.ready})
		return
	}
	c.relay.nextDirect(now.Add(c.config.window().Delay(c.relay.failures, c.config.Jitter)))
}

// remember keeps what is true of the path in use, and why.
func (c *Connection) remember(now time.Time, path messages.Path, reason string) {
	c.saved.Path, c.saved.Since, c.saved.Reason = path, now, reason
	c.dirty = true
}

// bindingOf is the local binding that an address is reached from now.
func (c *Connection) bindingOf(path messages.Path) messages.Binding {
	if c.local == nil {
		return messages.Binding{}
	}
	binding, _ := bindingFor(path.Addr.Addr().Unmap(), c.local.Bindings)
	return binding
}
