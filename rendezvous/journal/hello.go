package journal

import (
	"crypto/hmac"
	"crypto/sha256"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/waymeet/waymeet/messages"
)

const labelSyncTag messages.Label = "waymeet/1 sync session"

// sessionTag proves to the other side that we mean this context (SPEC 13.1). It
// is made for one channel, so that nobody can show it as its own on another.
func sessionTag(key messages.SecretKey, channel messages.ChannelID, initiator bool, nonce [16]byte) [16]byte {
	mac := hmac.New(sha256.New, key[:])
	mac.Write([]byte(labelSyncTag))
	mac.Write(channel[:])
	if initiator {
		mac.Write([]byte{1})
	} else {
		mac.Write([]byte{2})
	}
	mac.Write(nonce[:])
	return [16]byte(mac.Sum(nil))
}

// opened begins a session. Two sessions of one pair are one too many: the one
// that the smaller authority opened goes on.
func (y *Sync) opened(now time.Time, e messages.SyncOpened) {
	peer := y.peers[e.Peer]
	s := &session{id: e.Session, peer: e.Peer, channel: e.Channel, initiator: e.Initiator, begun: now, heard: now}
	if peer == nil || !y.canSync() {
		y.emit(CloseSession{Session: e.Session, End: SyncEnd{Reason: EndLost, Detail: "no channel to the peer is known"}})
		return
	}
	if e.Initiator && e.Channel != peer.channel {
		y.emit(CloseSession{Session: e.Session, End: endReplaced})
		return
	}
	if e.Initiator {
		peer.opening = time.Time{}
	} else if !peer.sessions.take(now, 1, sessionRate) {
		y.emit(CloseSession{Session: e.Session, End: SyncEnd{Reason: EndBusy, Detail: "it opens too many sessions"}})
		return
	}
	if other := y.sessions[peer.session]; other != nil {
		oursStays := y.state.Self.Compare(e.Peer) < 0
		if e.Initiator == oursStays || other.initiator == e.Initiator {
			y.end(now, other, SyncEnd{Reason: EndDuplicate}, true)
		} else {
			y.emit(CloseSession{Session: e.Session, End: SyncEnd{Reason: EndDuplicate}})
			return
		}
	}
	if len(y.sessions) >= maxSessions {
		peer.want = true
		y.emit(CloseSession{Session: e.Session, End: SyncEnd{Reason: EndBusy, Detail: "others are served"}})
		return
	}
	if _, err := io.ReadFull(y.config.Random, s.nonce[:]); err != nil {
		panic("journal: no randomness for a session: " + err.Error())
	}
	y.sessions[s.id] = s
	peer.session, peer.turn = s.id, now
	if e.Initiator {
		y.greet(s, y.firstEpoch(peer))
	}
}

// firstEpoch is the epoch under which we greet a peer first: the newest whose key we
// hold, and after each session in which the peer did not prove itself an older one,
// round and round. Who knows one of two rival ops holds another key of that number
// than who knows the other; they meet under an epoch before it.
func (y *Sync) firstEpoch(peer *syncPeer) messages.Epoch {
	epochs := slices.Sorted(maps.Keys(y.state.Tags))
	return epochs[len(epochs)-1-peer.unproven%len(epochs)]
}

// greet sends our hello, tagged under that epoch.
func (y *Sync) greet(s *session, epoch messages.Epoch) {
	s.tagged = epoch
	s.round = round{number: 1, ours: showState(y.state), comparison: comparison{over: true}}
	y.send(s, helloFrame{
		Nonce:       s.nonce,
		Epoch:       epoch,
		Tag:         sessionTag(y.state.Tags[epoch], s.channel, s.initiator, s.nonce),
		Count:       y.state.Count,
		Fingerprint: y.state.Fingerprint,
		Frontier:    frontierOf(y.state),
	})
}

// hello checks the peer's tag. A peer that is behind or ahead of us is met
// under an epoch that both hold: the answering hello is tagged under the epoch
// of the first one if we hold it, else under our own, and the initiator then
// proves itself under that one. So a member who missed an epoch op still gets
// it.
func (y *Sync) hello(now time.Time, s *session, h helloFrame) {
	if s.greeted {
		y.fault(now, s, "a second hello")
		return
	}
	s.greeted, s.theirNonce = true, h.Nonce
	key, held := y.state.Tags[h.Epoch]
	if held {
		tag := sessionTag(key, s.channel, !s.initiator, h.Nonce)
		if !hmac.Equal(tag[:], h.Tag[:]) {
			y.fault(now, s, "its hello is not of this context")
			return
		}
		s.proven = true
	}
	theirs := readShown(h.Count, h.Fingerprint, h.Frontier)
	if s.initiator {
		if !held {
			y.end(now, s, SyncEnd{Reason: EndNoCommonEpoch}, true)
			return
		}
		if h.Epoch != s.tagged {
			y.send(s, proofFrame{Epoch: h.Epoch, Tag: sessionTag(key, s.channel, true, s.nonce)})
		}
	} else {
		epoch := h.Epoch
		if !held {
			epoch = slices.Max(slices.Collect(maps.Keys(y.state.Tags)))
		}
		y.greet(s, epoch)
	}
	s.round.theirs = theirs
	if s.proven {
		y.begin(now, s)
	}
}

// proof is the initiator's tag under an epoch that we hold.
func (y *Sync) proof(now time.Time, s *session, f proofFrame) {
	key, held := y.state.Tags[f.Epoch]
	if s.initiator || !s.greeted || s.proven || !held {
		y.fault(now, s, "a proof that nobody asked for")
		return
	}
	tag := sessionTag(key, s.channel, true, s.theirNonce)
	if !hmac.Equal(tag[:], f.Tag[:]) {
		y.fault(now, s, "its proof is not of this context")
		return
	}
	s.proven = true
	y.begin(now, s)
}
