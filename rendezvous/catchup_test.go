package rendezvous

import (
	"strings"
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

// inEpoch makes the newest descriptor of an author one that was published in
// that epoch.
func (w *world) inEpoch(author membership.Identity, number messages.Epoch) {
	w.keys[number] = membership.DeriveKeys(w.context, number, messages.EpochID{byte(number)}, membership.Secret{byte(number), 1})
	w.change(author, func(r *DescriptorRecord) {
		r.Epoch = number
		r.Descriptor.PSKCommitment = w.keys[number].PSKCommitment(r.Descriptor.Nonce)
	})
}

func expire(r *DescriptorRecord) { r.Descriptor.Valid.Until = noon.Add(-time.Minute) }

// SPEC 6.2: "In its window and of the current epoch on both sides: a full
// channel; else a catch-up channel (7.8)." It is paid for like any other call,
// and made under the newest epoch that both ends can be known to hold.
func TestCallToCatchUp(t *testing.T) {
	for name, c := range map[string]struct {
		stale  func(*world)
		epoch  messages.Epoch
		reason string
	}{
		"our descriptor is over":            {func(w *world) { w.change(alice, expire) }, epoch, "expired 1m0s ago"},
		"the peer's descriptor is over":     {func(w *world) { w.change(bob, expire) }, epoch, "expired 1m0s ago"},
		"the peer's is not valid yet":       {func(w *world) { w.change(bob, func(r *DescriptorRecord) { r.Descriptor.Valid.From = noon + 1 }) }, epoch, "compare the clocks"},
		"our descriptor is of an epoch ago": {func(w *world) { w.inEpoch(alice, epoch-1) }, epoch, "of epoch 2, the context is in epoch 3"},
		"the peer is an epoch behind":       {func(w *world) { w.inEpoch(bob, epoch-1) }, epoch - 1, "of epoch 2, the context is in epoch 3"},
		"both are three epochs behind": {func(w *world) {
			w.inEpoch(alice, 0)
			w.inEpoch(bob, 0)
		}, 0, "of epoch 0, the context is in epoch 3"},
	} {
		w := newWorld(t)
		c.stale(w)
		outcome, establish := w.establish(messages.PathRelay)
		wantAllowed(t, outcome)
		if !establish.CatchUp || establish.Epoch != c.epoch {
			t.Errorf("%s: catch-up %v in epoch %d", name, establish.CatchUp, establish.Epoch)
		}
		wantWord(t, name, establish.Reason, c.reason)
		if commit := outcome.Commit(messages.OperationID{}); len(commit.Charges) != 1 || commit.Charges[0].Cost != messages.CostConnectRelay {
			t.Errorf("%s: it costs %v", name, commit.Charges)
		}
	}
}

// The responder takes the epoch under whose key the hello opened, and checks
// the commitments under those of the facts.
func TestAnswerToCatchUp(t *testing.T) {
	handle := func(w *world, edit func(*messages.Hello)) (messages.GuardOutcome, Establish) {
		h := w.hello(alice, bob)
		edit(&h)
		return service(bob).PrepareHandleHandshake(w.snapshot(bob, alice), w.view(bob), h)
	}
	same := func(*messages.Hello) {}
	behind := func(h *messages.Hello) { h.Epoch = epoch - 1 }
	for name, c := range map[string]struct {
		stale func(*world)
		edit  func(*messages.Hello)
		epoch messages.Epoch
	}{
		"its descriptor is over":     {func(w *world) { w.change(alice, expire) }, same, epoch},
		"our descriptor is over":     {func(w *world) { w.change(bob, expire) }, same, epoch},
		"it is an epoch behind":      {func(w *world) { w.inEpoch(alice, epoch-1) }, behind, epoch - 1},
		"it calls in an older epoch": {func(*world) {}, behind, epoch - 1},
	} {
		w := newWorld(t)
		c.stale(w)
		outcome, establish := handle(w, c.edit)
		wantAllowed(t, outcome)
		if !establish.CatchUp || establish.Epoch != c.epoch || establish.Reason == "" {
			t.Errorf("%s: %+v", name, establish)
		}
	}
	for word, spoil := range map[string]func(*world){
		"is revoked": func(w *world) { w.change(alice, func(r *DescriptorRecord) { r.Revoked = true; expire(r) }) },
		"does not commit to the secret of epoch 2": func(w *world) { w.change(alice, func(r *DescriptorRecord) { r.Epoch-- }) },
		"more than 30 days ago": func(w *world) {
			w.change(alice, func(r *DescriptorRecord) { r.Descriptor.Valid.Until = noon.Add(-MaxDescriptorAge) })
		},
		"is not another member": func(w *world) { w.roster = membership.Roster{} },
	} {
		w := newWorld(t)
		spoil(w)
		outcome, _ := handle(w, behind)
		wantRefusal(t, outcome, messages.GuardRules, word)
	}
}

// SPEC 7.8: "for 8 epochs … a node keeps old membership datagram keys".
func TestEightEpochsAreReceived(t *testing.T) {
	v := &View{Epoch: 20}
	for number, want := range map[messages.Epoch]bool{0: false, 12: false, 13: true, 20: true, 21: false} {
		if v.Receives(number) != want {
			t.Errorf("epoch %d in epoch 20: %v", number, !want)
		}
	}
	w := newWorld(t)
	w.inEpoch(bob, 1)
	view := w.view(alice)
	view.Epoch, view.Keys[9] = 9, membership.DeriveKeys(w.context, 9, messages.EpochID{9}, membership.Secret{9})
	outcome, _ := service(alice).PrepareEstablishChannel(
		service(alice).Snapshot(view, bob.Authority(), noon), view, bob.Authority(), messages.PathRelay)
	wantRefusal(t, outcome, messages.GuardRules, "at most 7 epochs are caught up")
}

// SPEC 7.8: "it becomes Active without a new handshake when both ends hold
// each other's current descriptor and epoch".
func TestWhatACatchUpChannelLacks(t *testing.T) {
	for word, spoil := range map[string]func(*world){
		"":                   func(*world) {},
		"expired":            func(w *world) { w.change(bob, expire) },
		"expired 1m0s ago":   func(w *world) { w.change(alice, expire) },
		"is of epoch 2":      func(w *world) { w.inEpoch(bob, epoch-1) },
		"we have no":         func(w *world) { delete(w.records, alice.Authority()) },
		"has no descriptor":  func(w *world) { w.change(bob, func(r *DescriptorRecord) { r.Revoked = true }) },
		"does not commit":    func(w *world) { w.change(bob, func(r *DescriptorRecord) { r.Descriptor.PSKCommitment[0]++ }) },
		"not known to hold":  func(w *world) { w.publish(alice, both[:1]) },
		"not known to hold ": func(w *world) { w.covered = nil },
	} {
		w := newWorld(t)
		w.covered[bob.Authority()] = w.records[alice.Authority()].Seq
		spoil(w)
		wantWord(t, word, w.view(alice).Lacks(bob.Authority(), epoch, noon), word)
	}
	w := newWorld(t)
	mute := *w.view(alice)
	mute.MayWrite = false
	wantWord(t, "the pen is withheld", mute.Lacks(bob.Authority(), epoch, noon), "we have not synced since our start")
	wantWord(t, "an epoch behind", w.view(alice).Lacks(bob.Authority(), epoch-1, noon), "it is of epoch 2, the context is in epoch 3")
}

// SPEC 5.3: sync costs nothing, and takes a capability.
func TestPrepareCatchUp(t *testing.T) {
	w := newWorld(t)
	prepare := func(peer membership.Identity, edit func(*messages.GuardSnapshot)) messages.GuardOutcome {
		snapshot := w.snapshot(alice, peer)
		edit(&snapshot)
		return service(alice).PrepareCatchUp(snapshot, w.view(alice), peer.Authority())
	}
	outcome := prepare(bob, func(*messages.GuardSnapshot) {})
	wantAllowed(t, outcome)
	if len(outcome.Effects) != 0 {
		t.Errorf("it has effects: %v", outcome.Effects)
	}
	wantRefusal(t, prepare(mallo, func(*messages.GuardSnapshot) {}), messages.GuardRules, "another member")
	wantRefusal(t, prepare(bob, func(s *messages.GuardSnapshot) { s.Context[0]++ }), messages.GuardRules, "another context")
	wantRefusal(t, prepare(bob, func(s *messages.GuardSnapshot) { s.Capabilities = nil }), messages.GuardCapability, "sync:exchange")
}

func wantWord(t *testing.T, name, got, word string) {
	t.Helper()
	if (word == "") != (got == "") || !strings.Contains(got, strings.TrimSpace(word)) {
		t.Errorf("%s: it says %q, want %q", name, got, word)
	}
}
