package rendezvous

import (
	"reflect"
	"testing"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

func (w *world) establish(path messages.PathKind) (messages.GuardOutcome, Establish) {
	return service(alice).PrepareEstablishChannel(w.snapshot(alice, bob), w.view(alice), bob.Authority(), path)
}

func TestEstablishAllowed(t *testing.T) {
	w := newWorld(t)
	for path, cost := range map[messages.PathKind]messages.FlowCost{messages.PathRelay: 3, messages.PathDirect: 2} {
		outcome, establish := w.establish(path)
		wantAllowed(t, outcome)
		want := []messages.EffectCommand{
			messages.ChargeFlowBudget{Peer: bob.Authority(), Cost: cost}, messages.SendHandshake{Peer: bob.Authority()},
		}
		if !reflect.DeepEqual(outcome.Effects, want) {
			t.Errorf("%s: %+v", path, outcome.Effects)
		}
		if establish.Peer != bob.Authority() || establish.PeerKey != bob.Public() || establish.Epoch != epoch || establish.CatchUp ||
			establish.Local.Descriptor.Authority != alice.Authority() || establish.Remote.Descriptor.Authority != bob.Authority() {
			t.Errorf("%s: %+v", path, establish)
		}
	}
}

// SPEC 6.2: "Establish checks, in order: the newest descriptor of that peer in
// that context, not revoked, key matches, commitment matches under the psk
// root of the fact's epoch, path is one it advertises. In its window and of
// the current epoch on both sides: a full channel". SPEC 7.7: "Majors must
// match".
//
// Every row breaks one rule; all rows after it are broken too, and the first
// must be the one that refuses.
func TestEstablishChecksInOrder(t *testing.T) {
	at := func(edit func(*DescriptorRecord)) func(*world) {
		return func(w *world) { w.change(bob, edit) }
	}
	rows := []struct {
		word  string
		spoil func(*world)
	}{
		{"has no descriptor", func(w *world) { delete(w.records, bob.Authority()) }},
		{"is revoked", at(func(r *DescriptorRecord) { r.Revoked = true })},
		{"the key that the roster gives", at(func(r *DescriptorRecord) { r.Descriptor.PublicKey = mallo.Public() })},
		{"does not commit", at(func(r *DescriptorRecord) { r.Descriptor.PSKCommitment[0] ^= 1 })},
		{"advertises no relay path", at(func(r *DescriptorRecord) { r.Descriptor.Endpoints = both[1:] })},
		{"protocol version 2", at(func(r *DescriptorRecord) { r.Descriptor.Version.Major = 2 })},
		{"more than 30 days ago", at(func(r *DescriptorRecord) { r.Descriptor.Valid.Until = noon.Add(-MaxDescriptorAge) })},
	}
	for first := range rows {
		w := newWorld(t)
		for later := len(rows) - 1; later >= first; later-- {
			rows[later].spoil(w)
		}
		outcome, _ := w.establish(messages.PathRelay)
		wantRefusal(t, outcome, messages.GuardRules, rows[first].word)
	}
}

// Each rule refuses by itself, at the peer's descriptor and at our own.
func TestEstablishRefusesEither(t *testing.T) {
	edits := []struct {
		word string
		do   func(*DescriptorRecord)
	}{
		{"is revoked", func(r *DescriptorRecord) { r.Revoked = true }},
		{"the key that the roster gives", func(r *DescriptorRecord) { r.Descriptor.PublicKey = carol.Public() }},
		{"the key that the roster gives", func(r *DescriptorRecord) { r.Descriptor.Authority = carol.Authority() }},
		{"the key that the roster gives", func(r *DescriptorRecord) { r.Descriptor.Context = messages.ContextID{1} }},
		{"does not commit", func(r *DescriptorRecord) { r.Descriptor.Nonce[1] ^= 1 }},
		{"does not commit", func(r *DescriptorRecord) { r.Descriptor.PSKCommitment = [32]byte{} }},
		{"does not commit to the secret of epoch 2", func(r *DescriptorRecord) { r.Epoch = epoch - 1 }},
		{"does not commit to the secret of epoch 1", func(r *DescriptorRecord) { r.Epoch = epoch - 2 }},
		{"protocol version 9", func(r *DescriptorRecord) { r.Descriptor.Version.Major = 9 }},
		{"more than 30 days ago", func(r *DescriptorRecord) { r.Descriptor.Valid.Until = noon.Add(-MaxDescriptorAge) }},
	}
	for _, edit := range edits {
		for _, who := range []membership.Identity{alice, bob} {
			w := newWorld(t)
			w.change(who, edit.do)
			outcome, _ := w.establish(messages.PathRelay)
			wantRefusal(t, outcome, messages.GuardRules, edit.word)
		}
	}
}

func TestEstablishRefusesStrangers(t *testing.T) {
	w := newWorld(t)
	for word, peer := range map[string]membership.Identity{"another member": mallo, "not another member": alice} {
		outcome, _ := service(alice).PrepareEstablishChannel(w.snapshot(alice, peer), w.view(alice), peer.Authority(), messages.PathRelay)
		wantRefusal(t, outcome, messages.GuardRules, word)
	}
	outcome, _ := w.establish(9)
	wantRefusal(t, outcome, messages.GuardRules, "no path of the kind 9")
	delete(w.records, alice.Authority())
	outcome, _ = w.establish(messages.PathRelay)
	wantRefusal(t, outcome, messages.GuardRules, "no descriptor in this context yet")
}

// SPEC 2.5: "State, budgets, capabilities … of one context NEVER serve
// another".
func TestForeignSnapshot(t *testing.T) {
	w := newWorld(t)
	for word, edit := range map[string]func(*messages.GuardSnapshot){
		"another context":   func(s *messages.GuardSnapshot) { s.Context = messages.ContextID{1} },
		"another authority": func(s *messages.GuardSnapshot) { s.Authority = bob.Authority() },
		"of epoch 2":        func(s *messages.GuardSnapshot) { s.Epoch-- },
	} {
		snapshot := w.snapshot(alice, bob)
		edit(&snapshot)
		s, view := service(alice), w.view(alice)
		establish, _ := s.PrepareEstablishChannel(snapshot, view, bob.Authority(), messages.PathRelay)
		handle, _ := s.PrepareHandleHandshake(snapshot, view, w.hello(bob, alice))
		for _, outcome := range []messages.GuardOutcome{
			establish, handle,
			s.PrepareHandleCompletion(snapshot, view, w.established(alice, bob), messages.PathRelay),
			s.PreparePublishDescriptor(snapshot, view, Publication{Nonce: messages.Nonce{99}}),
			s.PrepareRefreshDescriptor(snapshot, view, Publication{Nonce: messages.Nonce{99}}),
			s.PrepareRevokeDescriptor(snapshot, view, w.records[alice.Authority()].Descriptor.Nonce),
		} {
			wantRefusal(t, outcome, messages.GuardRules, word)
		}
	}
}

func (w *world) hello(from, to membership.Identity) messages.Hello {
	return messages.Hello{
		Kind: messages.HelloInit, Sender: from.Authority(), Major: messages.CurrentVersion.Major, Suite: messages.SuiteAESGCM,
		ReceiverNonce: w.records[to.Authority()].Descriptor.Nonce, SenderNonce: w.records[from.Authority()].Descriptor.Nonce,
		Epoch: epoch,
	}
}

// SPEC 6.2: "PrepareHandleHandshake only evaluates (a refusal is silence; its
// one effect is SendHandshakeResponse, uncharged".
func TestHandleHandshake(t *testing.T) {
	w := newWorld(t)
	handle := func(h messages.Hello) (messages.GuardOutcome, Establish) {
		return service(bob).PrepareHandleHandshake(w.snapshot(bob, alice), w.view(bob), h)
	}
	outcome, establish := handle(w.hello(alice, bob))
	wantAllowed(t, outcome)
	if want := []messages.EffectCommand{messages.SendHandshakeResponse{Peer: alice.Authority()}}; !reflect.DeepEqual(outcome.Effects, want) {
		t.Errorf("%+v", outcome.Effects)
	}
	if establish.Peer != alice.Authority() || establish.PeerKey != alice.Public() ||
		establish.Local.Fact != w.records[bob.Authority()].Fact || establish.Remote.Fact != w.records[alice.Authority()].Fact {
		t.Errorf("%+v", establish)
	}
	for word, edit := range map[string]func(*messages.Hello){
		"an answer":           func(h *messages.Hello) { h.Kind = messages.HelloResponse },
		"another member":      func(h *messages.Hello) { h.Sender = mallo.Authority() },
		"protocol version 2":  func(h *messages.Hello) { h.Major = 2 },
		"of epoch 4":          func(h *messages.Hello) { h.Epoch = 4 },
		"that stands":         func(h *messages.Hello) { h.ReceiverNonce = messages.Nonce{} },
		"of ours that stands": func(h *messages.Hello) { h.ReceiverNonce = h.SenderNonce },
		"that we do not hold": func(h *messages.Hello) { h.SenderNonce = messages.Nonce{200} },
		"we do not hold":      func(h *messages.Hello) { h.SenderNonce = h.ReceiverNonce },
		"is not another":      func(h *messages.Hello) { h.Sender = bob.Authority() },
		"do not hold":         func(h *messages.Hello) { h.Sender = carol.Authority() },
	} {
		h := w.hello(alice, bob)
		edit(&h)
		outcome, _ := handle(h)
		wantRefusal(t, outcome, messages.GuardRules, word)
	}
	w.ledger = spentToward(alice, messages.FlowLimit-1)
	outcome, _ = handle(w.hello(alice, bob))
	wantRefusal(t, outcome, messages.GuardFlow, "budget")
}

func spentToward(peer membership.Identity, cost messages.FlowCost) messages.Ledger {
	return messages.Ledger{Flow: map[messages.FlowKey]messages.FlowCost{{Peer: peer.Authority(), Epoch: epoch, Day: noon.Day()}: cost}}
}

// A hello may name a descriptor that a newer one has replaced (SPEC 7.2); a
// revoked one it may not.
func TestHelloNamesOlderDescriptors(t *testing.T) {
	w := newWorld(t)
	h := w.hello(alice, bob)
	oldAlice, oldBob := w.records[alice.Authority()], w.records[bob.Authority()]
	w.publish(alice, both)
	w.publish(bob, both[:1])
	outcome, establish := service(bob).PrepareHandleHandshake(w.snapshot(bob, alice), w.view(bob), h)
	wantAllowed(t, outcome)
	if establish.Local.Fact != oldBob.Fact || establish.Remote.Fact != oldAlice.Fact {
		t.Errorf("the prologue would bind %+v", establish)
	}
	delete(w.older, oldAlice.Descriptor.Nonce) // revoked: the view has it no more
	outcome, _ = service(bob).PrepareHandleHandshake(w.snapshot(bob, alice), w.view(bob), h)
	wantRefusal(t, outcome, messages.GuardRules, "that we do not hold")
}

// SPEC 7.2: "of its own descriptors the sender names the newest that the
// receiver's last frontier covered".
func TestNamesWhatThePeerHolds(t *testing.T) {
	w := newWorld(t)
	first := w.records[alice.Authority()]
	second := w.publish(alice, both[:1])
	third := w.publish(alice, both)
	for name, c := range map[string]struct {
		covered messages.Seq
		want    DescriptorRecord
	}{
		"nothing is known":    {0, third},
		"it holds the first":  {first.Seq, first},
		"it holds the second": {third.Seq - 1, second},
		"it holds all":        {third.Seq + 9, third},
	} {
		w.covered = map[messages.AuthorityID]messages.Seq{}
		if c.covered > 0 {
			w.covered[bob.Authority()] = c.covered
		}
		outcome, establish := w.establish(messages.PathRelay)
		wantAllowed(t, outcome)
		if establish.Local.Fact != c.want.Fact {
			t.Errorf("%s: it names %s", name, establish.Local.Fact.Short())
		}
	}
}

func (w *world) established(initiator, responder membership.Identity) messages.ChannelEstablished {
	return messages.ChannelEstablished{
		Initiator: initiator.Authority(), Responder: responder.Authority(),
		Channel: messages.ChannelID{5}, Epoch: epoch, Transcript: [32]byte{6},
	}
}

// SPEC 6.2: "PrepareHandleCompletion, at the first valid data datagram, charges
// and appends". The initiator has paid when it connected.
func TestHandleCompletion(t *testing.T) {
	w := newWorld(t)
	complete := func(e messages.ChannelEstablished, path messages.PathKind) messages.GuardOutcome {
		return service(alice).PrepareHandleCompletion(w.snapshot(alice, bob), w.view(alice), e, path)
	}
	for path, cost := range map[messages.PathKind]messages.FlowCost{messages.PathRelay: 3, messages.PathDirect: 2} {
		e := w.established(bob, alice)
		outcome := complete(e, path)
		wantAllowed(t, outcome)
		want := []messages.EffectCommand{messages.ChargeFlowBudget{Peer: bob.Authority(), Cost: cost}, messages.JournalAppend{Fact: e}}
		if !reflect.DeepEqual(outcome.Effects, want) {
			t.Errorf("responder over %s: %+v", path, outcome.Effects)
		}
		e = w.established(alice, bob)
		outcome = complete(e, path)
		wantAllowed(t, outcome)
		if want = []messages.EffectCommand{messages.JournalAppend{Fact: e}}; !reflect.DeepEqual(outcome.Effects, want) {
			t.Errorf("initiator over %s: %+v", path, outcome.Effects)
		}
	}
	late, empty, blank := w.established(bob, alice), w.established(bob, alice), w.established(bob, alice)
	late.Epoch--
	empty.Channel, blank.Transcript = messages.ChannelID{}, [32]byte{}
	for word, e := range map[string]messages.ChannelEstablished{
		"one of others":      w.established(bob, carol),
		"oneself":            w.established(alice, alice),
		"no longer a member": w.established(mallo, alice),
		"was of epoch 2":     late,
		"no channel id":      empty,
		"no transcript":      blank,
	} {
		wantRefusal(t, complete(e, messages.PathRelay), messages.GuardRules, word)
	}
	wantRefusal(t, complete(w.established(bob, alice), 0), messages.GuardRules, "no path")
	w.ledger = spentToward(bob, messages.FlowLimit-2)
	wantRefusal(t, complete(w.established(bob, alice), messages.PathRelay), messages.GuardFlow, "costs 3, and 2")
	wantAllowed(t, complete(w.established(bob, alice), messages.PathDirect))
	wantAllowed(t, complete(w.established(alice, bob), messages.PathRelay))
}
