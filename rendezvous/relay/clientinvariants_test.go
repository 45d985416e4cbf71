package relay

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/waymeet/waymeet/messages"
)

func TestClientInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, now := newClient(), noon
		asked, ended := map[messages.RelayDialID]bool{}, map[messages.RelayDialID]int{}
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 3000).Draw(t, "ms")) * time.Millisecond)
			m := drawClientMessage(t, c)
			if d, ok := m.(messages.RelayDialSlot); ok {
				asked[d.Dial] = true
			}
			for _, effect := range c.Step(now, m) {
				switch e := effect.(type) {
				case SessionReady:
					ended[e.Dial]++
				case SessionFailed:
					ended[e.Dial]++
				}
			}
			if at := c.Deadline(); !at.IsZero() && !at.After(now) {
				t.Fatalf("deadline %v is not after %v", at, now)
			}
			if c.State() == ClientIdle && (!c.unused() || !c.Deadline().IsZero()) {
				t.Fatal("idle, but something is wanted")
			}
			if c.State() != ClientReady && len(c.sessions) > 0 {
				t.Fatal("sessions without a handshake")
			}
		}
		c.Step(now, messages.RelayLeave{})
		for dial := range ended {
			if !asked[dial] {
				t.Fatal("an answer to a dial that nobody asked for")
			}
		}
	})
}

func drawClientMessage(t *rapid.T, c *Client) messages.RelayClientMessage {
	request := messages.RelayRequestID(max(0, int(c.lastRequest)-rapid.IntRange(0, 3).Draw(t, "request")))
	slot := messages.SlotID{rapid.Byte().Draw(t, "slot") % 3}
	received := func(control messages.RelayControl) messages.RelayClientMessage {
		return messages.RelayControlReceived{Control: control}
	}
	return rapid.SampledFrom([]messages.RelayClientMessage{
		messages.RelayRegisterSlot{Slot: slot},
		messages.RelayDialSlot{Dial: messages.RelayDialID(rapid.IntRange(1, 9).Draw(t, "dial")), Slot: slot},
		messages.RelayHandshaken{}, messages.RelayUnanswered{}, messages.RelayHeard{}, messages.RelayNetworkChanged{},
		messages.Tick{}, messages.Tick{}, messages.RelayLeave{},
		received(messages.RelayRegistered{Request: request, Slot: slot}),
		received(messages.RelaySession{Request: request, Session: messages.HopSession{slot[0]}}),
		received(messages.RelayRefused{Request: request, Code: messages.RelayNoSlot}),
		received(messages.RelayObserved{Request: request, Address: alice.From}),
		messages.RelayEndSession{Session: messages.HopSession{slot[0]}},
	}).Draw(t, "message")
}
