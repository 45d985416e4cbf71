package relay

import (
	"cmp"
	"io"
	"net/netip"
	"slices"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// ForwarderConfig bounds what a relay grants (SPEC 11.4). A zero field means
// its default.
type ForwarderConfig struct {
	// Random gives the bytes of session ids; it must not run dry, and it must
	// be unpredictable: who guesses a session still has to own its address.
	Random io.Reader
	// Clients is how many clients are kept at once; default 8192.
	Clients int
	// ClientsPerAddress is how many of them may share an IPv4 address or an
	// IPv6 /64; default 1024.
	ClientsPerAddress int
	// SlotsPerAddress is how many slots may be registered from one address;
	// default 1024.
	SlotsPerAddress int
	// Sessions is how many sessions are kept at once; default 65 536.
	Sessions int
	// SessionsPerAddress is how many of them one address may have dialled;
	// default 4096.
	SessionsPerAddress int
	// ClientIdle is how long a client may be silent; default 60 s, four
	// keepalives.
	ClientIdle time.Duration
	// SessionIdle is how long a session may carry nothing; default 120 s, more
	// than the 90 s after which a channel is dead.
	SessionIdle time.Duration
	// SlotRate bounds the traffic of each slot; default no limit.
	SlotRate messages.RelayRate
}

func (c ForwarderConfig) clients() int            { return cmp.Or(c.Clients, 8192) }
func (c ForwarderConfig) clientsPerAddress() int  { return cmp.Or(c.ClientsPerAddress, 1024) }
func (c ForwarderConfig) slotsPerAddress() int    { return cmp.Or(c.SlotsPerAddress, 1024) }
func (c ForwarderConfig) sessions() int           { return cmp.Or(c.Sessions, 1<<16) }
func (c ForwarderConfig) sessionsPerAddress() int { return cmp.Or(c.SessionsPerAddress, 4096) }
func (c ForwarderConfig) clientIdle() time.Duration {
	return cmp.Or(c.ClientIdle, 60*time.Second)
}
func (c ForwarderConfig) sessionIdle() time.Duration {
	return cmp.Or(c.SessionIdle, 120*time.Second)
}

// sweepEvery is how often silence is looked for; an expiry is late by at most
// that.
const sweepEvery = 10 * time.Second

// Forwarder is a relay's side: registrations, sessions, their limits and their
// ends. Admission is open: whoever completes the control handshake may register
// within the limits. Not safe for concurrent use.
//
// Invariants:
//  1. a slot has one owner: the client that last proved its key;
//  2. a session is in sessions under the ids of both of its sides, and in
//     dialled once;
//  3. both clients of a session are in clients, and list it;
//  4. the owner of a slot is in clients, and lists it.
type Forwarder struct {
	config   ForwarderConfig
	clients  map[messages.RelayClientIndex]*client
	slots    map[messages.SlotID]*registration
	sessions map[messages.HopSession]*session
	dialled  map[dialKey]*session
	// usage counts what each address holds.
	usage     map[netip.Prefix]*usage
	nextSweep time.Time
	draining  bool
}

type client struct {
	heard    time.Time
	address  netip.Prefix
	slots    map[messages.SlotID]struct{}
	sessions map[*session]struct{}
}

type registration struct {
	owner   messages.RelayClientIndex
	address netip.Prefix
}

type session struct {
	route   messages.RelayRoute
	address netip.Prefix
	used    time.Time
}

// dialKey makes dialling idempotent: a client has one session with a slot.
type dialKey struct {
	client messages.RelayClientIndex
	slot   messages.SlotID
}

type usage struct{ clients, slots, sessions int }

// NewForwarder makes a relay's side with nobody registered.
func NewForwarder(config ForwarderConfig) *Forwarder {
	return &Forwarder{
		config:   config,
		clients:  map[messages.RelayClientIndex]*client{},
		slots:    map[messages.SlotID]*registration{},
		sessions: map[messages.HopSession]*session{},
		dialled:  map[dialKey]*session{},
		usage:    map[netip.Prefix]*usage{},
	}
}

// Step takes one message and says what to do.
func (f *Forwarder) Step(now time.Time, message messages.RelayForwarderMessage) []ForwarderEffect {
	switch m := message.(type) {
	case messages.RelayRequest:
		return f.request(now, m)
	case messages.RelaySessionsUsed:
		f.sessionsUsed(now, m.Sessions)
		return nil
	case messages.RelayDrain:
		return f.drain()
	case messages.Tick:
		return f.sweep(now)
	default:
		return nil
	}
}

// Deadline is when silence is looked for next; zero while nobody is here.
func (f *Forwarder) Deadline() time.Time {
	if len(f.clients) == 0 {
		return time.Time{}
	}
	return f.nextSweep
}

// Counts says how much the relay holds.
func (f *Forwarder) Counts() Counts {
	return Counts{Clients: len(f.clients), Slots: len(f.slots), Sessions: len(f.dialled)}
}

func (f *Forwarder) request(now time.Time, r messages.RelayRequest) []ForwarderEffect {
	if !f.admit(now, r) {
		return refuseAndDrop(r)
	}
	switch c := r.Control.(type) {
	case messages.RelayRegister:
		return f.register(r, c)
	case messages.RelayDial:
		return f.dial(now, r, c)
	case messages.RelayKeepalive:
		return []ForwarderEffect{Answer{r.Client, messages.RelayObserved{Request: c.Request, Address: r.From}}}
	case messages.RelayBye:
		return f.dropClient(r.Client)
	default:
		// Answers are for clients; a relay that gets one ignores it.
		return nil
	}
}

// admit notes that the client was heard, and makes room for a new one. This is
// where admission beyond `open` will stand (SPEC 11.4).
func (f *Forwarder) admit(now time.Time, r messages.RelayRequest) bool {
	if c, ok := f.clients[r.Client]; ok {
		c.heard = now
		return true
	}
	address := addressOf(r.From)
	if len(f.clients) >= f.config.clients() || f.used(address).clients >= f.config.clientsPerAddress() {
		return false
	}
	if len(f.clients) == 0 {
		f.nextSweep = now.Add(sweepEvery)
	}
	f.clients[r.Client] = &client{
		heard:    now,
		address:  address,
		slots:    map[messages.SlotID]struct{}{},
		sessions: map[*session]struct{}{},
	}
	f.count(address, usage{clients: 1})
	return true
}

// register gives the slot to the client that proves its key.
//
// SPEC 11.2: "registering signs the control handshake's hash".
func (f *Forwarder) register(r messages.RelayRequest, c messages.RelayRegister) []ForwarderEffect {
	if !c.SlotKey.Verify(messages.SlotRegistration(r.Handshake), c.Signature[:]) {
		return refuse(r.Client, c.Request, messages.RelayBadSignature)
	}
	if f.draining {
		return refuse(r.Client, c.Request, messages.RelayDraining)
	}
	slot := messages.SlotOf(c.SlotKey)
	registered := Answer{r.Client, messages.RelayRegistered{Request: c.Request, Slot: slot}}
	held := f.slots[slot]
	if held != nil && held.owner == r.Client {
		return []ForwarderEffect{registered}
	}
	address := addressOf(r.From)
	if (held == nil || held.address != address) && f.used(address).slots >= f.config.slotsPerAddress() {
		return refuse(r.Client, c.Request, messages.RelayFull)
	}
	effects := f.takeOver(slot, r.Client)
	f.slots[slot] = &registration{owner: r.Client, address: address}
	f.clients[r.Client].slots[slot] = struct{}{}
	f.count(address, usage{slots: 1})
	return append(effects, registered)
}

// takeOver takes a slot and its sessions from whoever holds it: who proves the
// slot key is who was dialled.
func (f *Forwarder) takeOver(slot messages.SlotID, owner messages.RelayClientIndex) []ForwarderEffect {
	held := f.slots[slot]
	if held == nil {
		return nil
	}
	f.count(held.address, usage{slots: -1})
	before := f.clients[held.owner]
	delete(before.slots, slot)
	var effects []ForwarderEffect
	for _, s := range sorted(before.sessions) {
		if s.route.Slot != slot || s.route.Owner.Client != held.owner {
			continue
		}
		if s.route.Dialler.Client != held.owner {
			delete(before.sessions, s)
		}
		s.route.Owner.Client = owner
		f.clients[owner].sessions[s] = struct{}{}
		effects = append(effects, SetRoute{s.route})
	}
	return effects
}

// dial gives both sides of a session. It is idempotent: as long as the session
// lives, the same client gets the same one for the same slot.
//
// SPEC 11.4: "to dial, a client shows the slot (inside sealed control), whose
// owner pays."
func (f *Forwarder) dial(now time.Time, r messages.RelayRequest, c messages.RelayDial) []ForwarderEffect {
	key := dialKey{r.Client, c.Slot}
	if s, ok := f.dialled[key]; ok {
		return []ForwarderEffect{Answer{r.Client, messages.RelaySession{Request: c.Request, Session: s.route.Dialler.Session}}}
	}
	if f.draining {
		return refuse(r.Client, c.Request, messages.RelayDraining)
	}
	held, ok := f.slots[c.Slot]
	if !ok {
		return refuse(r.Client, c.Request, messages.RelayNoSlot)
	}
	address := addressOf(r.From)
	if len(f.dialled) >= f.config.sessions() || f.used(address).sessions >= f.config.sessionsPerAddress() {
		return refuse(r.Client, c.Request, messages.RelayFull)
	}
	s := &session{
		route: messages.RelayRoute{
			Dialler: messages.RelayRouteEnd{Client: r.Client, Session: f.newSession()},
			Slot:    c.Slot,
			Rate:    f.config.SlotRate,
		},
		address: address,
		used:    now,
	}
	f.sessions[s.route.Dialler.Session] = s
	s.route.Owner = messages.RelayRouteEnd{Client: held.owner, Session: f.newSession()}
	f.sessions[s.route.Owner.Session] = s
	f.dialled[key] = s
	f.clients[r.Client].sessions[s] = struct{}{}
	f.clients[held.owner].sessions[s] = struct{}{}
	f.count(address, usage{sessions: 1})
	return []ForwarderEffect{
		SetRoute{s.route},
		Answer{r.Client, messages.RelaySession{Request: c.Request, Session: s.route.Dialler.Session}},
	}
}

// newSession draws an id that no side of a session has. With 2¹⁷ of 2³² taken
// a draw collides once in 32 768; a hundred in a row mean a broken source.
func (f *Forwarder) newSession() messages.HopSession {
	for range 100 {
		var id messages.HopSession
		if _, err := io.ReadFull(f.config.Random, id[:]); err != nil {
			panic("relay: the source of random bytes failed: " + err.Error())
		}
		if _, taken := f.sessions[id]; !taken && id != (messages.HopSession{}) {
			return id
		}
	}
	panic("relay: the source of random bytes repeats itself")
}

// sessionsUsed notes traffic, which also shows that its sender is alive.
func (f *Forwarder) sessionsUsed(now time.Time, used []messages.HopSession) {
	for _, id := range used {
		s, ok := f.sessions[id]
		if !ok {
			continue
		}
		s.used = now
		sender := s.route.Owner.Client
		if id == s.route.Dialler.Session {
			sender = s.route.Dialler.Client
		}
		f.clients[sender].heard = now
	}
}

// drain tells every client and grants nothing new; a second drain says nothing.
func (f *Forwarder) drain() []ForwarderEffect {
	if f.draining {
		return nil
	}
	f.draining = true
	var effects []ForwarderEffect
	for _, index := range f.sortedClients() {
		effects = append(effects, Answer{index, messages.RelayLameDuck{}})
	}
	return effects
}

// addressOf is what limits are counted by: one IPv4 address, or the /64 that
// one IPv6 host can fill by itself.
func addressOf(from netip.AddrPort) netip.Prefix {
	addr, bits := from.Addr().Unmap().WithZone(""), 32
	if addr.Is6() {
		bits = 64
	}
	prefix, _ := addr.Prefix(bits) // fails only on the zero address, whose zero prefix is as good
	return prefix
}

func (f *Forwarder) used(address netip.Prefix) usage {
	if u := f.usage[address]; u != nil {
		return *u
	}
	return usage{}
}

func (f *Forwarder) count(address netip.Prefix, change usage) {
	sum := f.used(address)
	sum.clients += change.clients
	sum.slots += change.slots
	sum.sessions += change.sessions
	if sum == (usage{}) {
		delete(f.usage, address)
		return
	}
	f.usage[address] = &sum
}

func (f *Forwarder) sortedClients() []messages.RelayClientIndex {
	indexes := make([]messages.RelayClientIndex, 0, len(f.clients))
	for index := range f.clients {
		indexes = append(indexes, index)
	}
	slices.Sort(indexes)
	return indexes
}

// sorted lists sessions in the order of the dialler's id.
func sorted(sessions map[*session]struct{}) []*session {
	all := make([]*session, 0, len(sessions))
	for s := range sessions {
		all = append(all, s)
	}
	slices.SortFunc(all, func(s, t *session) int {
		return slices.Compare(s.route.Dialler.Session[:], t.route.Dialler.Session[:])
	})
	return all
}
