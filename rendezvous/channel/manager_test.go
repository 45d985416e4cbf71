package channel_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous"
	"github.com/waymeet/waymeet/rendezvous/channel"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

// desk is one manager under a clock of its own; the test plays everybody else.
type desk struct {
	t       *testing.T
	manager *channel.Manager
	now     time.Time
	context messages.ContextID
	self    messages.AuthorityID
	peer    messages.AuthorityID
	// last are the effects of the last step, all those of all steps.
	last, all []channel.Effect
}

// newDesk is the manager of one member, told of its context and a direct path.
func newDesk(t *testing.T, self, peer *member, config channel.Config) *desk {
	t.Helper()
	d := &desk{t: t, manager: channel.NewManager(config), now: start, context: self.view.Context, self: self.id(), peer: peer.id()}
	d.step(messages.ContextChanged{Context: d.context})
	d.step(messages.PathReady{Context: d.context, Peer: d.peer, Path: messages.PathDirect})
	return d
}

func (d *desk) step(event messages.ChannelManagerMessage) []channel.Effect {
	d.last = d.manager.Step(d.now, event)
	d.all = append(d.all, d.last...)
	return d.last
}

// after lets time pass, deadline by deadline.
func (d *desk) after(wait time.Duration) []channel.Effect {
	d.t.Helper()
	end, effects := d.now.Add(wait), []channel.Effect(nil)
	for range 1000 {
		next := d.manager.Deadline()
		if next.IsZero() || next.After(end) {
			d.now = end
			return effects
		}
		if next.After(d.now) {
			d.now = next
		}
		effects = append(effects, d.step(messages.Tick{})...)
	}
	d.t.Fatal("the deadline never moves")
	return nil
}

// kinds names the effects.
func kinds(effects []channel.Effect) string {
	var names []string
	for _, e := range effects {
		names = append(names, strings.TrimPrefix(fmt.Sprintf("%T", e), "channel."))
	}
	return strings.Join(names, " ")
}

// the is the only effect of its kind among them.
func the[E channel.Effect](t *testing.T, effects []channel.Effect) E {
	t.Helper()
	var found []E
	for _, e := range effects {
		if f, ok := e.(E); ok {
			found = append(found, f)
		}
	}
	if len(found) != 1 {
		var none E
		t.Fatalf("%d effects %T among %q, want 1", len(found), none, kinds(effects))
	}
	return found[0]
}

// call brings the desk to the handshaker of its own call.
func (d *desk) call() channel.SpawnHandshaker {
	d.t.Helper()
	effects := d.last
	if !strings.Contains(kinds(effects), "Commit") {
		effects = d.after(time.Second)
	}
	commit := the[channel.Commit](d.t, effects)
	return the[channel.SpawnHandshaker](d.t, d.step(messages.Journaled{Operation: commit.Commit.Operation}))
}

// calledBy plays a hello of the peer.
func (d *desk) calledBy(peer *member, n uint64) []channel.Effect {
	return d.step(helloOf(peer, d.self, n))
}

func helloOf(from *member, to messages.AuthorityID, n uint64) messages.HelloReceived {
	v := from.view
	return messages.HelloReceived{
		Context: v.Context, Epoch: v.Epoch, Hash: messages.HelloHash{byte(n), from.id()[0]},
		Via: messages.Via{Kind: messages.PathDirect},
		Hello: messages.Hello{
			Kind: messages.HelloInit, Sender: from.id(), Major: messages.CurrentVersion.Major, Suite: messages.SuiteAESGCM,
			ReceiverNonce: v.Descriptors[to].Descriptor.Nonce, SenderNonce: v.Descriptors[from.id()].Descriptor.Nonce,
			Epoch: v.Epoch, Boot: 1, N: n, Noise: []byte("noise"),
		},
	}
}

// complete makes a channel of the attempt and answers for the store.
func (d *desk) complete(attempt messages.AttemptID) messages.ChannelID {
	d.t.Helper()
	hash := [32]byte{byte(attempt.N), attempt.Hello[0], 1}
	effects := d.step(messages.HandshakeComplete{Attempt: attempt, Result: messages.HandshakeResult{Hash: hash}})
	record := the[channel.AdoptChannel](d.t, effects).Record
	d.step(messages.Journaled{Operation: the[channel.Commit](d.t, effects).Commit.Operation})
	return record.Channel
}

// states says of every channel what it is.
func (d *desk) states() string {
	var out []string
	for _, c := range d.manager.Channels() {
		state := c.State.String()
		if c.Draining {
			state += " draining"
		}
		out = append(out, state)
	}
	return strings.Join(out, ", ")
}

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

func TestMemberRemovedAndContextLeft(t *testing.T) {
	for name, end := range map[string]func(*member){
		"removed": func(m *member) {
			m.change(func(v *rendezvous.View) {
				v.Roster = membership.Roster{}.With(membership.Member{PublicKey: m.identity.Public(), Role: messages.RoleParticipant})
			})
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
	if len(keys) != 2 || keys[0].Epoch != 0 || keys[1].Epoch != 1 {
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
