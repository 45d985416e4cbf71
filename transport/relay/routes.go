package relay

import (
	"maps"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// shards keeps a change of the table from copying all of it.
const shards = 256

// routeTable finds the link of a session. Readers take no lock: a shard is a
// map that is never changed, only replaced.
type routeTable struct {
	mu     sync.Mutex
	shards [shards]atomic.Pointer[map[messages.HopSession]*side]
	// meters holds one token bucket a slot, for as long as it has sessions.
	meters map[messages.SlotID]*slotMeter
	links  int
}

type slotMeter struct {
	meter *meter
	links int
}

// link is one session, seen from both sides.
type link struct {
	dialler, owner *side
	slot           messages.SlotID
	meter          *meter
	// opened is set by the dialler's first datagram.
	//
	// docs/wire.md: "Relay control": "Nothing flows to the dialler before its
	// first hop datagram."
	opened atomic.Bool
}

// side is where one client sends, and is sent to.
type side struct {
	session messages.HopSession
	client  *serverClient
	link    *link
	other   *side
	used    atomic.Bool
}

func (t *routeTable) find(session messages.HopSession) *side {
	if shard := t.shards[session[0]].Load(); shard != nil {
		return (*shard)[session]
	}
	return nil
}

func (t *routeTable) set(route messages.RelayRoute, dialler, owner *serverClient) {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := &link{slot: route.Slot, meter: t.meterOf(route)}
	l.dialler = &side{session: route.Dialler.Session, client: dialler, link: l}
	l.owner = &side{session: route.Owner.Session, client: owner, link: l}
	l.dialler.other, l.owner.other = l.owner, l.dialler
	if before := t.find(route.Dialler.Session); before != nil {
		l.opened.Store(before.link.opened.Load())
		t.remove(before.link)
	}
	t.put(l.dialler)
	t.put(l.owner)
	t.links++
}

func (t *routeTable) drop(session messages.HopSession) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.find(session); s != nil {
		t.remove(s.link)
	}
}

func (t *routeTable) remove(l *link) {
	t.links--
	for _, s := range []*side{l.dialler, l.owner} {
		shard := maps.Clone(*t.shards[s.session[0]].Load())
		delete(shard, s.session)
		t.shards[s.session[0]].Store(&shard)
	}
	if m := t.meters[l.slot]; m != nil {
		if m.links--; m.links == 0 {
			delete(t.meters, l.slot)
		}
	}
}

func (t *routeTable) put(s *side) {
	shard := map[messages.HopSession]*side{}
	if before := t.shards[s.session[0]].Load(); before != nil {
		shard = maps.Clone(*before)
	}
	shard[s.session] = s
	t.shards[s.session[0]].Store(&shard)
}

// meterOf is the token bucket that all sessions of a slot share (SPEC 11.4:
// the slot's "owner pays").
func (t *routeTable) meterOf(route messages.RelayRoute) *meter {
	m := t.meters[route.Slot]
	if m == nil {
		if t.meters == nil {
			t.meters = map[messages.SlotID]*slotMeter{}
		}
		m = &slotMeter{meter: newMeter(route.Rate)}
		t.meters[route.Slot] = m
	}
	m.links++
	return m.meter
}

func (t *routeTable) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.links
}

// takeUsed lists the sessions under which something came since the last call.
func (t *routeTable) takeUsed() []messages.HopSession {
	var used []messages.HopSession
	for i := range t.shards {
		shard := t.shards[i].Load()
		if shard == nil {
			continue
		}
		for session, s := range *shard {
			if s.used.Load() && s.used.Swap(false) {
				used = append(used, session)
			}
		}
	}
	return used
}

// sameSession is the longest beginning of data whose datagrams, each of segment
// bytes but the last, bear the session of the first. The first byte is a hop's.
func sameSession(data []byte, segment int) []byte {
	end := min(segment, len(data))
	for end < len(data) && len(data)-end > messages.HopHeaderSize &&
		string(data[end:end+messages.HopHeaderSize]) == string(data[:messages.HopHeaderSize]) {
		end = min(end+segment, len(data))
	}
	return data[:end]
}

// forward hands a run of hop datagrams of one session on, each under the other
// side's session.
//
// docs/wire.md: "Relay control": "valid only from the address of the client it
// was given to".
func (s *Server) forward(now time.Time, from netip.AddrPort, run []byte, segment int) {
	datagrams := (len(run) + segment - 1) / segment
	session, _, ok := messages.ParseHop(run)
	if !ok {
		s.dropped.Add(uint64(datagrams))
		return
	}
	in := s.routes.find(session)
	if in == nil || in.client.address.Load().addr != from || !in.mayPass() ||
		!s.rate.allow(now, len(run), datagrams) || !in.link.meter.allow(now, len(run), datagrams) {
		s.dropped.Add(uint64(datagrams))
		return
	}
	if !in.used.Load() {
		in.used.Store(true)
	}
	for at := 0; at < len(run); at += segment {
		copy(run[at+1:], in.other.session[:])
	}
	s.forwardedDatagrams.Add(uint64(datagrams))
	s.forwardedBytes.Add(uint64(len(run)))
	receiver := in.other.client
	s.queues.push(receiver.queue, receiver.address.Load(), run, segment)
}

// mayPass opens the link for the dialler, and asks whether it is open for the
// owner.
func (s *side) mayPass() bool {
	if s.link.opened.Load() {
		return true
	}
	if s == s.link.dialler {
		s.link.opened.Store(true)
		return true
	}
	return false
}
