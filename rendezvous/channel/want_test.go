package channel_test

import (
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous"
	"github.com/waymeet/waymeet/rendezvous/channel"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

func TestMemberRemovedAndContextLeft(t *testing.T) {
	for name, end := range map[string]func(*member){
		"removed": func(m *member) {
			m.change(func(v *rendezvous.View) {
				v.Roster = membership.Roster{}.With(membership.Member{PublicKey: m.identity.Public(), Role: messages.RoleParticipant})
			})
		},
		"removed oneself": func(m *member) {
			m.change(func(v *rendezvous.View) { v.Roster = v.Roster.Without(m.id()) })
		},
		"left": func(m *member) { m.view = nil },
	} {
		small, large := newMembers(t)
		d := newDesk(t, small, large, configOf(small, 1))
		d.complete(d.call().Terms.Attempt)
		end(small)
		d.step(messages.ContextChanged{Context: d.context})
		if the[channel.CloseChannel](t, d.last).Reason != messages.ReasonRemoved || d.states() != "" {
			t.Errorf("%s: %q", name, kinds(d.last))
		}
		the[channel.StopConnection](t, d.last)
		if effects := d.after(time.Minute); len(effects) != 0 {
			t.Errorf("%s: then %q", name, kinds(effects))
		}
	}
}

// TestRemovedWhileCalling: what is in the air ends too.
func TestRemovedWhileCalling(t *testing.T) {
	small, large := newMembers(t)
	d, ours, theirs := both(t, small, large)
	small.view = nil
	d.step(messages.ContextChanged{Context: d.context})
	freed := map[messages.AttemptID]bool{}
	for _, e := range d.last {
		if f, ok := e.(channel.FreeAttempt); ok {
			freed[f.Attempt] = true
		}
	}
	if len(freed) != 2 || !freed[ours] || !freed[theirs] {
		t.Errorf("freed %v: %q", freed, kinds(d.last))
	}
	if late := d.step(messages.HandshakeComplete{Attempt: ours}); kinds(late) != "FreeAttempt" {
		t.Errorf("a handshake that completes after all: %q", kinds(late))
	}
}

// TestRevokedPeerIsNotCalled: its channel stays, a new one is not wanted.
func TestRevokedPeerIsNotCalled(t *testing.T) {
	small, large := newMembers(t)
	d := newDesk(t, small, large, configOf(small, 1))
	id := d.complete(d.call().Terms.Attempt)
	small.change(func(v *rendezvous.View) {
		revoked := v.Descriptors[large.id()]
		revoked.Revoked = true
		v.Descriptors = map[messages.AuthorityID]rendezvous.DescriptorRecord{
			small.id(): v.Descriptors[small.id()], large.id(): revoked,
		}
	})
	if d.step(messages.ContextChanged{Context: d.context}); d.states() != "Active" {
		t.Errorf("a revoked descriptor makes the channel %q", d.states())
	}
	d.step(messages.ChannelClosed{Channel: id, Reason: messages.ReasonClosedByPeer})
	if !d.manager.Deadline().IsZero() {
		t.Errorf("it will be called in %v", d.manager.Deadline().Sub(d.now))
	}
}

// TestLargerWaitsInEveryEpoch: both ends see the epoch advance at about the
// same time.
func TestLargerWaitsInEveryEpoch(t *testing.T) {
	small, large := newMembers(t)
	d := newDesk(t, large, small, configOf(large, 1))
	d.complete(d.call().Terms.Attempt)
	d.after(time.Minute)
	advance(small, large)
	d.step(messages.ContextChanged{Context: d.context})
	if wait := d.manager.Deadline().Sub(d.now); kinds(d.last) != "InstallHelloKeys DrainChannel" || wait != time.Second {
		t.Errorf("%q, calls in %v", kinds(d.last), wait)
	}
}

// TestEpochAdvances: the old channel drains while a new one is called.
func TestEpochAdvances(t *testing.T) {
	small, large := newMembers(t)
	d := newDesk(t, small, large, configOf(small, 1))
	old := d.complete(d.call().Terms.Attempt)
	advance(small, large)
	d.step(messages.ContextChanged{Context: d.context})
	if kinds(d.last) != "InstallHelloKeys DrainChannel SavePair Commit" || d.states() != "Active draining" {
		t.Fatalf("the epoch advances: %q, %s", kinds(d.last), d.states())
	}
	keys := the[channel.InstallHelloKeys](t, d.last).Keys
	if len(keys) != 3 || keys[0].Epoch != 0 || keys[1].Epoch != 1 || keys[2].Epoch != 1 {
		t.Errorf("hellos are received under %v", keys)
	}
	attempt := d.call().Terms
	if attempt.Epoch != 1 {
		t.Errorf("the new call is of epoch %d", attempt.Epoch)
	}
	d.complete(attempt.Attempt)
	d.after(time.Minute)
	if closed := the[channel.CloseChannel](t, d.all); closed.Channel != old || closed.Reason != messages.ReasonDrained || d.states() != "Active" {
		t.Errorf("a minute later: %v, %s", closed.Reason, d.states())
	}
}
