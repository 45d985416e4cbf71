package actors

import (
	"errors"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/channel"
	"github.com/waymeet/waymeet/transport/mux"
	"github.com/waymeet/waymeet/transport/quicx"
	"github.com/waymeet/waymeet/transport/vault"
)

// lineWatcher turns what happens to lines into messages. It runs on goroutines
// of the transport and never blocks them.
type lineWatcher struct{ n *Node }

// LineConfirmed implements vault.Watcher.
func (w lineWatcher) LineConfirmed(l *vault.Line) {
	w.n.tellHandshaker(l.Attempt(), messages.DataConfirmed{})
}

// LineUp implements vault.Watcher.
func (w lineWatcher) LineUp(l *vault.Line) {
	w.n.tellHandshaker(l.Attempt(), messages.TransportUp{})
}

// LineClosed implements vault.Watcher.
func (w lineWatcher) LineClosed(l *vault.Line, reason error) {
	record := l.Record()
	switch {
	case record == nil:
		w.n.tellHandshaker(l.Attempt(), messages.TransportFailed{Reason: reason.Error()})
	case record.Context.IsZero():
		w.n.ticketLineClosed(l)
	default:
		w.n.tellManager(messages.ChannelClosed{Channel: record.Channel, Reason: channelReason(reason)})
	}
}

// channelReason says why a channel's transport ended.
func channelReason(err error) messages.ChannelReason {
	var closed *quicx.ClosedError
	switch {
	case errors.Is(err, vault.ErrSilent):
		return messages.ReasonSilent
	case !errors.As(err, &closed):
		return messages.ReasonBroken
	case closed.Remote && closed.Reason == quicx.CloseRemoved:
		return messages.ReasonRemovedByPeer
	case closed.Remote:
		return messages.ReasonClosedByPeer
	}
	return messages.ReasonClosedHere
}

// LineControl implements vault.Watcher.
func (w lineWatcher) LineControl(l *vault.Line, frame []byte) {
	record := l.Record()
	if record == nil || len(frame) == 0 || frame[0] != frameCoordination {
		return
	}
	if coordination, err := messages.ParseCoordination(frame[1:]); err == nil {
		w.n.tellPair(pairOfRecord(*record), coordination)
	}
}

// LinePath implements vault.Watcher.
func (w lineWatcher) LinePath(l *vault.Line, event mux.Event) {
	record := l.Record()
	if record == nil || record.Context.IsZero() { // an attempt, or a ticket's channel
		return
	}
	pair := pairOfRecord(*record)
	switch e := event.(type) {
	case mux.ProbeReceived:
		if e.From.Kind == messages.PathDirect {
			w.n.tellPair(pair, messages.ProbeReceived{From: e.From.Addr, Size: e.Size})
		}
	case mux.ProbeAnswered:
		w.n.tellPair(pair, messages.ProbeAnswered{
			ID: messages.ProbeID(e.ID), From: e.From.Addr, Observed: e.Observed, Size: e.Size, RTT: e.RTT,
		})
	case mux.PathSilent:
		if current, ok := w.n.channelOf(pair); !ok || current != l {
			return // what another channel of the pair sends on may be well
		}
		w.n.tellPair(pair, messages.PathSilent{Path: e.Path, For: e.For})
		if e.Path.Kind == messages.PathRelay {
			w.n.relayEvidence(e.Path, messages.RelayUnanswered{})
		}
	case mux.PathHeard:
		w.n.tellPair(pair, messages.PathHeard{Path: e.Path})
		if e.Path.Kind == messages.PathRelay {
			w.n.relayEvidence(e.Path, messages.RelayHeard{})
		}
	case mux.PathMoved:
		w.n.tellPair(pair, messages.PathHeard{Path: e.To})
	}
}

func pairOfRecord(r messages.ChannelRecord) channel.Pair {
	return channel.Pair{Context: r.Context, Peer: r.Peer}
}

func pairOf(a messages.AttemptID) channel.Pair { return channel.Pair{Context: a.Context, Peer: a.Peer} }

// channelOf is the line of a pair's channel: the newest one that takes new
// streams, else one that drains.
func (n *Node) channelOf(pair channel.Pair) (*vault.Line, bool) {
	var best *vault.Line
	for _, line := range n.lines.Load().Channels() {
		r := line.Record()
		if r == nil || pairOfRecord(*r) != pair || !r.Open {
			continue
		}
		if best == nil || best.Record().Draining && !r.Draining || best.Record().Draining == r.Draining && line.Made().After(best.Made()) {
			best = line
		}
	}
	return best, best != nil
}

// establishing is the line of a pair's newest channel that is not open yet.
func (n *Node) establishing(pair channel.Pair) (*vault.Line, bool) {
	var newest *vault.Line
	for _, line := range n.lines.Load().Channels() {
		if r := line.Record(); r == nil || pairOfRecord(*r) != pair || r.Open {
			continue
		}
		if newest == nil || line.Made().After(newest.Made()) {
			newest = line
		}
	}
	return newest, newest != nil
}
