package rendezvoustest

import (
	"github.com/waymeet/waymeet/messages"
)

// cmdStray tells the machines of a node what they may hear out of the blue: an
// answer to nothing that they asked, news that come late or twice, what goes
// wrong once in a year, what only a host would say.
func (w *World) cmdStray(args []string) error {
	n, err := w.running(args[0])
	if err != nil {
		return err
	}
	p := n.process
	p.network.tell(messages.NetworkChanged{Reason: "said so"})
	p.network.tell(messages.ClockJumped{})
	p.manager.tell(messages.JournalRefused{Reason: "nobody asked"})
	p.manager.tell(messages.ChannelCounted{})
	p.inviter.tell(messages.TicketNotSaved{})
	for _, cx := range sortedKeys(p.contexts, messages.ContextID.Compare) {
		p.contexts[cx].store.tell(messages.FactsRead{})
		p.contexts[cx].publisher.tell(messages.JournalRefused{Reason: "nobody asked"})
	}
	for _, pair := range p.allPairs() {
		p.tellPair(pair, messages.HoldRelay{On: true})
		p.tellPair(pair, messages.HoldRelay{On: false})
	}
	for _, a := range p.attempts {
		a.shaker.tell(messages.ComputeFailed{Failure: messages.FailTerms})
	}
	for _, j := range p.joins {
		j.joiner.tell(messages.JoinNotAdopted{Why: "the disk is full"})
		j.joiner.tell(messages.CancelJoin{})
	}
	return w.settle()
}
