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

// We greet a peer under an older epoch only after sessions of our own in which it has not
// proved itself: those that it opens say nothing, and one in which it does ends it.
func TestNewestEpochComesFirst(t *testing.T) {
	ana, ben, _ := trio(t)
	peer, session := ben.identity.Authority(), messages.SyncSession(0)
	open := func(initiator bool) (greeting messages.Epoch) {
		t.Helper()
		session++
		ana.syncOut = nil
		ana.stepSync(start, messages.SyncOpened{Session: session, Peer: peer, Initiator: initiator})
		if initiator {
			hello, err := parseFrame(ana.syncOut[0].(SendFrame).Frame)
			if err != nil {
				t.Fatal(err)
			}
			greeting = hello.(helloFrame).Epoch
		}
		return greeting
	}
	end := func() { ana.stepSync(start, messages.SyncClosed{Session: session}) }
	ana.stepSync(start, messages.SyncPeerUp{Peer: peer})
	for range 2 {
		open(false)
		end()
	}
	if epoch := open(true); epoch != ana.view.Epoch {
		t.Errorf("after sessions of the peer's, it is greeted under epoch %d", epoch)
	}
	end()
	if epoch := open(true); epoch != ana.view.Epoch-1 {
		t.Errorf("after one of ours, it is greeted under epoch %d", epoch)
	}
	end()
	open(false)
	ana.stepSync(start, messages.SyncFrame{Session: session, Frame: helloOf(ben)})
	end()
	if epoch := open(true); epoch != ana.view.Epoch {
		t.Errorf("after it has proved itself, it is greeted under epoch %d", epoch)
	}
}
