package channel_test

import (
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/channel"
)

// both is a desk that calls and is called at the same time.
func both(t *testing.T, self, peer *member) (d *desk, ours, theirs messages.AttemptID) {
	d = newDesk(t, self, peer, configOf(self, 1))
	ours = d.call().Terms.Attempt
	theirs = the[channel.SpawnHandshaker](t, d.calledBy(peer, 1)).Terms.Attempt
	return d, ours, theirs
}

// TestBothCallAtOnce walks all orders at both ends: the one that the smaller
// id initiated stays (SPEC 6.3).
func TestBothCallAtOnce(t *testing.T) {
	small, large := newMembers(t)
	for _, c := range []struct {
		name       string
		self, peer *member
		// oursWins when the smaller id is ours.
		oursWins, oursFirst bool
	}{
		{"smaller, ours first", small, large, true, true},
		{"smaller, theirs first", small, large, true, false},
		{"larger, ours first", large, small, false, true},
		{"larger, theirs first", large, small, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, ours, theirs := both(t, c.self, c.peer)
			winner, loser := ours, theirs
			if !c.oursWins {
				winner, loser = theirs, ours
			}
			if c.oursFirst == c.oursWins {
				d.complete(winner)
				if d.states() != "Active" {
					t.Fatalf("the winner is first: %s", d.states())
				}
				d.step(messages.HandshakeComplete{Attempt: loser, Result: messages.HandshakeResult{Hash: [32]byte{9}}})
			} else {
				// The loser is on disk and waits: its streams are not handed out
				// while the winner is in the air.
				d.complete(loser)
				if d.states() != "Establishing" {
					t.Fatalf("the loser is first: %s", d.states())
				}
				d.complete(winner)
				if reason := the[channel.CloseChannel](t, d.all).Reason; reason != messages.ReasonSuperseded {
					t.Errorf("the loser closes: %s", reason)
				}
			}
			the[channel.OpenStreams](t, d.all)
			up := the[channel.ChannelUp](t, d.all)
			if d.states() != "Active" || up.Initiator != c.oursWins {
				t.Errorf("%s, we are its initiator: %t", d.states(), up.Initiator)
			}
			freed := false
			for _, e := range d.all {
				if f, ok := e.(channel.FreeAttempt); ok && f.Attempt == loser {
					freed = true
				}
			}
			if c.oursFirst == c.oursWins && !freed {
				t.Error("the loser is not freed")
			}
		})
	}
}

// TestCallThatHasSaidNothingIsDropped: the peer's channel was complete before
// our hello left; what we paid is kept for the next call.
func TestCallThatHasSaidNothingIsDropped(t *testing.T) {
	small, large := newMembers(t)
	d := newDesk(t, small, large, configOf(small, 1))
	operation := the[channel.Commit](t, d.last).Commit.Operation
	id := d.complete(the[channel.SpawnHandshaker](t, d.calledBy(large, 1)).Terms.Attempt)
	if effects := d.step(messages.Journaled{Operation: operation}); len(effects) != 0 || d.states() != "Active" {
		t.Errorf("the store answers late: %q, %s", kinds(effects), d.states())
	}
	d.step(messages.ChannelClosed{Channel: id, Reason: messages.ReasonBroken})
	if again := the[channel.Commit](t, d.after(250*time.Millisecond)).Commit.Operation; again != operation {
		t.Error("the next call is paid for again")
	}
}

// TestWaitingChannelOpensWhenTheOtherFails: see openIfUndisputed.
func TestWaitingChannelOpensWhenTheOtherFails(t *testing.T) {
	small, large := newMembers(t)
	d, ours, theirs := both(t, small, large)
	d.complete(theirs)
	if d.states() != "Establishing" {
		t.Fatalf("while ours is in the air: %s", d.states())
	}
	d.step(messages.HandshakerDown{Attempt: ours, Failure: messages.FailTimeout})
	if kinds(d.last) != "AttemptFailed FreeAttempt OpenStreams ChannelUp" || d.states() != "Active" {
		t.Errorf("%q, %s", kinds(d.last), d.states())
	}
}

// TestLostRivalIsNotWaitedFor: a call of the smaller id that was lost on its way
// holds the channel up for half a second at the end that made it, and for twice
// as long where its hello arrived, but not until it fails.
func TestLostRivalIsNotWaitedFor(t *testing.T) {
	for _, outbound := range []bool{true, false} {
		small, large := newMembers(t)
		self, peer, wait := small, large, 500*time.Millisecond
		if !outbound {
			self, peer, wait = large, small, time.Second
		}
		d, ours, theirs := both(t, self, peer)
		lost, goesOn := ours, theirs
		if !outbound {
			lost, goesOn = theirs, ours
		}
		d.complete(goesOn)
		if d.after(wait - time.Millisecond); d.states() != "Establishing" {
			t.Fatalf("ours is lost %t: too early: %s", outbound, d.states())
		}
		effects := d.after(time.Millisecond)
		the[channel.OpenStreams](t, effects)
		if outbound && the[channel.FreeAttempt](t, effects).Attempt != lost {
			t.Error("our own call goes on")
		}
		if d.after(time.Minute); d.states() != "Active" {
			t.Errorf("ours is lost %t: a minute later: %s", outbound, d.states())
		}
	}
}

