package relay

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
)

var slotA, slotB = messages.SlotID{1}, messages.SlotID{2}

func newClient() *Client { return NewClient(ClientConfig{Random: rand.New(rand.NewPCG(1, 2))}) }

// of keeps the effects of one type.
func of[E ClientEffect](effects []ClientEffect) []E {
	var found []E
	for _, effect := range effects {
		if e, ok := effect.(E); ok {
			found = append(found, e)
		}
	}
	return found
}

// controls keeps the control messages of one type that are sent.
func controls[C messages.RelayControl](effects []ClientEffect) []C {
	var found []C
	for _, send := range of[SendControl](effects) {
		if c, ok := send.Control.(C); ok {
			found = append(found, c)
		}
	}
	return found
}

func one[E any](t *testing.T, found []E) E {
	t.Helper()
	if len(found) != 1 {
		t.Fatalf("%d of %T, want one: %#v", len(found), found, found)
	}
	return found[0]
}

// ready has slotA registered, and the first keepalive answered.
func ready(t *testing.T) *Client {
	t.Helper()
	c := newClient()
	one(t, of[StartHandshake](c.Step(noon, messages.RelayRegisterSlot{Slot: slotA})))
	effects := c.Step(noon, messages.RelayHandshaken{})
	one(t, of[Ready](effects))
	register := one(t, of[SendRegister](effects))
	keepalive := one(t, controls[messages.RelayKeepalive](effects))
	answer(c, noon, messages.RelayRegistered{Request: register.Request, Slot: slotA})
	answer(c, noon, messages.RelayObserved{Request: keepalive.Request, Address: alice.From})
	return c
}

func answer(c *Client, now time.Time, control messages.RelayControl) []ClientEffect {
	return c.Step(now, messages.RelayControlReceived{Control: control})
}

// until ticks through every deadline up to end and collects what is done.
func until(t *testing.T, c *Client, end time.Time) []ClientEffect {
	t.Helper()
	var effects []ClientEffect
	for range 10_000 {
		at := c.Deadline()
		if at.IsZero() || at.After(end) {
			return effects
		}
		effects = append(effects, c.Step(at, messages.Tick{})...)
		if next := c.Deadline(); !next.IsZero() && !next.After(at) {
			t.Fatalf("the deadline %v does not move on", next)
		}
	}
	t.Fatal("too many deadlines")
	return nil
}

func TestClientRegistersAndDials(t *testing.T) {
	c := ready(t)
	dial := one(t, controls[messages.RelayDial](c.Step(noon, messages.RelayDialSlot{Dial: 9, Slot: slotB})))
	if dial.Slot != slotB {
		t.Errorf("dialled %v", dial.Slot)
	}
	session := messages.HopSession{1, 2, 3, 4}
	got := answer(c, noon, messages.RelaySession{Request: dial.Request, Session: session})
	if want := []ClientEffect{SessionReady{9, slotB, session}}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %#v", got)
	}
	if again := answer(c, noon, messages.RelaySession{Request: dial.Request, Session: session}); len(again) != 0 {
		t.Errorf("a repeated answer did %#v", again)
	}
}

func TestClientReportsWhatTheRelaySays(t *testing.T) {
	c := ready(t)
	moved := netip.MustParseAddrPort("198.51.100.7:7")
	if got := answer(c, noon, messages.RelayObserved{Address: alice.From}); len(got) != 0 {
		t.Errorf("the same address did %#v", got)
	}
	if got := one(t, of[AddressObserved](answer(c, noon, messages.RelayObserved{Address: moved}))); got.Address != moved {
		t.Errorf("observed %v", got)
	}
	one(t, of[LameDuck](answer(c, noon, messages.RelayLameDuck{})))
	if got := answer(c, noon, messages.RelayLameDuck{}); len(got) != 0 {
		t.Errorf("a repeated lame duck did %#v", got)
	}
}

