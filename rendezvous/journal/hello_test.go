package journal

import (
	"testing"

	"github.com/waymeet/waymeet/messages"
)

// A member who is behind answers a hello that it cannot check with its own; the
// initiator then proves itself under that epoch.
func TestProofUnderAnOlderEpoch(t *testing.T) {
	for name, spoil := range map[string]byte{"right": 0, "wrong": 1} {
		t.Run(name, func(t *testing.T) {
			ana, ben, _ := trio(t)
			ana.admit(start, 4)
			ben.stepSync(start, messages.SyncPeerUp{Peer: ana.identity.Authority()})
			ben.stepSync(start, messages.SyncOpened{Session: 5, Peer: ana.identity.Authority()})
			ben.stepSync(start, messages.SyncFrame{Session: 5, Frame: helloOf(ana)})
			if s := ben.sync.sessions[5]; s == nil || s.proven || s.tagged != 2 {
				t.Fatalf("after a hello of epoch 3: %+v", s)
			}
			tag := sessionTag(ana.state.Tags[2], messages.ChannelID{}, true, [16]byte{1})
			tag[0] ^= spoil
			ben.stepSync(start, messages.SyncFrame{Session: 5, Frame: appendFrame(nil, proofFrame{Epoch: 2, Tag: tag})})
			switch s := ben.sync.sessions[5]; {
			case spoil == 0 && (s == nil || !s.proven):
				t.Errorf("after the proof: %+v, ends %v", s, ben.ends)
			case spoil != 0 && (len(ben.ends) != 1 || ben.ends[0].Reason != EndFault):
				t.Errorf("ends %v", ben.ends)
			}
		})
	}
}

// Who opens a session learns the reason if nothing can come of it.
func TestOpenedSessionEndsWhen(t *testing.T) {
	ana, ben, _ := trio(t)
	peer := ben.identity.Authority()
	ana.stepSync(start, messages.SyncOpened{Session: 5, Peer: peer, Initiator: true})
	if closed, ok := ana.syncOut[0].(CloseSession); !ok || closed.Session != 5 || closed.End.Reason != EndLost {
		t.Errorf("to a peer that is not there: %v", ana.syncOut)
	}
	ana.stepSync(start, messages.SyncPeerUp{Peer: peer})
	ana.stepSync(start, messages.SyncOpened{Session: 6, Peer: peer, Initiator: true})
	hello := helloFrame{Epoch: 999, Frontier: frontierOf(ben.state)}
	ana.stepSync(start, messages.SyncFrame{Session: 6, Frame: appendFrame(nil, hello)})
	if len(ana.ends) != 1 || ana.ends[0].Reason != EndNoCommonEpoch {
		t.Errorf("a peer that answers under an unknown epoch: %v", ana.ends)
	}
}

// Sessions that a peer opens, and in which it does not prove itself, say nothing of the
// epochs that it knows: we go on greeting it under the newest one.
func TestSessionsOfAPeerDoNotMoveOurEpoch(t *testing.T) {
	ana, ben, _ := trio(t)
	peer := ben.identity.Authority()
	ana.stepSync(start, messages.SyncPeerUp{Peer: peer})
	for n := range messages.SyncSession(2) {
		ana.stepSync(start, messages.SyncOpened{Session: n + 1, Peer: peer})
		ana.stepSync(start, messages.SyncClosed{Session: n + 1})
	}
	ana.syncOut = nil
	ana.stepSync(start, messages.SyncOpened{Session: 9, Peer: peer, Initiator: true})
	sent := ana.syncOut[0].(SendFrame)
	if hello, err := parseFrame(sent.Frame); err != nil || hello.(helloFrame).Epoch != ana.view.Epoch {
		t.Errorf("greeted under epoch %d in epoch %d, %v", hello.(helloFrame).Epoch, ana.view.Epoch, err)
	}
}
