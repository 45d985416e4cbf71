package rendezvous

import (
	"slices"

	"github.com/waymeet/waymeet/messages"
)

// PeerInfo is what a view tells of one peer: a pure helper, nothing is kept
// (SPEC 4.7).
type PeerInfo struct {
	Authority messages.AuthorityID
	Key       messages.PublicKey
	// Record is the newest descriptor, in its window and not revoked. Without
	// one, Reachable is false.
	Record    DescriptorRecord
	Reachable bool
}

// HasDirectTransport reports whether the peer advertises an address of its
// own, observed or bound.
func (p PeerInfo) HasDirectTransport() bool {
	return p.Reachable && advertises(p.Record.Descriptor, messages.PathDirect)
}

// RequiresRelay reports whether the peer can be reached through a relay only.
func (p PeerInfo) RequiresRelay() bool {
	return p.Reachable && advertises(p.Record.Descriptor, messages.PathRelay) && !p.HasDirectTransport()
}

// Current is the descriptor that stands for an authority at now.
//
// SPEC 4.2: "the admitted descriptor with the highest (sequence, fact seq),
// whatever its window; if that one is revoked or outside its window, there is
// none".
func (v *View) Current(authority messages.AuthorityID, now messages.Millis) (DescriptorRecord, bool) {
	record, ok := v.Descriptors[authority]
	if !ok || record.Revoked || !record.Descriptor.Valid.Contains(now) {
		return DescriptorRecord{}, false
	}
	return record, true
}

// InfoOf is what the view tells of one member; ok is false for anybody else.
func InfoOf(v *View, peer messages.AuthorityID, now messages.Millis) (info PeerInfo, ok bool) {
	key, member := v.memberKey(peer)
	if !member {
		return PeerInfo{}, false
	}
	record, reachable := v.Current(peer, now)
	return PeerInfo{Authority: peer, Key: key, Record: record, Reachable: reachable}, true
}

// PeersOf are the other members of the context, in the order of their ids,
// those without a descriptor too.
func PeersOf(v *View, now messages.Millis) []PeerInfo {
	var peers []PeerInfo
	for _, member := range v.Roster.Members() {
		if info, ok := InfoOf(v, member.Authority(), now); ok && info.Authority != v.Self {
			peers = append(peers, info)
		}
	}
	return peers
}

// PeersNeedingRefresh are the other members whose newest descriptor is in the
// last tenth of its window, over, revoked, of an older epoch, or missing.
func PeersNeedingRefresh(v *View, now messages.Millis) []messages.AuthorityID {
	var stale []messages.AuthorityID
	for _, info := range PeersOf(v, now) {
		r := info.Record
		if !info.Reachable || r.Epoch != v.Epoch || now >= refreshFrom(r.Descriptor.Valid) {
			stale = append(stale, info.Authority)
		}
	}
	return stale
}

// advertises reports whether the descriptor has an endpoint for that kind of
// path.
func advertises(d messages.RendezvousDescriptor, path messages.PathKind) bool {
	return slices.ContainsFunc(d.Endpoints, func(e messages.LinkEndpoint) bool {
		return e.Protocol.IsRelay() == (path == messages.PathRelay)
	})
}