// docs/wire.md: "Relay control": "a keepalive every 15 s, up to a fifth sooner".
func TestClientKeepsAliveAtMostEvery15s(t *testing.T) {
	c := ready(t)
	last := noon
	for range 50 {
		at := c.Deadline()
		if gap := at.Sub(last); gap < 12*time.Second || gap > 15*time.Second {
			t.Fatalf("keepalive after %v", gap)
		}
		one(t, controls[messages.RelayKeepalive](c.Step(at, messages.Tick{})))
		answer(c, at, messages.RelayObserved{Address: alice.From})
		last = at
	}
}

// docs/wire.md: "Relay control": "while traffic is unanswered it sends one every
// 500 ms, and after two lost ones it begins a new handshake."
func TestClientGivesUpASilentRelayAfterTwoLostKeepalives(t *testing.T) {
	c := ready(t)
	dial := one(t, controls[messages.RelayDial](c.Step(noon, messages.RelayDialSlot{Dial: 9, Slot: slotB})))
	session := messages.HopSession{1, 2, 3, 4}
	answer(c, noon, messages.RelaySession{Request: dial.Request, Session: session})

	at := noon.Add(time.Second)
	effects := c.Step(at, messages.RelayUnanswered{})
	effects = append(effects, until(t, c, at.Add(999*time.Millisecond))...)
	if got := len(controls[messages.RelayKeepalive](effects)); got != 2 {
		t.Fatalf("%d keepalives in the first second", got)
	}
	if len(of[Lost](effects)) != 0 {
		t.Fatal("given up too early")
	}
	effects = c.Step(at.Add(time.Second), messages.Tick{})
	want := []ClientEffect{Lost{}, SessionLost{9, slotB, session}, StartHandshake{}}
	if !reflect.DeepEqual(effects, want) {
		t.Fatalf("got %#v", effects)
	}
	if len(c.sessions) != 0 {
		t.Error("a lost session would be reported lost again")
	}
	effects = c.Step(at.Add(2*time.Second), messages.RelayHandshaken{})
	if got := one(t, of[SendRegister](effects)); got.Slot != slotA {
		t.Errorf("registered %v again", got.Slot)
	}
}

func TestClientStaysWithARelayThatAnswers(t *testing.T) {
	c := ready(t)
	now := noon
	asked := 0
	for range 1000 { // the peer is silent for ten seconds, the relay is not
		now = now.Add(10 * time.Millisecond)
		effects := append(c.Step(now, messages.RelayUnanswered{}), until(t, c, now)...)
		for range controls[messages.RelayKeepalive](effects) {
			asked++
			effects = append(effects, answer(c, now, messages.RelayObserved{Address: alice.From})...)
		}
		if len(of[Lost](effects)) != 0 {
			t.Fatal("given up")
		}
	}
	if asked < 18 || asked > 20 {
		t.Errorf("%d keepalives in 10 s, want one per 500 ms", asked)
	}
	c.Step(now, messages.RelayUnanswered{})
	c.Step(now.Add(700*time.Millisecond), messages.RelayHeard{})
	if effects := until(t, c, now.Add(5*time.Second)); len(effects) != 0 {
		t.Errorf("after it was heard: %#v", effects)
	}
}

func TestClientRepeatsItsHandshakeWithBackoff(t *testing.T) {
	c := newClient()
	c.Step(noon, messages.RelayRegisterSlot{Slot: slotA})
	last, gaps := noon, []time.Duration{}
	var effects []ClientEffect
	for len(gaps) < 12 {
		at := c.Deadline()
		step := c.Step(at, messages.Tick{})
		effects = append(effects, step...)
		if len(of[RepeatHandshake](step)) == 1 {
			gaps, last = append(gaps, at.Sub(last)), at
		}
	}
	for n, gap := range gaps {
		ideal := min(100*time.Millisecond<<n, 2*time.Second)
		if gap < ideal*8/10 || gap > min(ideal*12/10, 2*time.Second) {
			t.Errorf("gap %d is %v, want %v ± 20 %%, never above 2 s", n, gap, ideal)
		}
	}
	one(t, of[Unreachable](effects))
}

