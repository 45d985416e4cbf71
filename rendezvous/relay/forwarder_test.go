package relay

import (
	"crypto/ed25519"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/waymeet/waymeet/messages"
)

var (
	noon  = time.Unix(1_700_000_000, 0)
	alice = messages.RelayRequest{Client: 1, From: netip.MustParseAddrPort("192.0.2.1:1000"), Handshake: [32]byte{1}}
	bob   = messages.RelayRequest{Client: 2, From: netip.MustParseAddrPort("192.0.2.2:2000"), Handshake: [32]byte{2}}
)

func slotKey(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(append(make([]byte, 31), n))
}

func slotOf(n byte) messages.SlotID {
	return messages.SlotOf(messages.PublicKey(slotKey(n).Public().(ed25519.PublicKey)))
}

func says(r messages.RelayRequest, control messages.RelayControl) messages.RelayRequest {
	r.Control = control
	return r
}

func registering(r messages.RelayRequest, request messages.RelayRequestID, n byte) messages.RelayRegister {
	key := slotKey(n)
	return messages.RelayRegister{
		Request:   request,
		SlotKey:   messages.PublicKey(key.Public().(ed25519.PublicKey)),
		Signature: messages.Signature(ed25519.Sign(key, messages.SlotRegistration(r.Handshake))),
	}
}

func newForwarder(config ForwarderConfig) *Forwarder {
	config.Random = rand.NewChaCha8([32]byte{})
	return NewForwarder(config)
}

func expect(t *testing.T, got []ForwarderEffect, want ...ForwarderEffect) {
	t.Helper()
	if len(got)+len(want) > 0 && !reflect.DeepEqual(got, want) {
		t.Fatalf("got  %#v\nwant %#v", got, want)
	}
}

// connected has bob registered at slot 7 and alice in a session with him.
func connected(t *testing.T, f *Forwarder, now time.Time) messages.RelayRoute {
	t.Helper()
	f.Step(now, says(bob, registering(bob, 1, 7)))
	effects := f.Step(now, says(alice, messages.RelayDial{Request: 1, Slot: slotOf(7)}))
	if len(effects) != 2 {
		t.Fatalf("dial: %#v", effects)
	}
	return effects[0].(SetRoute).Route
}

func TestForwarderRegistersWhoProvesTheSlotKey(t *testing.T) {
	f := newForwarder(ForwarderConfig{})
	for range 2 { // a repeated request gets its answer again
		expect(t, f.Step(noon, says(bob, registering(bob, 5, 7))),
			Answer{2, messages.RelayRegistered{Request: 5, Slot: slotOf(7)}})
	}
	if got := f.Counts(); got != (Counts{Clients: 1, Slots: 1}) {
		t.Errorf("counts %+v", got)
	}
}

// SPEC 11.2: "registering signs the control handshake's hash": a signature
// that was seen elsewhere registers nothing.
func TestForwarderRefusesASignatureOfAnotherHandshake(t *testing.T) {
	f := newForwarder(ForwarderConfig{})
	expect(t, f.Step(noon, says(alice, registering(bob, 5, 7))),
		Answer{1, messages.RelayRefused{Request: 5, Code: messages.RelayBadSignature}})
	if f.Counts().Slots != 0 {
		t.Error("it registered all the same")
	}
}

func TestForwarderDials(t *testing.T) {
	f := newForwarder(ForwarderConfig{SlotRate: messages.RelayRate{BytesPerSecond: 9}})
	route := connected(t, f, noon)
	if route.Dialler.Client != 1 || route.Owner.Client != 2 || route.Slot != slotOf(7) || route.Rate.BytesPerSecond != 9 {
		t.Errorf("route %+v", route)
	}
	if route.Dialler.Session == route.Owner.Session {
		t.Error("both sides have one session id")
	}
	for request := range messages.RelayRequestID(3) {
		expect(t, f.Step(noon, says(alice, messages.RelayDial{Request: request, Slot: slotOf(7)})),
			Answer{1, messages.RelaySession{Request: request, Session: route.Dialler.Session}})
	}
	if got := f.Counts(); got != (Counts{Clients: 2, Slots: 1, Sessions: 1}) {
		t.Errorf("counts %+v", got)
	}
}

