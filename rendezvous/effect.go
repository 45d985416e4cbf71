package rendezvous

import (
	"errors"
	"fmt"

	"github.com/waymeet/waymeet/messages"
)

// ErrOutcome reports an outcome that must not be executed. It is our mistake,
// never a peer's.
var ErrOutcome = errors.New("unsafe outcome")

// CheckOutcome is the last look at an outcome before it is executed.
//
// SPEC 5.2: "A checker refuses any outcome in which a send comes before its
// charge, or has none (the handshake response of 6.2 excepted)." SPEC 6.2:
// "one Store transaction {compare-and-charge, own receipt, facts}, then sends".
func CheckOutcome(o messages.GuardOutcome) error {
	if !o.Decision.Allowed() && len(o.Effects) > 0 {
		return fmt.Errorf("%w: a refusal with %d effects", ErrOutcome, len(o.Effects))
	}
	paid, sent := map[messages.AuthorityID]int{}, false
	for _, effect := range o.Effects {
		peer, isSend, free := addressee(effect)
		if charge, ok := effect.(messages.ChargeFlowBudget); ok && charge.Cost > 0 {
			paid[charge.Peer]++
		}
		switch {
		case !isSend && sent:
			return fmt.Errorf("%w: %T after a send", ErrOutcome, effect)
		case isSend && !free && paid[peer] == 0:
			return fmt.Errorf("%w: %T to %s without a charge before it", ErrOutcome, effect, peer.Short())
		case isSend && !free:
			paid[peer]--
		}
		sent = sent || isSend
	}
	return nil
}

// addressee says to whom an effect sends, and whether that is free.
func addressee(effect messages.EffectCommand) (peer messages.AuthorityID, isSend, free bool) {
	switch e := effect.(type) {
	case messages.SendHandshake:
		return e.Peer, true, false
	case messages.SendRelay:
		return e.Peer, true, false
	case messages.SendHandshakeResponse:
		return e.Peer, true, true
	}
	return peer, false, false
}
