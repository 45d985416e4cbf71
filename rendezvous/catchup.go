package rendezvous

import (
	"fmt"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/guard"
)

// How far back a handshake may reach.
//
// SPEC 7.8: "for 8 epochs or 30 days a node keeps old membership datagram keys
// to *receive* hellos". Epochs are counted, descriptors age.
const (
	MaxEpochs        = 8
	MaxDescriptorAge = 30 * 24 * time.Hour
)

// Receives reports whether a node in the view's epoch still opens hellos of an
// older one.
func (v *View) Receives(epoch messages.Epoch) bool {
	return !epoch.After(v.Epoch) && epoch+MaxEpochs > v.Epoch
}

// PrepareCatchUp prepares to sync over a channel that is not Active: nothing
// is charged and nothing appended.
//
// SPEC 7.8: "a channel in state Establishing with `sync:exchange`". SPEC 5.3:
// "sync … 0, bounded by their own limits".
func (s RendezvousService) PrepareCatchUp(
	snapshot messages.GuardSnapshot, view *View, peer messages.AuthorityID,
) messages.GuardOutcome {
	if reason := s.foreign(snapshot, view); reason != "" {
		return refuse(reason)
	}
	if _, member := view.memberKey(peer); !member || peer == s.local {
		return refuse(fmt.Sprintf("%s is not another member of this context", peer.Short()))
	}
	return guard.Evaluate(snapshot, guard.Request{Operation: guard.ExchangeSync, Peer: peer})
}

// Lacks says what a channel that may only sync still lacks to become Active, or
// "": its own ChannelEstablished waits for the pen.
//
// SPEC 7.8: "it becomes Active without a new handshake when both ends hold
// each other's current descriptor and epoch".
func (v *View) Lacks(peer messages.AuthorityID, epoch messages.Epoch, now messages.Millis) string {
	own, theirs := v.Descriptors[v.Self], v.Descriptors[peer]
	switch {
	case !v.MayWrite:
		return "we have not synced since our start"
	case epoch != v.Epoch:
		return fmt.Sprintf("it is of epoch %d, the context is in epoch %d", epoch, v.Epoch)
	case own.Descriptor.Nonce.IsZero() || own.Revoked:
		return "we have no descriptor in this context"
	case theirs.Descriptor.Nonce.IsZero() || theirs.Revoked:
		return fmt.Sprintf("%s has no descriptor in this context", peer.Short())
	}
	for _, record := range [...]DescriptorRecord{theirs, own} {
		if reason := staleness(v, now, record); reason != "" {
			return reason
		}
		if !commitmentMatches(v, record) {
			return fmt.Sprintf("the descriptor of %s does not commit to the secret of epoch %d",
				record.Descriptor.Authority.Short(), record.Epoch)
		}
	}
	if v.Covered[peer] < own.Seq {
		return fmt.Sprintf("%s is not known to hold our descriptor", peer.Short())
	}
	return ""
}

// ValidFrom is when the windows of our own descriptor and of the peer's have both
// begun. It may be yet to come: the clock of who published is ahead of ours.
func (v *View) ValidFrom(peer messages.AuthorityID) messages.Millis {
	return max(v.Descriptors[v.Self].Descriptor.Valid.From, v.Descriptors[peer].Descriptor.Valid.From)
}

// tooOld says why a handshake reaches back too far even to catch up, or "".
func tooOld(view *View, now messages.Millis, h handshake) string {
	if !view.Receives(h.epoch) {
		return fmt.Sprintf("it would be of epoch %d, the context is in epoch %d, and at most %d epochs are caught up: invite anew",
			h.epoch, view.Epoch, MaxEpochs-1)
	}
	for _, record := range [...]DescriptorRecord{h.remote, h.local} {
		if d := record.Descriptor; now >= d.Valid.Until.Add(MaxDescriptorAge) {
			return fmt.Sprintf("the descriptor of %s expired more than %d days ago: invite anew",
				d.Authority.Short(), MaxDescriptorAge/(24*time.Hour))
		}
	}
	return ""
}

// outOfDate says why a handshake allows no full channel, or "".
//
// SPEC 6.2: "In its window and of the current epoch on both sides: a full
// channel; else a catch-up channel (7.8)."
func outOfDate(view *View, now messages.Millis, h handshake) string {
	for _, record := range [...]DescriptorRecord{h.local, h.remote} {
		if reason := staleness(view, now, record); reason != "" {
			return reason
		}
	}
	if h.epoch != view.Epoch {
		return fmt.Sprintf("the call is of epoch %d, the context is in epoch %d", h.epoch, view.Epoch)
	}
	return ""
}

// staleness says why a descriptor is not current, or "".
func staleness(view *View, now messages.Millis, record DescriptorRecord) string {
	who, window := record.Descriptor.Authority.Short(), record.Descriptor.Valid
	switch {
	case now < window.From:
		return fmt.Sprintf("the descriptor of %s is not valid yet: compare the clocks", who)
	case now >= window.Until:
		ago := messages.Window{From: window.Until, Until: now}.Length().Round(time.Second)
		return fmt.Sprintf("the descriptor of %s expired %s ago", who, ago)
	case record.Epoch != view.Epoch:
		return fmt.Sprintf("the descriptor of %s is of epoch %d, the context is in epoch %d", who, record.Epoch, view.Epoch)
	}
	return ""
}