func TestForwarderRefusesAnUnknownSlot(t *testing.T) {
	f := newForwarder(ForwarderConfig{})
	expect(t, f.Step(noon, says(alice, messages.RelayDial{Request: 3, Slot: slotOf(8)})),
		Answer{1, messages.RelayRefused{Request: 3, Code: messages.RelayNoSlot}})
}

func TestForwarderTellsTheAddress(t *testing.T) {
	f := newForwarder(ForwarderConfig{})
	expect(t, f.Step(noon, says(alice, messages.RelayKeepalive{Request: 3})),
		Answer{1, messages.RelayObserved{Request: 3, Address: alice.From}})
}

func TestForwarderIgnoresAnswers(t *testing.T) {
	f := newForwarder(ForwarderConfig{})
	for _, control := range []messages.RelayControl{
		messages.RelayRegistered{}, messages.RelaySession{}, messages.RelayRefused{},
		messages.RelayObserved{}, messages.RelayLameDuck{},
	} {
		expect(t, f.Step(noon, says(alice, control)))
	}
}

// Whoever proves the slot key again, after a lost handshake, keeps the sessions
// that were dialled to it.
func TestForwarderMovesSessionsWithTheirSlot(t *testing.T) {
	f := newForwarder(ForwarderConfig{})
	route := connected(t, f, noon)
	again := bob
	again.Client, again.Handshake = 3, [32]byte{3}
	moved := route
	moved.Owner.Client = 3
	expect(t, f.Step(noon, says(again, registering(again, 1, 7))),
		SetRoute{moved}, Answer{3, messages.RelayRegistered{Request: 1, Slot: slotOf(7)}})
	expect(t, f.Step(noon, says(bob, messages.RelayBye{})), DropClient{2})
	if got := f.Counts(); got != (Counts{Clients: 2, Slots: 1, Sessions: 1}) {
		t.Errorf("counts %+v", got)
	}
}

func TestForwarderForgetsWhoSaysBye(t *testing.T) {
	f := newForwarder(ForwarderConfig{})
	route := connected(t, f, noon)
	expect(t, f.Step(noon, says(bob, messages.RelayBye{})),
		DropRoute{route.Dialler.Session}, DropClient{2})
	expect(t, f.Step(noon, says(alice, messages.RelayBye{})), DropClient{1})
	if len(f.usage)+len(f.sessions)+len(f.dialled)+len(f.slots)+len(f.clients) != 0 {
		t.Error("something of them is left")
	}
	if !f.Deadline().IsZero() {
		t.Error("an empty relay has a deadline")
	}
}

// SPEC 11.4: "idle sessions expire". Traffic keeps a session and its sender.
func TestForwarderExpiresSilence(t *testing.T) {
	f := newForwarder(ForwarderConfig{})
	route := connected(t, f, noon)
	var dropped []ForwarderEffect
	var now time.Time
	for range 7 { // alice sends for 70 s, bob is silent
		now = f.Deadline()
		f.Step(now, messages.RelaySessionsUsed{Sessions: []messages.HopSession{route.Dialler.Session, {9, 9, 9, 9}}})
		dropped = append(dropped, f.Step(now, messages.Tick{})...)
	}
	expect(t, dropped, DropRoute{route.Dialler.Session}, DropClient{2})

	f = newForwarder(ForwarderConfig{ClientIdle: time.Hour})
	route = connected(t, f, noon)
	expect(t, f.Step(noon.Add(119*time.Second), messages.Tick{}))
	expect(t, f.Step(noon.Add(130*time.Second), messages.Tick{}), DropRoute{route.Dialler.Session})
}