func TestClientRepeatsARequestUnderItsID(t *testing.T) {
	c := ready(t)
	effects := c.Step(noon, messages.RelayDialSlot{Dial: 9, Slot: slotB})
	for now := noon; now.Before(noon.Add(900 * time.Millisecond)); now = now.Add(time.Millisecond) {
		effects = append(effects, until(t, c, now)...)
	}
	dials := controls[messages.RelayDial](effects)
	if len(dials) < 3 {
		t.Fatalf("%d tries in 0.9 s", len(dials))
	}
	for _, d := range dials {
		if d != dials[0] {
			t.Errorf("%+v, then %+v", dials[0], d)
		}
	}
	if len(controls[messages.RelayKeepalive](effects)) == 0 {
		t.Error("an unanswered request did not make it ask whether the relay lives")
	}
}

func TestClientFailsADialThatIsNeverAnswered(t *testing.T) {
	c := newClient()
	effects := c.Step(noon, messages.RelayDialSlot{Dial: 9, Slot: slotB})
	effects = append(effects, until(t, c, noon.Add(time.Minute))...)
	if got := one(t, of[SessionFailed](effects)); got != (SessionFailed{9, slotB, 0}) {
		t.Errorf("got %+v", got)
	}
	if c.State() != ClientIdle {
		t.Error("it goes on though nothing is wanted")
	}
}

// After a relay's restart the slot's owner may come back a moment later.
func TestClientAsksAgainForASlotOfARelayThatIsJustBack(t *testing.T) {
	c := ready(t)
	dial := one(t, controls[messages.RelayDial](c.Step(noon, messages.RelayDialSlot{Dial: 9, Slot: slotB})))
	refused := messages.RelayRefused{Request: dial.Request, Code: messages.RelayNoSlot}
	if got := answer(c, noon.Add(time.Second), refused); len(of[SessionFailed](got)) != 0 {
		t.Fatal("failed while the relay settles")
	}
	got := answer(c, noon.Add(4*time.Second), refused)
	if failed := one(t, of[SessionFailed](got)); failed.Reason != messages.RelayNoSlot {
		t.Errorf("got %+v", failed)
	}
	dial = one(t, controls[messages.RelayDial](c.Step(noon.Add(4*time.Second), messages.RelayDialSlot{Dial: 10, Slot: slotB})))
	full := messages.RelayRefused{Request: dial.Request, Code: messages.RelayFull}
	if failed := one(t, of[SessionFailed](answer(c, noon.Add(4*time.Second), full))); failed.Reason != messages.RelayFull {
		t.Errorf("got %+v", failed)
	}
}

func TestClientRestsARefusedRegistration(t *testing.T) {
	c := ready(t)
	register := one(t, of[SendRegister](c.Step(noon, messages.RelayRegisterSlot{Slot: slotB})))
	got := answer(c, noon, messages.RelayRefused{Request: register.Request, Code: messages.RelayFull})
	if refused := one(t, of[SlotRefused](got)); refused != (SlotRefused{slotB, messages.RelayFull}) {
		t.Errorf("got %+v", refused)
	}
	if early := of[SendRegister](until(t, c, noon.Add(11*time.Second))); len(early) != 0 {
		t.Error("asked again at once")
	}
	again := of[SendRegister](c.Step(noon.Add(30*time.Second), messages.Tick{}))
	if got := one(t, again); got.Slot != slotB || got.Request == register.Request {
		t.Errorf("got %+v", got)
	}
}

func TestClientProvesANewAddressAtOnce(t *testing.T) {
	c := ready(t)
	one(t, controls[messages.RelayKeepalive](c.Step(noon.Add(100*time.Millisecond), messages.RelayNetworkChanged{})))
	c = newClient()
	c.Step(noon, messages.RelayRegisterSlot{Slot: slotA})
	one(t, of[StartHandshake](c.Step(noon.Add(time.Second), messages.RelayNetworkChanged{})))
}

