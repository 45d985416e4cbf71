package channel_test

import (
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous"
	"github.com/waymeet/waymeet/rendezvous/channel"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

// away ends the windows of all descriptors that the members hold, as if they
// had not met for hours.
func away(members ...*member) {
	for _, m := range members {
		m.change(func(v *rendezvous.View) {
			over := make(map[messages.AuthorityID]rendezvous.DescriptorRecord)
			for id, record := range v.Descriptors {
				record.Descriptor.Valid.Until = messages.MillisOf(start.Add(-time.Hour))
				over[id] = record
			}
			v.Descriptors = over
		})
	}
}

// missAdvance lets the epoch advance without one of the two: she stays in the
// old one, and he knows no newer descriptor of hers.
func missAdvance(behind, ahead *member) {
	was := *behind
	advance(behind, ahead)
	behind.view = was.view
	ahead.change(func(v *rendezvous.View) {
		v.Descriptors = map[messages.AuthorityID]rendezvous.DescriptorRecord{
			ahead.id(): v.Descriptors[ahead.id()], behind.id(): was.view.Descriptors[behind.id()],
		}
		v.Older = map[messages.Nonce]rendezvous.DescriptorRecord{
			was.view.Descriptors[ahead.id()].Descriptor.Nonce: was.view.Descriptors[ahead.id()],
		}
		v.Covered = map[messages.AuthorityID]messages.Seq{behind.id(): was.view.Descriptors[ahead.id()].Seq}
	})
}

// catchUp gives both members the same current view: what a sync, and two fresh
// descriptors, do.
func catchUp(now time.Time, a, b *member) {
	newest := a.view
	if b.view.Epoch.After(newest.Epoch) {
		newest = b.view
	}
	keys := newest.Keys[newest.Epoch]
	descriptors := make(map[messages.AuthorityID]rendezvous.DescriptorRecord)
	older := make(map[messages.Nonce]rendezvous.DescriptorRecord)
	for _, m := range []*member{a, b} {
		for _, record := range m.view.Descriptors {
			older[record.Descriptor.Nonce] = record
		}
		fresh := describe(m, keys, m.view.Descriptors[m.id()].Descriptor.Sequence+10)
		fresh.Descriptor.Valid = messages.Window{From: messages.MillisOf(now), Until: messages.MillisOf(now.Add(time.Hour))}
		descriptors[m.id()] = fresh
	}
	for _, m := range []*member{a, b} {
		m.change(func(v *rendezvous.View) {
			v.Epoch, v.EpochID, v.Keys = newest.Epoch, newest.EpochID, newest.Keys
			v.Descriptors, v.Older = descriptors, older
			v.Covered = map[messages.AuthorityID]messages.Seq{a.id(): 99, b.id(): 99}
		})
	}
}

// SPEC 7.8: "Such a handshake gives a channel in state Establishing with
// `sync:exchange` … for ≤ 30 s; it becomes Active without a new handshake when
// both ends hold each other's current descriptor and epoch".
func TestCatchUpBecomesActive(t *testing.T) {
	for _, outbound := range []bool{true, false} {
		small, large := newMembers(t)
		away(small, large)
		d := newDesk(t, large, small, configOf(large, 1))
		attempt := messages.AttemptID{}
		if outbound {
			attempt = d.call().Terms.Attempt
		} else {
			d.after(2 * time.Second)
			d.step(messages.PathLost{Context: d.context, Peer: d.peer})
			for _, c := range d.all {
				if s, ok := c.(channel.Commit); ok {
					d.step(messages.JournalRefused{Operation: s.Commit.Operation})
				}
			}
			attempt = the[channel.SpawnHandshaker](t, d.calledBy(small, 1)).Terms.Attempt
		}
		d.step(messages.HandshakeComplete{Attempt: attempt, Result: messages.HandshakeResult{Hash: [32]byte{1}}})
		record, allowed := the[channel.AdoptChannel](t, d.last).Record, the[channel.AllowSync](t, d.last)
		if want := messages.MillisOf(d.now.Add(30 * time.Second)); record.CatchUpUntil != want || allowed.Channel != record.Channel {
			t.Errorf("%+v, %+v", record, allowed)
		}
		if strings.Contains(kinds(d.last), "Commit") || d.states() != "Establishing" {
			t.Fatalf("it does %q before it has caught up", kinds(d.last))
		}
		d.after(10 * time.Second)
		catchUp(d.now, small, large)
		commit := the[channel.Commit](t, d.step(messages.ContextChanged{Context: d.context})).Commit
		if paid := len(commit.Charges) == 1; len(commit.Facts) != 1 || paid == outbound {
			t.Errorf("outbound %v: it journals %+v", outbound, commit)
		}
		d.step(messages.Journaled{Operation: commit.Operation})
		the[channel.OpenStreams](t, d.last)
		the[channel.ChannelUp](t, d.last)
		d.after(time.Minute)
		if c := d.manager.Channels(); len(c) != 1 || c[0].State != channel.Active || c[0].CatchUp || c[0].Channel != record.Channel {
			t.Errorf("a minute later: %+v", c)
		}
		if outbound { // what was paid has given a channel; the next one costs again
			d.step(messages.PathReady{Context: d.context, Peer: d.peer, Path: messages.PathDirect})
			d.step(messages.ChannelClosed{Channel: record.Channel, Reason: messages.ReasonClosedByPeer})
			again := the[channel.Commit](t, d.after(1300*time.Millisecond)).Commit
			for _, e := range d.all[:len(d.all)-1] {
				if c, ok := e.(channel.Commit); ok && len(c.Commit.Facts) == 0 && c.Commit.Operation == again.Operation {
					t.Error("one charge pays for two channels")
				}
			}
		}
	}
}

// TestCatchUpWaitsForAWindow: a descriptor of a clock that is ahead becomes valid,
// and nobody tells. The channel that lacked nothing else becomes Active.
func TestCatchUpWaitsForAWindow(t *testing.T) {
	const ahead = 2 * time.Second
	small, large := newMembers(t)
	for whose, publishers := range map[string][]*member{"ours": {large}, "the peer's": {small}, "both": {small, large}} {
		large, small := *large, *small
		away(&small, &large)
		d := newDesk(t, &large, &small, configOf(&large, 1))
		d.step(messages.HandshakeComplete{Attempt: d.call().Terms.Attempt, Result: messages.HandshakeResult{Hash: [32]byte{1}}})
		catchUp(d.now, &small, &large)
		for _, m := range publishers {
			record := large.view.Descriptors[m.id()]
			record.Descriptor.Valid.From = messages.MillisOf(d.now.Add(ahead))
			large.view.Descriptors[m.id()] = record
		}
		early := d.step(messages.ContextChanged{Context: d.context})
		early = append(early, d.after(ahead-time.Millisecond)...)
		if strings.Contains(kinds(early), "Commit") {
			t.Errorf("%s: too early: %q", whose, kinds(early))
		}
		the[channel.Commit](t, d.after(time.Millisecond))
	}
}

// TestCatchUpEnds: after 30 s it closes with a reason, the host hears what was
// missing, and the next call costs nothing more.
func TestCatchUpEnds(t *testing.T) {
	small, large := newMembers(t)
	away(small, large)
	d := newDesk(t, small, large, configOf(small, 1))
	paid := the[channel.Commit](t, d.last).Commit.Operation
	d.step(messages.HandshakeComplete{Attempt: d.call().Terms.Attempt, Result: messages.HandshakeResult{Hash: [32]byte{1}}})
	if d.after(30*time.Second - time.Millisecond); d.states() != "Establishing" {
		t.Fatalf("too early: %q", d.states())
	}
	effects := d.after(time.Millisecond)
	if the[channel.CloseChannel](t, effects).Reason != messages.ReasonNotCaughtUp || d.states() != "" {
		t.Errorf("after 30 s: %q, %q", kinds(effects), d.states())
	}
	the[channel.StopSync](t, effects)
	if reason := the[channel.Refused](t, effects).Decision.Reason; !strings.Contains(reason, "expired 1h0m30s ago") {
		t.Errorf("the host hears %q", reason)
	}
	if again := the[channel.Commit](t, d.after(300*time.Millisecond)).Commit.Operation; again != paid {
		t.Error("the next call costs again")
	}
}

// TestCatchUpIsCalledLessOften: nobody calls for a month, every five seconds,
// who is away.
func TestCatchUpIsCalledLessOften(t *testing.T) {
	small, large := newMembers(t)
	away(small, large)
	d := newDesk(t, small, large, configOf(small, 1))
	calls := 0
	for d.now.Before(start.Add(time.Hour)) {
		d.failCall()
		calls++
	}
	if calls < 50 || calls > 90 {
		t.Errorf("%d calls in an hour", calls)
	}
}

// failCall waits for the next call, and lets it fail.
func (d *desk) failCall() {
	d.t.Helper()
	effects := d.last
	for range 10 {
		for _, e := range effects {
			if c, ok := e.(channel.Commit); ok {
				terms := the[channel.SpawnHandshaker](d.t, d.step(messages.Journaled{Operation: c.Commit.Operation})).Terms
				d.step(messages.HandshakerDown{Attempt: terms.Attempt, Failure: messages.FailTimeout})
				return
			}
		}
		effects = d.after(max(0, d.manager.Deadline().Sub(d.now)))
	}
	d.t.Fatal("it never calls again")
}

// TestCatchUpAnEpochBehind: both are up to date, and the epoch of the channel
// is not: a new one is called at once, and takes its place.
func TestCatchUpAnEpochBehind(t *testing.T) {
	small, large := newMembers(t)
	missAdvance(large, small)
	d := newDesk(t, small, large, configOf(small, 1))
	terms := d.call().Terms
	if terms.Epoch != 0 || terms.SelfNonce == small.view.Descriptors[small.id()].Descriptor.Nonce {
		t.Errorf("it calls in epoch %d, and names what the peer does not hold", terms.Epoch)
	}
	d.step(messages.HandshakeComplete{Attempt: terms.Attempt, Result: messages.HandshakeResult{Hash: [32]byte{1}}})
	old := the[channel.AllowSync](t, d.last).Channel
	if c := d.manager.Channels(); len(c) != 1 || !c[0].NeedsRotation {
		t.Errorf("an epoch behind: %+v", c)
	}
	d.after(7 * time.Second)
	catchUp(d.now, small, large)
	d.step(messages.ContextChanged{Context: d.context})
	if d.states() != "Establishing" {
		t.Errorf("the sync of the peer is cut off: %q", d.states())
	}
	next := d.call().Terms
	if next.Epoch != 1 {
		t.Errorf("the next call is of epoch %d", next.Epoch)
	}
	id := d.complete(next.Attempt)
	if closed := the[channel.CloseChannel](t, d.all); closed.Channel != old || closed.Reason != messages.ReasonSuperseded {
		t.Errorf("%+v closes", closed)
	}
	if c := d.manager.Channels(); len(c) != 1 || c[0].Channel != id || c[0].State != channel.Active {
		t.Errorf("at the end: %+v", c)
	}
}

// TestEpochAdvancesWhileCatchingUp: what the channel is for has just worked.
func TestEpochAdvancesWhileCatchingUp(t *testing.T) {
	small, large := newMembers(t)
	away(small, large)
	d := newDesk(t, small, large, configOf(small, 1))
	d.step(messages.HandshakeComplete{Attempt: d.call().Terms.Attempt, Result: messages.HandshakeResult{Hash: [32]byte{1}}})
	catchUp(d.now, small, large)
	advance(small, large)
	if d.step(messages.ContextChanged{Context: d.context}); d.states() != "Establishing" {
		t.Errorf("%q: %q", d.states(), kinds(d.last))
	}
	if terms := d.call().Terms; terms.Epoch != 1 {
		t.Errorf("the next call is of epoch %d", terms.Epoch)
	}
}

// TestNoCatchUpBesideAChannelThatSyncs: the channel of the old epoch drains,
// and carries the sync; a full one is called as soon as it is possible.
func TestNoCatchUpBesideAChannelThatSyncs(t *testing.T) {
	small, large := newMembers(t)
	d := newDesk(t, small, large, configOf(small, 1))
	d.complete(d.call().Terms.Attempt)
	d.after(time.Minute)
	missAdvance(large, small)
	d.step(messages.ContextChanged{Context: d.context})
	if effects := append(d.last, d.after(50*time.Second)...); strings.Contains(kinds(effects), "Commit") {
		t.Errorf("it calls to catch up: %q", kinds(effects))
	}
	catchUp(d.now, small, large)
	d.step(messages.ContextChanged{Context: d.context})
	if terms := d.call().Terms; d.states() != "Active draining" || terms.Epoch != 1 {
		t.Errorf("%q, calls in epoch %d", d.states(), terms.Epoch)
	}
}

// TestCatchUpNeverDelaysAFullChannel: neither a call that is under way nor a
// wait after many failures.
func TestCatchUpNeverDelaysAFullChannel(t *testing.T) {
	small, large := newMembers(t)
	away(small, large)
	d := newDesk(t, small, large, configOf(small, 1))
	under := d.call().Terms.Attempt
	catchUp(d.now, small, large)
	d.step(messages.ContextChanged{Context: d.context})
	if the[channel.FreeAttempt](t, d.last).Attempt != under || !strings.Contains(kinds(d.last), "Commit") {
		t.Errorf("a call to catch up is under way: %q", kinds(d.last))
	}

	small, large = newMembers(t)
	away(small, large)
	d = newDesk(t, small, large, configOf(small, 1))
	for range 20 {
		d.failCall()
	}
	catchUp(d.now, small, large)
	if effects := d.step(messages.ContextChanged{Context: d.context}); !strings.Contains(kinds(effects), "Commit") {
		t.Errorf("it waits: %q, for %v", kinds(effects), d.manager.Deadline().Sub(d.now))
	}
}

// TestRestartWhileCatchingUp: the transport holds the channel; its time goes on.
func TestRestartWhileCatchingUp(t *testing.T) {
	small, large := newMembers(t)
	away(small, large)
	d := newDesk(t, small, large, configOf(small, 1))
	d.step(messages.HandshakeComplete{Attempt: d.call().Terms.Attempt, Result: messages.HandshakeResult{Hash: [32]byte{1}}})
	config := configOf(small, 1)
	config.Live = []messages.ChannelRecord{the[channel.AdoptChannel](t, d.last).Record}
	next := newDesk(t, small, large, config)
	if the[channel.AllowSync](t, next.all); next.states() != "Establishing" {
		t.Errorf("it resumes with %q, %q", kinds(next.all), next.states())
	}
	next.now = start.Add(30 * time.Second)
	next.step(messages.Tick{})
	if the[channel.CloseChannel](t, next.last).Reason != messages.ReasonNotCaughtUp {
		t.Errorf("after 30 s: %q", kinds(next.last))
	}
}

// SPEC 7.8: "the sender must be in the **current** roster, checked before any
// DH, and all old-epoch hellos share one token bucket." Everybody else meets
// silence, and so does who comes too often.
func TestCallsToCatchUpAreBounded(t *testing.T) {
	small, large := newMembers(t)
	missAdvance(small, large)
	call := func(n uint64) messages.HelloReceived {
		hello := helloOf(small, large.id(), n)
		binary.BigEndian.PutUint64(hello.Hash[8:], n)
		return hello
	}
	d := newDesk(t, large, small, configOf(large, 1))
	d.step(messages.PathLost{Context: d.context, Peer: d.peer})
	if effects := d.step(call(1)); len(effects) != 0 {
		t.Errorf("a restart fills the bucket: %q", kinds(effects))
	}
	d.now = d.now.Add(time.Hour)
	answered := func(from, to uint64) (calls int) {
		for n := from; n < to; n++ {
			switch effects := kinds(d.step(call(n))); effects {
			case "SpawnHandshaker":
				calls++
			case "":
			default:
				t.Fatalf("a call to catch up does %q", effects)
			}
		}
		return calls
	}
	if calls := answered(2, 100); calls != 8 {
		t.Errorf("%d calls at once are answered", calls)
	}
	d.after(7 * time.Second) // the first have failed by then
	if calls := answered(100, 200); calls != 7 {
		t.Errorf("%d more after 7 s", calls)
	}

	d = newDesk(t, large, small, configOf(large, 1))
	d.step(messages.PathLost{Context: d.context, Peer: d.peer})
	d.now = d.now.Add(time.Hour)
	large.change(func(v *rendezvous.View) {
		v.Roster = membership.Roster{}.With(membership.Member{PublicKey: large.identity.Public(), Role: messages.RoleParticipant})
	})
	if effects := d.step(call(1)); len(effects) != 0 {
		t.Errorf("who is not in the current roster gets %q", kinds(effects))
	}
}
