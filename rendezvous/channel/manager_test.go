package channel_test

import (
	"strings"
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/channel"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

func TestSmallerCallsAtOnceLargerWaits(t *testing.T) {
	small, large := newMembers(t)
	if d := newDesk(t, small, large, configOf(small, 1)); kinds(d.last) != "SavePair Commit" {
		t.Errorf("the smaller id does %q", kinds(d.last))
	}
	d := newDesk(t, large, small, configOf(large, 1))
	if kinds(d.all) != "InstallHelloKeys SpawnConnection" {
		t.Errorf("the larger id does %q at once", kinds(d.all))
	}
	if wait := d.manager.Deadline().Sub(d.now); wait != time.Second {
		t.Errorf("the larger id waits %v", wait)
	}
	if effects := d.after(time.Second); kinds(effects) != "SavePair Commit" {
		t.Errorf("then it does %q", kinds(effects))
	}
}

// TestNothingLeavesBeforeItIsPaid: SPEC 6.2.
func TestNothingLeavesBeforeItIsPaid(t *testing.T) {
	small, large := newMembers(t)
	d := newDesk(t, small, large, configOf(small, 1))
	commit := the[channel.Commit](t, d.last)
	if len(commit.Commit.Charges) != 1 || commit.Commit.Charges[0].Cost != messages.CostConnectDirect || commit.Context != d.context {
		t.Errorf("charges %v in %s", commit.Commit.Charges, commit.Context.Short())
	}
	d.after(2 * time.Second)
	for _, e := range d.all {
		switch e := e.(type) {
		case channel.SpawnHandshaker:
			t.Fatal("a handshaker runs before the charge is on disk")
		case channel.Commit:
			if e.Commit.Operation != commit.Commit.Operation {
				t.Error("a repeated commit has another operation id")
			}
		}
	}
	spawn := the[channel.SpawnHandshaker](t, d.step(messages.Journaled{Operation: commit.Commit.Operation}))
	saved := the[channel.SavePair](t, d.all).Saved
	if spawn.Terms.Attempt.N != saved.Last.N || spawn.Terms.Attempt.Boot != saved.Last.Boot || saved.Operation != commit.Commit.Operation {
		t.Error("what was saved before is not what is done")
	}
}

func TestTermsOfBothEndsFit(t *testing.T) {
	small, large := newMembers(t)
	left, right := newDesk(t, small, large, configOf(small, 1)), newDesk(t, large, small, configOf(large, 1))
	ours := left.call().Terms
	hello := helloOf(small, large.id(), ours.Attempt.N)
	theirs := the[channel.SpawnHandshaker](t, right.step(hello)).Terms
	staticOf := func(m *member) [32]byte {
		key, err := membership.NoisePublic(m.identity.Public())
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	switch {
	case ours.PSK != theirs.PSK || ours.PSK.IsZero():
		t.Error("the PSKs differ")
	case string(ours.Prologue) != string(theirs.Prologue) || len(ours.Prologue) == 0:
		t.Error("the prologues differ")
	case ours.PeerStatic != staticOf(large) || theirs.PeerStatic != staticOf(small):
		t.Error("the statics are not the roster's")
	case !ours.Initiator() || theirs.Initiator():
		t.Error("who initiates is not clear")
	case ours.SelfNonce != theirs.PeerNonce || ours.PeerNonce != theirs.SelfNonce:
		t.Error("the nonces do not fit")
	case theirs.Via != hello.Via:
		t.Error("the answer does not go back where the hello came from")
	}
	keys := the[channel.InstallHelloKeys](t, right.all).Keys
	if len(keys) != 1 || keys[0].Index != ours.HelloIndex || keys[0].Key != ours.HelloKey {
		t.Error("the responder does not listen where the initiator calls")
	}
}

// TestStreamsOnlyWhenJournaled: SPEC 6.2, at both ends.
func TestStreamsOnlyWhenJournaled(t *testing.T) {
	small, large := newMembers(t)
	for _, inbound := range []bool{false, true} {
		d, cost := newDesk(t, small, large, configOf(small, 1)), 0
		attempt := d.call().Terms.Attempt
		if inbound {
			d = newDesk(t, large, small, configOf(large, 1))
			attempt, cost = the[channel.SpawnHandshaker](t, d.calledBy(small, 1)).Terms.Attempt, 1
		}
		effects := d.step(messages.HandshakeComplete{Attempt: attempt, Result: messages.HandshakeResult{Hash: [32]byte{1}}})
		if kinds(effects) != "SavePair AdoptChannel Commit" || d.states() != "Establishing" {
			t.Errorf("inbound %t: complete does %q, %s", inbound, kinds(effects), d.states())
		}
		commit := the[channel.Commit](t, effects).Commit
		if len(commit.Charges) != cost || len(commit.Facts) != 1 {
			t.Errorf("inbound %t: commits %d charges and %d facts", inbound, len(commit.Charges), len(commit.Facts))
		}
		fact := commit.Facts[0].(messages.ChannelEstablished)
		if fact.Initiator != small.id() || fact.Responder != large.id() || fact.Transcript != ([32]byte{1}) {
			t.Errorf("inbound %t: fact %v", inbound, fact)
		}
		if effects := d.step(messages.Journaled{Operation: commit.Operation}); kinds(effects) != "OpenStreams ChannelUp" || d.states() != "Active" {
			t.Errorf("inbound %t: journaled does %q, %s", inbound, kinds(effects), d.states())
		}
		if effects := d.step(messages.Journaled{Operation: commit.Operation}); len(effects) != 0 {
			t.Errorf("inbound %t: journaled twice does %q", inbound, kinds(effects))
		}
	}
}

func TestJournalRefusesTheChannel(t *testing.T) {
	small, large := newMembers(t)
	d := newDesk(t, large, small, configOf(large, 1))
	attempt := the[channel.SpawnHandshaker](t, d.calledBy(small, 1)).Terms.Attempt
	effects := d.step(messages.HandshakeComplete{Attempt: attempt, Result: messages.HandshakeResult{Hash: [32]byte{1}}})
	operation := the[channel.Commit](t, effects).Commit.Operation
	d.step(messages.JournalRefused{Operation: operation, Reason: "flow budget"})
	if the[channel.CloseChannel](t, d.last).Reason != messages.ReasonRefused || d.states() != "" {
		t.Errorf("a refused channel: %q, %s", kinds(d.last), d.states())
	}
	if r := the[channel.Refused](t, d.last); r.Decision.Reason != "flow budget" {
		t.Errorf("the host hears %v", r.Decision)
	}
}

func TestJournalRefusesTheCall(t *testing.T) {
	small, large := newMembers(t)
	d := newDesk(t, small, large, configOf(small, 1))
	first := the[channel.Commit](t, d.last).Commit.Operation
	d.step(messages.JournalRefused{Operation: first, Reason: "flow budget"})
	if kinds(d.last) != "Refused SavePair FreeAttempt" {
		t.Errorf("a refused call does %q", kinds(d.last))
	}
	again := the[channel.Commit](t, d.after(300*time.Millisecond))
	if again.Commit.Operation == first {
		t.Error("a refused operation is asked for again")
	}
}

// TestSilentJournal: a commit is repeated with the same id, not for ever.
func TestSilentJournal(t *testing.T) {
	small, large := newMembers(t)
	d := newDesk(t, large, small, configOf(large, 1))
	attempt := the[channel.SpawnHandshaker](t, d.calledBy(small, 1)).Terms.Attempt
	d.step(messages.HandshakeComplete{Attempt: attempt, Result: messages.HandshakeResult{Hash: [32]byte{1}}})
	commits := 0
	for _, e := range d.after(20 * time.Second) {
		if c, ok := e.(channel.Commit); ok && len(c.Commit.Facts) > 0 {
			commits++
		}
	}
	if closed := the[channel.CloseChannel](t, d.all); commits != 5 || closed.Reason != messages.ReasonJournalSilent {
		t.Errorf("repeated %d times, then %s", commits, closed.Reason)
	}
}

// TestOneChargePaysForManyCalls: an offline peer does not use up the budget.
func TestOneChargePaysForManyCalls(t *testing.T) {
	small, large := newMembers(t)
	d := newDesk(t, small, large, configOf(small, 1))
	operations, calls := map[messages.OperationID]bool{}, map[messages.AttemptID]bool{}
	answer := func(effects []channel.Effect) {
		for _, e := range effects {
			if c, ok := e.(channel.Commit); ok {
				operations[c.Commit.Operation] = true
				for _, e := range d.step(messages.Journaled{Operation: c.Commit.Operation}) {
					if s, ok := e.(channel.SpawnHandshaker); ok && calls[s.Terms.Attempt] {
						t.Fatal("a counter came twice")
					} else if ok {
						calls[s.Terms.Attempt] = true
						d.step(messages.HandshakerDown{Attempt: s.Terms.Attempt, Failure: messages.FailTimeout})
					}
				}
			}
		}
	}
	answer(d.last)
	for d.now.Before(start.Add(9 * time.Minute)) {
		answer(d.after(time.Second))
	}
	if len(operations) != 1 || len(calls) < 100 {
		t.Errorf("%d charges for %d calls in 9 minutes", len(operations), len(calls))
	}
	for d.now.Before(start.Add(11 * time.Minute)) {
		answer(d.after(time.Second))
	}
	if len(operations) != 2 {
		t.Errorf("%d charges in 11 minutes", len(operations))
	}
}

func TestRefusedByTheRulesSendsNothing(t *testing.T) {
	small, large := newMembers(t)
	delete(small.view.Descriptors, small.id())
	d := newDesk(t, small, large, configOf(small, 1))
	d.after(10 * time.Second)
	for _, e := range d.all {
		switch e.(type) {
		case channel.Commit, channel.SpawnHandshaker, channel.SavePair:
			t.Fatalf("a refusal has the effect %T", e)
		}
	}
	if r := the[channel.Refused](t, d.all); r.Decision.Allowed() {
		t.Error("the host hears of an allowed refusal")
	}
	small.view.Descriptors[small.id()] = large.view.Descriptors[small.id()]
	if effects := d.step(messages.ContextChanged{Context: d.context}); !strings.Contains(kinds(effects), "Commit") {
		t.Errorf("when it is allowed: %q", kinds(effects))
	}
}
