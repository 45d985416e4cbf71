package relay

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// A life that begins where the control handshake stands asks again for what is
// wanted, and begins a new handshake only if the relay does not answer.
func TestClientGoesOnWithAStandingHandshake(t *testing.T) {
	c := NewClient(ClientConfig{Random: rand.New(rand.NewPCG(1, 2)), Standing: true})
	effects := c.Step(noon, messages.RelayRegisterSlot{Slot: slotA})
	if len(of[StartHandshake](effects)) != 0 || c.State() != ClientReady {
		t.Fatalf("%v: %#v", c.State(), effects)
	}
	one(t, of[Ready](effects))
	register := one(t, of[SendRegister](effects))
	if earlier := newClient(); register.Request <= earlier.newRequest()+1000 {
		t.Errorf("request %d may be one of an earlier life", register.Request)
	}
	one(t, controls[messages.RelayKeepalive](effects))
	dial := one(t, controls[messages.RelayDial](c.Step(noon, messages.RelayDialSlot{Dial: 1, Slot: slotB})))
	got := one(t, of[SessionReady](answer(c, noon, messages.RelaySession{Request: dial.Request, Session: messages.HopSession{7}})))
	if got.Session != (messages.HopSession{7}) {
		t.Errorf("session %v", got.Session)
	}
	answer(c, noon, messages.RelayRegistered{Request: register.Request, Slot: slotA})

	silent := NewClient(ClientConfig{Random: rand.New(rand.NewPCG(1, 2)), Standing: true})
	silent.Step(noon, messages.RelayRegisterSlot{Slot: slotA})
	effects = until(t, silent, noon.Add(2*time.Second))
	one(t, of[Lost](effects))
	one(t, of[StartHandshake](effects))
}