// TestRestartedPeerSupersedes: only a confirmed channel takes the place of the
// old one, and whoever initiated it.
func TestRestartedPeerSupersedes(t *testing.T) {
	small, large := newMembers(t)
	d := newDesk(t, small, large, configOf(small, 1))
	old := d.complete(d.call().Terms.Attempt)
	attempt := the[channel.SpawnHandshaker](t, d.calledBy(large, 1)).Terms.Attempt
	if d.states() != "Active" {
		t.Errorf("a hello alone makes it %s", d.states())
	}
	next := d.complete(attempt)
	if drained := the[channel.DrainChannel](t, d.all); drained.Channel != old {
		t.Errorf("%s drains", drained.Channel.Short())
	}
	d.after(time.Minute)
	if c := d.manager.Channels(); len(c) != 1 || c[0].Channel != next {
		t.Errorf("a minute later: %s", d.states())
	}
}

func TestLostChannelIsCalledAgain(t *testing.T) {
	small, large := newMembers(t)
	d := newDesk(t, small, large, configOf(small, 1))
	first := d.complete(d.call().Terms.Attempt)
	d.step(messages.ChannelCounted{Channel: first, BytesSent: 5, BytesReceived: 6})
	if c := d.manager.Channels()[0]; c.BytesSent != 5 || c.BytesReceived != 6 {
		t.Errorf("counted %d and %d", c.BytesSent, c.BytesReceived)
	}
	operations := map[messages.OperationID]bool{}
	for lost := range 20 {
		channelID := d.manager.Channels()[0].Channel
		d.step(messages.ChannelClosed{Channel: channelID, Reason: messages.ReasonBroken})
		if down := the[channel.ChannelDown](t, d.last); down.Channel != channelID || down.Reason != messages.ReasonBroken {
			t.Errorf("down: %v", down)
		}
		wait := d.manager.Deadline().Sub(d.now)
		if least := min(5*time.Second, 200*time.Millisecond<<lost) * 80 / 100; wait < least || wait > 5*time.Second {
			t.Errorf("a channel that breaks at once, %d times: called again after %v", lost+1, wait)
		}
		d.last = d.after(wait)
		if operation := the[channel.Commit](t, d.last).Commit.Operation; operations[operation] {
			t.Error("two channels are paid for once")
		} else {
			operations[operation] = true
		}
		d.complete(d.call().Terms.Attempt)
	}
	d.after(time.Minute)
	d.step(messages.ChannelClosed{Channel: d.manager.Channels()[0].Channel, Reason: messages.ReasonSilent})
	if wait := d.manager.Deadline().Sub(d.now); wait > 300*time.Millisecond {
		t.Errorf("after a healthy channel: called again after %v", wait)
	}
}

// TestRestartGoesOn: a manager that starts again goes on with what is paid and
// what the transport holds.
func TestRestartGoesOn(t *testing.T) {
	small, large := newMembers(t)
	pair := channel.Pair{Context: small.view.Context, Peer: large.id()}
	restart := func(d *desk, live ...messages.ChannelRecord) *desk {
		config := configOf(small, 2)
		config.Live, config.Saved = live, map[channel.Pair]channel.Saved{}
		for _, e := range d.all {
			if s, ok := e.(channel.SavePair); ok {
				config.Saved[pair] = s.Saved
			}
		}
		return newDesk(t, small, large, config)
	}

	paying := newDesk(t, small, large, configOf(small, 1))
	operation := the[channel.Commit](t, paying.all).Commit.Operation
	again := restart(paying)
	if got := the[channel.Commit](t, again.all).Commit.Operation; got != operation {
		t.Error("a restart pays again for the same call")
	}
	calling := again.call().Terms.Attempt
	again.step(messages.HandshakeComplete{Attempt: calling, Result: messages.HandshakeResult{Hash: [32]byte{1}}})
	if calling.N != 2 {
		t.Errorf("the counter came twice: n = %d", calling.N)
	}
	record := the[channel.AdoptChannel](t, again.all).Record
	completion := again.last[len(again.last)-1].(channel.Commit).Commit

	third := restart(again, record)
	if got := the[channel.Commit](t, third.all).Commit; got.Operation != completion.Operation {
		t.Error("an adopted channel is completed by another operation")
	}
	third.step(messages.Journaled{Operation: completion.Operation})
	the[channel.OpenStreams](t, third.last)

	record.Open = true
	fourth := restart(third, record)
	if up := the[channel.ChannelUp](t, fourth.all); up.Channel != record.Channel || fourth.states() != "Active" {
		t.Errorf("an open channel: %s", fourth.states())
	}
	for _, e := range fourth.after(time.Minute) {
		t.Errorf("then %T", e)
	}

	record.Draining = true
	fifth := restart(third, record)
	if fifth.states() != "Active draining" || the[channel.DrainChannel](t, fifth.all).Channel != record.Channel {
		t.Errorf("a draining channel: %s", fifth.states())
	}
	the[channel.SavePair](t, fifth.last)
}

// TestHandshakeOfAnEarlierLife: a manager that died may have answered the same
// hello, and what it was to hear its successor hears. The record names the
// handshake, so that the transport finds no line for it, and the pair goes on.
func TestHandshakeOfAnEarlierLife(t *testing.T) {
	small, large := newMembers(t)
	d := newDesk(t, large, small, configOf(large, 1))
	theirs := the[channel.SpawnHandshaker](t, d.calledBy(small, 1)).Terms.Attempt
	earlier := messages.HandshakeResult{Hash: [32]byte{9}}
	record := the[channel.AdoptChannel](t, d.step(messages.HandshakeComplete{Attempt: theirs, Result: earlier})).Record
	if record.Transcript != earlier.Hash {
		t.Errorf("the record names the handshake %x", record.Transcript)
	}
	d.step(messages.ChannelClosed{Channel: record.Channel, Reason: messages.ReasonBroken})
	if d.states() != "" {
		t.Errorf("there is a channel: %s", d.states())
	}
	the[channel.SavePair](t, d.after(10*time.Second)) // it calls, and keeps the counter first
}
