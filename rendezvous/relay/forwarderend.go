package relay

import (
	"time"

	"github.com/waymeet/waymeet/messages"
)

// ForwarderEffect is one thing that a relay does.
type ForwarderEffect interface{ forwarderEffect() }

// Answer sends a control message to a client.
type Answer struct {
	Client  messages.RelayClientIndex
	Control messages.RelayControl
}

// SetRoute lets a session's datagrams pass; for a session that has a route
// already, it replaces the route.
type SetRoute struct{ Route messages.RelayRoute }

// DropRoute ends a session. The dialler's side names it.
type DropRoute struct{ Session messages.HopSession }

// DropClient forgets the keys of a client.
type DropClient struct{ Client messages.RelayClientIndex }

func (Answer) forwarderEffect()     {}
func (SetRoute) forwarderEffect()   {}
func (DropRoute) forwarderEffect()  {}
func (DropClient) forwarderEffect() {}

// Counts is how much a relay holds.
type Counts struct{ Clients, Slots, Sessions int }

// sweep ends what was silent for too long.
//
// SPEC 11.4: "idle sessions expire".
func (f *Forwarder) sweep(now time.Time) []ForwarderEffect {
	if now.Before(f.nextSweep) {
		return nil
	}
	f.nextSweep = now.Add(sweepEvery)
	var effects []ForwarderEffect
	idle := map[*session]struct{}{}
	for _, s := range f.dialled {
		if now.Sub(s.used) >= f.config.sessionIdle() {
			idle[s] = struct{}{}
		}
	}
	for _, s := range sorted(idle) {
		effects = append(effects, f.dropSession(s))
	}
	for _, index := range f.sortedClients() {
		if now.Sub(f.clients[index].heard) >= f.config.clientIdle() {
			effects = append(effects, f.dropClient(index)...)
		}
	}
	return effects
}

func (f *Forwarder) dropSession(s *session) ForwarderEffect {
	delete(f.sessions, s.route.Dialler.Session)
	delete(f.sessions, s.route.Owner.Session)
	delete(f.dialled, dialKey{s.route.Dialler.Client, s.route.Slot})
	delete(f.clients[s.route.Dialler.Client].sessions, s)
	delete(f.clients[s.route.Owner.Client].sessions, s)
	f.count(s.address, usage{sessions: -1})
	return DropRoute{s.route.Dialler.Session}
}

// dropClient ends the client's sessions, then its registrations, then its keys.
func (f *Forwarder) dropClient(index messages.RelayClientIndex) []ForwarderEffect {
	c := f.clients[index]
	var effects []ForwarderEffect
	for _, s := range sorted(c.sessions) {
		effects = append(effects, f.dropSession(s))
	}
	for slot := range c.slots {
		f.count(f.slots[slot].address, usage{slots: -1})
		delete(f.slots, slot)
	}
	f.count(c.address, usage{clients: -1})
	delete(f.clients, index)
	return append(effects, DropClient{index})
}

func refuse(to messages.RelayClientIndex, request messages.RelayRequestID, code messages.RelayRefusal) []ForwarderEffect {
	return []ForwarderEffect{Answer{to, messages.RelayRefused{Request: request, Code: code}}}
}

// refuseAndDrop turns away a client for which there is no room.
func refuseAndDrop(r messages.RelayRequest) []ForwarderEffect {
	var effects []ForwarderEffect
	switch c := r.Control.(type) {
	case messages.RelayRegister:
		effects = refuse(r.Client, c.Request, messages.RelayFull)
	case messages.RelayDial:
		effects = refuse(r.Client, c.Request, messages.RelayFull)
	}
	return append(effects, DropClient{r.Client})
}