func TestForwarderKeepsWhoKeepsAlive(t *testing.T) {
	f := newForwarder(ForwarderConfig{})
	f.Step(noon, says(bob, registering(bob, 1, 7)))
	for i := range 100 {
		now := noon.Add(time.Duration(i) * 15 * time.Second)
		f.Step(now, says(bob, messages.RelayKeepalive{}))
		expect(t, f.Step(now, messages.Tick{}))
	}
	if f.Counts().Slots != 1 {
		t.Error("the slot was lost")
	}
}

// SPEC 11.4: "Limits: per slot and global token buckets …, sessions,
// registrations per address".
func TestForwarderLimits(t *testing.T) {
	full := func(client messages.RelayClientIndex) ForwarderEffect {
		return Answer{client, messages.RelayRefused{Request: 9, Code: messages.RelayFull}}
	}
	t.Run("slots per address", func(t *testing.T) {
		f := newForwarder(ForwarderConfig{SlotsPerAddress: 2})
		f.Step(noon, says(bob, registering(bob, 1, 1)))
		f.Step(noon, says(bob, registering(bob, 2, 2)))
		expect(t, f.Step(noon, says(bob, registering(bob, 9, 3))), full(2))
		if len(f.Step(noon, says(alice, registering(alice, 1, 4)))) != 1 || f.Counts().Slots != 3 {
			t.Error("another address paid for it")
		}
	})
	t.Run("sessions per address", func(t *testing.T) {
		f := newForwarder(ForwarderConfig{SessionsPerAddress: 1})
		connected(t, f, noon)
		f.Step(noon, says(bob, registering(bob, 1, 8)))
		expect(t, f.Step(noon, says(alice, messages.RelayDial{Request: 9, Slot: slotOf(8)})), full(1))
	})
	t.Run("sessions", func(t *testing.T) {
		f := newForwarder(ForwarderConfig{Sessions: 1})
		connected(t, f, noon)
		expect(t, f.Step(noon, says(bob, messages.RelayDial{Request: 9, Slot: slotOf(7)})), full(2))
	})
	t.Run("clients", func(t *testing.T) {
		f := newForwarder(ForwarderConfig{Clients: 1})
		f.Step(noon, says(bob, registering(bob, 1, 1)))
		expect(t, f.Step(noon, says(alice, registering(alice, 9, 3))), full(1), DropClient{1})
	})
	t.Run("clients per address", func(t *testing.T) {
		f := newForwarder(ForwarderConfig{ClientsPerAddress: 1})
		f.Step(noon, says(bob, messages.RelayKeepalive{}))
		second := bob
		second.Client, second.From = 3, netip.AddrPortFrom(bob.From.Addr(), 9)
		expect(t, f.Step(noon, says(second, messages.RelayDial{Request: 9})), full(3), DropClient{3})
		if len(f.Step(noon, says(alice, messages.RelayKeepalive{}))) != 1 {
			t.Error("another address paid for it")
		}
	})
}

// SPEC 11.4: "SIGTERM drains (lame duck) before exit".
func TestForwarderDrains(t *testing.T) {
	f := newForwarder(ForwarderConfig{})
	route := connected(t, f, noon)
	expect(t, f.Step(noon, messages.RelayDrain{}), Answer{1, messages.RelayLameDuck{}}, Answer{2, messages.RelayLameDuck{}})
	expect(t, f.Step(noon, messages.RelayDrain{}))
	expect(t, f.Step(noon, says(alice, messages.RelayDial{Request: 1, Slot: slotOf(7)})),
		Answer{1, messages.RelaySession{Request: 1, Session: route.Dialler.Session}})
	expect(t, f.Step(noon, says(bob, messages.RelayDial{Request: 1, Slot: slotOf(7)})),
		Answer{2, messages.RelayRefused{Request: 1, Code: messages.RelayDraining}})
	expect(t, f.Step(noon, says(bob, registering(bob, 2, 9))),
		Answer{2, messages.RelayRefused{Request: 2, Code: messages.RelayDraining}})
}

