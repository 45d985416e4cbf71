package channel_test

import (
	"strings"
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous"
	"github.com/waymeet/waymeet/rendezvous/channel"
)

// started takes the pen away from a member: its node has just started.
func started(m *member, peer *member) {
	m.change(func(v *rendezvous.View) {
		v.MayWrite = false
		v.Covered = map[messages.AuthorityID]messages.Seq{peer.id(): 99}
	})
}

// synced gives it back.
func synced(m *member) { m.change(func(v *rendezvous.View) { v.MayWrite = true }) }

// SPEC 3.1: "at every start, before its first own fact in a context with other
// members, a node syncs once or waits 5 s for a peer". So the channel carries
// the sync first.
func TestChannelSyncsBeforeItsFirstFact(t *testing.T) {
	for _, outbound := range []bool{true, false} {
		small, large := newMembers(t)
		self, peer := small, large
		if !outbound {
			self, peer = large, small
		}
		started(self, peer)
		d := newDesk(t, self, peer, configOf(self, 1))
		var attempt messages.AttemptID
		if outbound {
			attempt = d.call().Terms.Attempt
		} else {
			attempt = the[channel.SpawnHandshaker](t, d.calledBy(peer, 1)).Terms.Attempt
		}
		d.step(messages.HandshakeComplete{Attempt: attempt, Result: messages.HandshakeResult{Hash: [32]byte{1}}})
		record := the[channel.AdoptChannel](t, d.last).Record
		if the[channel.AllowSync](t, d.last).Channel != record.Channel || strings.Contains(kinds(d.last), "Commit") {
			t.Fatalf("outbound %t: before the sync it does %q", outbound, kinds(d.last))
		}
		d.after(100 * time.Millisecond)
		synced(self)
		commit := the[channel.Commit](t, d.step(messages.ContextChanged{Context: d.context})).Commit
		if paid := len(commit.Charges) == 1; len(commit.Facts) != 1 || paid == outbound {
			t.Errorf("outbound %t: it journals %+v", outbound, commit)
		}
		d.step(messages.Journaled{Operation: commit.Operation})
		if the[channel.OpenStreams](t, d.last).Channel != record.Channel || d.states() != "Active" {
			t.Errorf("outbound %t: after the sync %q, %q", outbound, kinds(d.last), d.states())
		}
	}
}

// A peer that may be met in full is not one that was away for long: when the
// channel is lost, it is called again as soon as any other.
func TestWithheldPenIsNotBehind(t *testing.T) {
	small, large := newMembers(t)
	started(small, large)
	d := newDesk(t, small, large, configOf(small, 1))
	for range 8 {
		d.step(messages.HandshakeComplete{Attempt: d.call().Terms.Attempt, Result: messages.HandshakeResult{Hash: [32]byte{byte(d.now.UnixMilli())}}})
		lost := the[channel.AllowSync](t, d.last).Channel
		d.step(messages.ChannelClosed{Channel: lost, Reason: messages.ReasonBroken})
		the[channel.StopSync](t, d.last)
		if wait := d.manager.Deadline().Sub(d.now); wait > 5*time.Second {
			t.Fatalf("the next call is in %v", wait)
		}
		d.last = d.after(max(0, d.manager.Deadline().Sub(d.now)))
	}
}

// A peer with whom there was a channel may believe that it goes on: we call,
// though ours is the larger id.
//
// SPEC 8.4: "After a restart … a node dials, jittered, every peer it had a
// channel with".
func TestLargerCallsSoonerAfterARestart(t *testing.T) {
	small, large := newMembers(t)
	stranger := newDesk(t, large, small, configOf(large, 1)).manager.Deadline().Sub(start)
	if stranger != time.Second {
		t.Errorf("it calls a stranger after %v", stranger)
	}
	large.change(func(v *rendezvous.View) {
		v.Established = map[messages.AuthorityID]messages.ChannelEstablished{small.id(): {}}
	})
	waits := map[time.Duration]bool{}
	for seed := range uint64(20) {
		wait := newDesk(t, large, small, configOf(large, seed)).manager.Deadline().Sub(start)
		if wait < 160*time.Millisecond || wait > 240*time.Millisecond {
			t.Errorf("it calls after %v", wait)
		}
		waits[wait] = true
	}
	if len(waits) < 5 {
		t.Errorf("the calls of %d nodes come at %d times", 20, len(waits))
	}
}
