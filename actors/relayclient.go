package actors

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/relay"
	"github.com/waymeet/waymeet/transport/mux"
)

// performRelay does what the machine of one use of a relay wants.
func (n *Node) performRelay(use *relayUse, effect relay.ClientEffect) {
	switch e := effect.(type) {
	case relay.StartHandshake:
		n.sendRelay(use, use.control.Start())
	case relay.RepeatHandshake:
		n.sendRelay(use, use.control.Repeat())
	case relay.SendControl:
		if datagram, err := use.control.Seal(e.Control); err == nil {
			n.sendRelay(use, datagram)
		}
		if _, bye := e.Control.(messages.RelayBye); bye {
			use.control.End()
			n.leaveUnused(use) // nothing was wanted of it for a while
		}
	case relay.SendRegister:
		n.sendRegister(use, e)
	case relay.Ready:
		use.setState("connected")
	case relay.Unreachable:
		if use.setState("no answer") {
			n.log.Warn("a relay does not answer", "relay", use.key.url.Address)
		}
		n.slotsDown(use, "no answer from "+use.key.url.Address)
	case relay.Lost:
		use.setState("lost")
		n.slotsDown(use, use.key.url.Address+" went silent")
	case relay.LameDuck:
		use.setState("about to stop")
	case relay.SlotRegistered:
		use.setState(messages.RelayStateRegistered)
		if told, ok := use.setSlot(e.Slot, true); ok {
			told.slotUp(use.endpoint(e.Slot))
		}
	case relay.SlotRefused:
		use.setState(e.Code.String())
		if told, ok := use.setSlot(e.Slot, false); ok {
			told.slotDown(use.endpoint(e.Slot), e.Code.String())
		}
	case relay.SessionReady:
		n.sessionReady(use, e)
	case relay.SessionFailed:
		n.sessionFailed(use, e)
	case relay.SessionLost:
		n.sessionLost(use, e)
	case relay.AddressObserved:
		n.addressObserved(use, e.Address)
	}
}

// sendRelay sends a control datagram; without an address, or with nothing to
// say, there is nothing to do until the next try.
func (n *Node) sendRelay(use *relayUse, datagram []byte) {
	if addr := use.address(); addr.IsValid() && len(datagram) > 0 {
		_ = n.socket.Send(datagram, mux.Direct(addr)) // loss is what the machine's retries are for
	}
}

func (n *Node) sendRegister(use *relayUse, e relay.SendRegister) {
	use.mu.Lock()
	slot, ok := use.slots[e.Slot]
	use.mu.Unlock()
	if !ok {
		return
	}
	if datagram, err := use.control.SealRegister(e.Request, slot.key); err == nil {
		n.sendRelay(use, datagram)
	}
}

func (n *Node) slotsDown(use *relayUse, why string) {
	use.mu.Lock()
	slots := slices.Collect(maps.Keys(use.slots))
	use.mu.Unlock()
	for _, slot := range slots {
		if told, ok := use.setSlot(slot, false); ok {
			told.slotDown(use.endpoint(slot), why)
		}
	}
}

func (n *Node) sessionReady(use *relayUse, e relay.SessionReady) {
	use.mu.Lock()
	dial, ok := use.dials[e.Dial]
	path := messages.Path{Kind: messages.PathRelay, Addr: use.addr, Session: e.Session}
	if ok {
		dial.session, dial.ready = e.Session, true
		use.dials[e.Dial] = dial
	}
	use.mu.Unlock()
	if ok {
		dial.told.sessionReady(dial.endpoint, path)
		return
	}
	// Nobody wants it any more.
	n.tellRelay(use, messages.RelayEndSession{Session: e.Session})
}

func (n *Node) sessionFailed(use *relayUse, e relay.SessionFailed) {
	if dial, ok := use.dropDial(e.Dial); ok {
		why := "the relay did not answer"
		if e.Reason != 0 {
			why = e.Reason.String()
		}
		dial.told.sessionFailed(dial.endpoint, why)
	}
	if e.Reason == 0 {
		n.leaveUnused(use) // there is nothing to keep warm
	}
}

func (n *Node) sessionLost(use *relayUse, e relay.SessionLost) {
	if dial, ok := use.dropDial(e.Dial); ok {
		path := messages.Path{Kind: messages.PathRelay, Addr: use.address(), Session: e.Session}
		dial.told.sessionLost(path, "the relay went silent")
	}
	n.leaveUnused(use)
}

// addressObserved tells the network actor how a relay sees this node.
func (n *Node) addressObserved(use *relayUse, mapped netip.AddrPort) {
	use.mu.Lock()
	use.observed = mapped
	use.mu.Unlock()
	n.tellNetwork(messages.Reflexive{
		Network:  n.networkGeneration(),
		Observer: messages.Observer(use.address().String()),
		Mapped:   mapped,
	})
}
