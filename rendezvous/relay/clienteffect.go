package relay

import (
	"net/netip"

	"github.com/waymeet/waymeet/messages"
)

// ClientEffect is one thing that a node does for one of its relays, or that
// became of it.
type ClientEffect interface{ clientEffect() }

// StartHandshake sends the first datagram of a new control handshake.
type StartHandshake struct{}

// RepeatHandshake sends that datagram again, the same bytes.
type RepeatHandshake struct{}

// SendControl seals and sends a control message.
type SendControl struct{ Control messages.RelayControl }

// SendRegister signs this handshake's hash with the slot's key, then seals and
// sends the RelayRegister. The machine never sees the key.
type SendRegister struct {
	Request messages.RelayRequestID
	Slot    messages.SlotID
}

// Ready reports that the control handshake is complete.
type Ready struct{}

// Unreachable reports, once per handshake, that no answer came for 2 s. It is
// tried on.
type Unreachable struct{}

// Lost reports that the relay went silent; a new handshake has begun.
type Lost struct{}

// SlotRegistered reports that the slot can be dialled.
type SlotRegistered struct{ Slot messages.SlotID }

// SlotRefused reports why it cannot; it is asked for again after 30 s.
type SlotRefused struct {
	Slot messages.SlotID
	Code messages.RelayRefusal
}

// SessionReady answers a RelayDialSlot: datagrams toward the slot's owner go
// under this session.
type SessionReady struct {
	Dial    messages.RelayDialID
	Slot    messages.SlotID
	Session messages.HopSession
}

// SessionFailed answers a RelayDialSlot that cannot be granted.
type SessionFailed struct {
	Dial messages.RelayDialID
	Slot messages.SlotID
	// Reason is what the relay said; zero: it did not answer in time.
	Reason messages.RelayRefusal
}

// SessionLost reports that a session that was ready died with its relay's
// control. Dial again.
type SessionLost struct {
	Dial    messages.RelayDialID
	Slot    messages.SlotID
	Session messages.HopSession
}

// AddressObserved reports from which address the relay hears this node, when
// that has changed.
type AddressObserved struct{ Address netip.AddrPort }

// LameDuck reports that the relay is about to stop.
type LameDuck struct{}

func (StartHandshake) clientEffect()  {}
func (RepeatHandshake) clientEffect() {}
func (SendControl) clientEffect()     {}
func (SendRegister) clientEffect()    {}
func (Ready) clientEffect()           {}
func (Unreachable) clientEffect()     {}
func (Lost) clientEffect()            {}
func (SlotRegistered) clientEffect()  {}
func (SlotRefused) clientEffect()     {}
func (SessionReady) clientEffect()    {}
func (SessionFailed) clientEffect()   {}
func (SessionLost) clientEffect()     {}
func (AddressObserved) clientEffect() {}
func (LameDuck) clientEffect()        {}
