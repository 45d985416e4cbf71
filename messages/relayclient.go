package messages

// RelayDialID names one wish for a session, chosen by whoever asks.
type RelayDialID uint64

// RelayClientMessage is the inbox of a node's side of one relay
// (rendezvous/relay.Client).
type RelayClientMessage interface{ relayClientMessage() }

// RelayRegisterSlot: keep this slot registered at the relay from now on. The
// machine knows the slot; its key stays with whoever sends for the machine.
type RelayRegisterSlot struct{ Slot SlotID }

// RelayDialSlot: get a session with the owner of the slot.
type RelayDialSlot struct {
	Dial RelayDialID
	Slot SlotID
}

// RelayEndSession: the session is not used any more.
type RelayEndSession struct{ Session HopSession }

// RelayHandshaken: the control handshake is complete.
type RelayHandshaken struct{}

// RelayControlReceived: a control message of the relay was opened.
type RelayControlReceived struct{ Control RelayControl }

// RelayUnanswered: hop datagrams were sent through the relay and nothing came
// back for a while. It may be repeated as long as that lasts, a few times a
// second at most.
type RelayUnanswered struct{}

// RelayHeard: a valid datagram came through the relay. It ends what
// RelayUnanswered began; a few a second are enough.
type RelayHeard struct{}

// RelayNetworkChanged: this node's own network changed, so the relay may hear
// it from a new address.
type RelayNetworkChanged struct{}

// RelayLeave: be done with this relay.
type RelayLeave struct{}

func (RelayRegisterSlot) relayClientMessage()    {}
func (RelayDialSlot) relayClientMessage()        {}
func (RelayEndSession) relayClientMessage()      {}
func (RelayHandshaken) relayClientMessage()      {}
func (RelayControlReceived) relayClientMessage() {}
func (RelayUnanswered) relayClientMessage()      {}
func (RelayHeard) relayClientMessage()           {}
func (RelayNetworkChanged) relayClientMessage()  {}
func (RelayLeave) relayClientMessage()           {}
func (Tick) relayClientMessage()                 {}
