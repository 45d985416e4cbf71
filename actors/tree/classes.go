package tree

import (
	"strconv"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/channel"
	"github.com/waymeet/waymeet/supervision"
)

// What may become of a message that waits in a full mailbox: one function an
// inbox, which names every message of it. Three rules decide.
//
//   - Droppable is what others can make us hear at will, or evidence of which
//     there is more: its sender says it again, as it does with a datagram that
//     the network loses. So no peer can keep our own messages out of a mailbox.
//   - LatestWins is a state that is told anew whenever something changes, of
//     which the machine needs the last alone. The later one takes the place of
//     the earlier one, so it overtakes what was told between them: that is right
//     only where the machine does not care. A state under a generation replaces
//     those of the same generation alone: who tells late must not wipe out what
//     is newer.
//   - MustDeliver is all the rest: answers to what was asked, ends and
//     beginnings, whatever is told once.
var (
	must      = supervision.Sort{Class: supervision.MustDeliver}
	droppable = supervision.Sort{Class: supervision.Droppable}
)

// latest is LatestWins; of waiting messages with the same key only one waits.
func latest(kind string, key ...byte) supervision.Sort {
	return supervision.Sort{Class: supervision.LatestWins, Key: kind + " " + string(key)}
}

// latestUnder is LatestWins under one generation of what is told.
func latestUnder(kind string, generations ...uint64) supervision.Sort {
	var key []byte
	for _, g := range generations {
		key = append(strconv.AppendUint(key, g, 10), '.')
	}
	return latest(kind, key...)
}

func managerSort(m messages.ChannelManagerMessage) supervision.Sort {
	switch m := m.(type) {
	case messages.HelloReceived: // who calls repeats its hello
		return droppable
	case messages.ContextChanged: // the view is read when it is handled
		return latest("context", m.Context[:]...)
	case messages.PathReady: // whether there is a way, and which
		return latestOfPair(channel.Pair{Context: m.Context, Peer: m.Peer})
	case messages.PathLost:
		return latestOfPair(channel.Pair{Context: m.Context, Peer: m.Peer})
	case messages.ChannelCounted: // a sum
		return latest("counted", m.Channel[:]...)
	case messages.HandshakeComplete, messages.HandshakerDown, messages.ChannelClosed,
		messages.Journaled, messages.JournalRefused, messages.Tick:
	}
	return must
}

func latestOfPair(p channel.Pair) supervision.Sort {
	return latest("path", append(p.Context[:], p.Peer[:]...)...)
}

func handshakerSort(m messages.HandshakerMessage) supervision.Sort {
	switch m.(type) {
	case messages.HandshakeAnswered: // fellow members can forge as many as they like; the hello is repeated
		return droppable
	case messages.InitiateHandshake, messages.AnswerHandshake, messages.MessageOneMade, messages.MessageTwoMade,
		messages.MessageTwoRead, messages.ComputeFailed, messages.DataConfirmed, messages.TransportUp,
		messages.TransportFailed, messages.Tick:
	}
	return must
}

func pairSort(m messages.PeerConnectionMessage) supervision.Sort {
	switch m := m.(type) {
	case messages.Coordination, // an attempt ends by itself, and another follows
		messages.ProbeAnswered, messages.ProbeReceived: // probes are repeated
		return droppable
	case messages.PeerEndpoints: // told after every change of the journal
		return latestUnder("endpoints", uint64(m.Candidates))
	case messages.LocalNetwork:
		return latestUnder("network", uint64(m.Network), uint64(m.Candidates))
	case messages.HoldRelay:
		return latest("hold")
	case messages.PathSilent, messages.PathHeard, // the mux tells of what begins once
		messages.RelayReady, messages.RelayFailed, messages.RelayLost, messages.PathUnanswered,
		messages.ChannelUp, messages.ChannelDown, messages.Tick:
	}
	return must
}

func networkSort(m messages.NetworkMessage) supervision.Sort {
	switch m := m.(type) {
	case messages.Interfaces: // a snapshot of all
		return latest("interfaces")
	case messages.Reflexive: // a relay tells it once: what one observer says is replaced by itself alone
		return latest("reflexive", []byte(string(m.Observer)+" "+m.Local.String())...)
	case messages.SocketBound, messages.ClockJumped, messages.NetworkChanged, messages.Tick:
	}
	return must
}

func publisherSort(m messages.PublisherMessage) supervision.Sort {
	switch m := m.(type) {
	case messages.ContextChanged: // the view is read when it is handled
		return latest("context")
	case messages.LocalEndpoints:
		return latestUnder("endpoints", uint64(m.Network))
	case messages.SlotUp, messages.SlotDown, messages.Journaled, messages.JournalRefused, messages.Tick:
	}
	return must
}

func storeSort(m messages.JournalMessage) supervision.Sort {
	switch m.(type) {
	case messages.PeerHolds, // one may say that a session ended with equal sets, and the next does not
		messages.Commit, messages.AddMember, messages.RemoveMember, messages.AdvanceEpoch, messages.GiveKeys, messages.Withdraw, messages.OfferFacts,
		messages.ReadRanges, messages.CompareRanges, messages.ReadContent, messages.FactsRead,
		messages.Written, messages.Tick:
	}
	return must
}

func syncSort(m messages.JournalSyncMessage) supervision.Sort {
	switch m.(type) {
	case messages.JournalState: // a copy of all
		return latest("state")
	case messages.SyncPeerUp, messages.SyncPeerDown, // one overtaking SyncOpened would keep a session of a channel that is over
		messages.SyncOpened, messages.SyncOpenFailed, messages.SyncClosed,
		messages.SyncFrame, // its reader waits for room, and so does the peer
		messages.FactsRead, messages.RangesCompared, messages.FactsOffered, messages.Tick:
	}
	return must
}

func inviterSort(m messages.InviterMessage) supervision.Sort {
	switch m.(type) {
	case messages.TicketHello: // who knocks repeats its hello
		return droppable
	case messages.RestoreTickets, messages.CreateTicket, messages.TicketSaved, messages.TicketNotSaved,
		messages.SlotRegistered, messages.SlotFailed, messages.HandshakeComplete, messages.HandshakerDown,
		messages.TicketChannelClosed, messages.ClaimReceived, messages.ClaimStored, messages.ClaimAnswered,
		messages.SyncedReceived, messages.Tick:
	}
	return must
}

func joinerSort(m messages.JoinerMessage) supervision.Sort {
	switch m.(type) {
	case messages.BeginJoin, messages.JoinPathReady, messages.JoinPathFailed, messages.HandshakeComplete,
		messages.HandshakerDown, messages.TicketChannelClosed, messages.AnswerReceived, messages.JoinAdopted,
		messages.JoinNotAdopted, messages.JoinSynced, messages.CancelJoin, messages.Tick:
	}
	return must
}

func relaySort(m messages.RelayClientMessage) supervision.Sort {
	switch m.(type) {
	case messages.RelayControlReceived, // requests and keepalives are repeated
		messages.RelayUnanswered, messages.RelayHeard: // the next keepalive finds out too, only later
		return droppable
	case messages.RelayRegisterSlot, messages.RelayDialSlot, messages.RelayEndSession,
		messages.RelayHandshaken, // the keys are made: it comes once
		messages.RelayNetworkChanged, messages.RelayLeave, messages.Tick:
	}
	return must
}

func forwarderSort(m messages.RelayForwarderMessage) supervision.Sort {
	switch m.(type) {
	case messages.RelayRequest: // clients repeat what is not answered
		return droppable
	case messages.RelaySessionsUsed, messages.RelayDrain, messages.Tick:
	}
	return must
}