func TestForwarderPanicsOnABrokenSourceOfRandomBytes(t *testing.T) {
	f := NewForwarder(ForwarderConfig{Random: zeros{}})
	f.Step(noon, says(bob, registering(bob, 1, 7)))
	defer func() {
		if recover() == nil {
			t.Error("it gave a session id that can be guessed")
		}
	}()
	f.Step(noon, says(alice, messages.RelayDial{Request: 1, Slot: slotOf(7)}))
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// Whatever happens, the four invariants of the type hold, and the counts of
// every address are right.
func TestForwarderInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := newForwarder(ForwarderConfig{Clients: 4, SlotsPerAddress: 3, SessionsPerAddress: 3, ClientsPerAddress: 2})
		now := noon
		var sessions []messages.HopSession
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 40).Draw(t, "seconds")) * time.Second)
			for _, effect := range f.Step(now, drawMessage(t, sessions)) {
				if set, ok := effect.(SetRoute); ok {
					sessions = append(sessions, set.Route.Dialler.Session, set.Route.Owner.Session)
				}
			}
			checkInvariants(t, f)
		}
	})
}

func drawMessage(t *rapid.T, sessions []messages.HopSession) messages.RelayForwarderMessage {
	r := messages.RelayRequest{
		Client: messages.RelayClientIndex(rapid.IntRange(1, 5).Draw(t, "client")),
		From:   netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, rapid.Byte().Draw(t, "host") % 3}), 9),
	}
	n := 1 + rapid.Byte().Draw(t, "slot")%4
	switch rapid.IntRange(0, 6).Draw(t, "kind") {
	case 0, 1:
		return says(r, registering(r, 1, n))
	case 2, 3:
		return says(r, messages.RelayDial{Request: 1, Slot: slotOf(n)})
	case 4:
		return says(r, messages.RelayBye{})
	case 5:
		if len(sessions) > 0 {
			return messages.RelaySessionsUsed{Sessions: []messages.HopSession{rapid.SampledFrom(sessions).Draw(t, "session")}}
		}
	}
	return messages.Tick{}
}

func checkInvariants(t *rapid.T, f *Forwarder) {
	want := map[netip.Prefix]usage{}
	add := func(p netip.Prefix, u usage) {
		sum := want[p]
		want[p] = usage{sum.clients + u.clients, sum.slots + u.slots, sum.sessions + u.sessions}
	}
	for _, c := range f.clients {
		add(c.address, usage{clients: 1})
	}
	for slot, held := range f.slots {
		add(held.address, usage{slots: 1})
		if _, listed := f.clients[held.owner].slots[slot]; !listed {
			t.Fatal("a slot is not listed by its owner")
		}
	}
	for key, s := range f.dialled {
		add(s.address, usage{sessions: 1})
		r := s.route
		if f.sessions[r.Dialler.Session] != s || f.sessions[r.Owner.Session] != s || key != (dialKey{r.Dialler.Client, r.Slot}) {
			t.Fatal("a session is not found by its ids")
		}
		for _, index := range []messages.RelayClientIndex{r.Dialler.Client, r.Owner.Client} {
			if _, listed := f.clients[index].sessions[s]; !listed {
				t.Fatal("a session is not listed by its client")
			}
		}
		if f.slots[r.Slot].owner != r.Owner.Client {
			t.Fatal("a session's owner does not hold the slot")
		}
	}
	if len(f.sessions) != 2*len(f.dialled) || len(want) != len(f.usage) {
		t.Fatal("something is left over")
	}
	for p, u := range want {
		if f.used(p) != u {
			t.Fatalf("%v: counted %+v, is %+v", p, f.used(p), u)
		}
		if u.clients > 2 || u.slots > 3 || u.sessions > 3 {
			t.Fatalf("%v: %+v is over a limit", p, u)
		}
	}
}