// SPEC 4.5: "lifecycle and reuse (30 s)".
func TestClientLeavesARelayThatNobodyUses(t *testing.T) {
	c := newClient()
	c.Step(noon, messages.RelayDialSlot{Dial: 9, Slot: slotB})
	dial := one(t, controls[messages.RelayDial](c.Step(noon, messages.RelayHandshaken{})))
	session := messages.HopSession{1, 2, 3, 4}
	answer(c, noon, messages.RelaySession{Request: dial.Request, Session: session})
	now := noon
	step := func(end time.Time) (effects []ClientEffect) {
		for ; now.Before(end); now = now.Add(time.Second) {
			effects = append(effects, c.Step(now, messages.RelayHeard{})...)
			effects = append(effects, until(t, c, now)...)
		}
		return effects
	}
	if left := controls[messages.RelayBye](step(noon.Add(2 * time.Minute))); len(left) != 0 {
		t.Fatal("left while a session was in use")
	}
	c.Step(now, messages.RelayEndSession{Session: session})
	if left := controls[messages.RelayBye](step(now.Add(29 * time.Second))); len(left) != 0 {
		t.Fatal("left early")
	}
	one(t, controls[messages.RelayBye](step(now.Add(3*time.Second))))
	if c.State() != ClientIdle || !c.Deadline().IsZero() {
		t.Error("it is not idle")
	}
}

func TestClientLeaves(t *testing.T) {
	c := ready(t)
	c.Step(noon, messages.RelayDialSlot{Dial: 9, Slot: slotB})
	want := []ClientEffect{SessionFailed{9, slotB, 0}, SendControl{messages.RelayBye{}}}
	if got := c.Step(noon, messages.RelayLeave{}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %#v", got)
	}
}

// every message, in every state: no panic, the state is one that the table
// allows, and the invariants hold.
func TestClientDecidesEveryMessageInEveryState(t *testing.T) {
	everything := []messages.RelayClientMessage{
		messages.RelayRegisterSlot{Slot: slotB}, messages.RelayDialSlot{Dial: 1, Slot: slotB},
		messages.RelayEndSession{}, messages.RelayHandshaken{}, messages.RelayUnanswered{}, messages.RelayHeard{},
		messages.RelayNetworkChanged{}, messages.RelayLeave{}, messages.Tick{},
		messages.RelayControlReceived{Control: messages.RelayRegistered{}},
		messages.RelayControlReceived{Control: messages.RelaySession{}},
		messages.RelayControlReceived{Control: messages.RelayRefused{}},
		messages.RelayControlReceived{Control: messages.RelayObserved{}},
		messages.RelayControlReceived{Control: messages.RelayLameDuck{}},
		messages.RelayControlReceived{Control: messages.RelayBye{}},
		messages.RelayControlReceived{Control: messages.RelayDial{}},
	}
	handshaking := func() *Client {
		c := newClient()
		c.Step(noon, messages.RelayRegisterSlot{Slot: slotA})
		return c
	}
	next := map[ClientState]map[string]ClientState{
		ClientIdle: {
			"messages.RelayRegisterSlot": ClientHandshaking, "messages.RelayDialSlot": ClientHandshaking,
		},
		ClientHandshaking: {"messages.RelayHandshaken": ClientReady, "messages.RelayLeave": ClientIdle},
		ClientReady:       {"messages.RelayLeave": ClientIdle},
	}
	for state, build := range map[ClientState]func() *Client{
		ClientIdle: newClient, ClientHandshaking: handshaking, ClientReady: func() *Client { return ready(t) },
	} {
		for _, m := range everything {
			c := build()
			c.Step(noon.Add(time.Millisecond), m)
			want, changes := next[state][fmt.Sprintf("%T", m)]
			if !changes {
				want = state
			}
			if c.State() != want {
				t.Errorf("state %d, %#v: now %d, want %d", state, m, c.State(), want)
			}
		}
	}
}
