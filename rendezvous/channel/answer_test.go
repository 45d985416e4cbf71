package channel_test

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous"
	"github.com/waymeet/waymeet/rendezvous/channel"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

// TestReplaysCostNothing: SPEC 7.3.
func TestReplaysCostNothing(t *testing.T) {
	small, large := newMembers(t)
	d := newDesk(t, large, small, configOf(large, 1))
	first := the[channel.SpawnHandshaker](t, d.calledBy(small, 5)).Terms.Attempt
	if again := the[channel.Resend](t, d.calledBy(small, 5)); again.Attempt != first || len(d.last) != 1 {
		t.Errorf("the same hello again: %q", kinds(d.last))
	}
	d.step(messages.HandshakerDown{Attempt: first, Failure: messages.FailWrongStatic})
	if effects := d.calledBy(small, 5); kinds(effects) != "Resend" {
		t.Errorf("a forged hello again: %q", kinds(effects))
	}
	d.complete(the[channel.SpawnHandshaker](t, d.calledBy(small, 7)).Terms.Attempt)
	for _, n := range []uint64{5, 6, 7} {
		if effects := d.calledBy(small, n); len(effects) != 0 {
			t.Errorf("n = %d after 7 was completed: %q", n, kinds(effects))
		}
	}
	if effects := d.calledBy(small, 8); kinds(effects) != "SpawnHandshaker" {
		t.Errorf("n = 8: %q", kinds(effects))
	}
}

// TestBogusHelloRaisesNothing: only a completed handshake raises the counter,
// and it stays raised over a restart.
func TestBogusHelloRaisesNothing(t *testing.T) {
	small, large := newMembers(t)
	d := newDesk(t, large, small, configOf(large, 1))
	bogus := the[channel.SpawnHandshaker](t, d.calledBy(small, 1<<60)).Terms.Attempt
	d.step(messages.HandshakerDown{Attempt: bogus, Failure: messages.FailUnopened})
	d.complete(the[channel.SpawnHandshaker](t, d.calledBy(small, 1)).Terms.Attempt)
	saved := the[channel.SavePair](t, d.all)

	config := configOf(large, 1)
	config.Saved = map[channel.Pair]channel.Saved{saved.Pair: saved.Saved}
	d = newDesk(t, large, small, config)
	if effects := d.calledBy(small, 1); len(effects) != 0 {
		t.Errorf("a replay after a restart: %q", kinds(effects))
	}
}

// TestCrashedHandshakerIsReplaced: the peer repeats its hello and is answered.
func TestCrashedHandshakerIsReplaced(t *testing.T) {
	small, large := newMembers(t)
	d := newDesk(t, large, small, configOf(large, 1))
	first := the[channel.SpawnHandshaker](t, d.calledBy(small, 1)).Terms.Attempt
	d.step(messages.HandshakerDown{Attempt: first, Failure: messages.FailCrashed})
	if kinds(d.last) != "AttemptFailed FreeAttempt" {
		t.Errorf("a crash does %q", kinds(d.last))
	}
	if effects := d.calledBy(small, 1); kinds(effects) != "SpawnHandshaker" {
		t.Errorf("the same hello again: %q", kinds(effects))
	}
}

func TestHellosThatAreNotAnswered(t *testing.T) {
	small, large := newMembers(t)
	for _, c := range []struct {
		name  string
		spoil func(*messages.HelloReceived)
		// effects: the host hears why a member is not answered, and of nobody
		// else.
		effects string
	}{
		{"another context", func(h *messages.HelloReceived) { h.Context[0]++ }, ""},
		{"opened by another epoch", func(h *messages.HelloReceived) { h.Epoch++ }, ""},
		{"not a member", func(h *messages.HelloReceived) { h.Hello.Sender[0]++ }, ""},
		{"from ourselves", func(h *messages.HelloReceived) { h.Hello.Sender = large.id() }, ""},
		{"an answer to nothing", func(h *messages.HelloReceived) { h.Hello.Kind = messages.HelloResponse }, ""},
		{"unknown descriptor", func(h *messages.HelloReceived) { h.Hello.ReceiverNonce[0]++ }, "Refused"},
		{"another major", func(h *messages.HelloReceived) { h.Hello.Major++ }, "Refused"},
	} {
		d := newDesk(t, large, small, configOf(large, 1))
		hello := helloOf(small, large.id(), 1)
		c.spoil(&hello)
		if effects := d.step(hello); kinds(effects) != c.effects {
			t.Errorf("%s: %q", c.name, kinds(effects))
		}
	}
}

// TestOlderHandshakeCompletesLate: of two calls of the peer the newer one was
// completed first; the older one is a replay then.
func TestOlderHandshakeCompletesLate(t *testing.T) {
	small, large := newMembers(t)
	d := newDesk(t, large, small, configOf(large, 1))
	older := the[channel.SpawnHandshaker](t, d.calledBy(small, 1)).Terms.Attempt
	newer := d.complete(the[channel.SpawnHandshaker](t, d.calledBy(small, 2)).Terms.Attempt)
	d.step(messages.HandshakeComplete{Attempt: older, Result: messages.HandshakeResult{Hash: [32]byte{9}}})
	if c := d.manager.Channels(); kinds(d.last) != "FreeAttempt" || len(c) != 1 || c[0].Channel != newer {
		t.Errorf("%q, %s", kinds(d.last), d.states())
	}
}

func TestAnswersAreRouted(t *testing.T) {
	small, large := newMembers(t)
	d := newDesk(t, small, large, configOf(small, 1))
	attempt := d.call().Terms.Attempt
	answer := helloOf(large, small.id(), attempt.N)
	answer.Hello.Kind = messages.HelloResponse
	if forward := the[channel.ForwardHello](t, d.step(answer)); forward.Attempt != attempt {
		t.Errorf("forwarded to %s", forward.Attempt)
	}
	answer.Hello.N++
	if effects := d.step(answer); len(effects) != 0 {
		t.Errorf("an answer to another attempt: %q", kinds(effects))
	}
}

// forge is the n-th hello that somebody made up.
func forge(from *member, to messages.AuthorityID, n int) messages.HelloReceived {
	hello := helloOf(from, to, uint64(n)+1)
	binary.BigEndian.PutUint64(hello.Hash[8:], uint64(n))
	return hello
}

// TestPendingOfOnePairIsBounded: a member that forges hellos fills its share
// with what has failed, and a true one still gets in; what runs is never thrown
// out, and the others have their own places.
func TestPendingOfOnePairIsBounded(t *testing.T) {
	small, large := newMembers(t)
	others := crowd(small, large, 1)
	d := newDesk(t, large, small, configOf(large, 1))
	running := 0
	for n := range 1000 {
		if kinds(d.step(forge(small, large.id(), n))) == "SpawnHandshaker" {
			running++
		}
	}
	if running != 8 {
		t.Errorf("%d handshakes of one pair at once", running)
	}
	if effects := d.calledBy(others[0], 1); kinds(effects) != "SpawnHandshaker" {
		t.Errorf("another member: %q", kinds(effects))
	}
	d.after(7 * time.Second)
	if effects := d.step(forge(small, large.id(), 2000)); kinds(effects) != "SpawnHandshaker" {
		t.Errorf("after they have failed: %q", kinds(effects))
	}
}

// TestPendingIsBounded: SPEC 6.3, "≤ 256".
func TestPendingIsBounded(t *testing.T) {
	small, large := newMembers(t)
	others := crowd(small, large, 40)
	d := newDesk(t, large, small, configOf(large, 1))
	running := 0
	for _, other := range others {
		for n := range 10 {
			hello := forge(other, large.id(), n)
			copy(hello.Hash[16:], other.identity.Public().Authority().String())
			if kinds(d.step(hello)) == "SpawnHandshaker" {
				running++
			}
		}
	}
	if running != 256 {
		t.Errorf("%d handshakes at once", running)
	}
}

// TestListensToOldDescriptorsAndEpochs: SPEC 7.2, 7.8.
func TestListensToOldDescriptorsAndEpochs(t *testing.T) {
	small, large := newMembers(t)
	for range 9 {
		advance(small, large)
	}
	newest := small.view.Descriptors[small.id()]
	older := map[messages.Nonce]rendezvous.DescriptorRecord{}
	of := func(nonce byte, edit func(*rendezvous.DescriptorRecord)) {
		record := newest
		record.Epoch, record.Descriptor.Nonce = 0, messages.Nonce{nonce}
		edit(&record)
		older[messages.Nonce{nonce}] = record
	}
	of(1, func(*rendezvous.DescriptorRecord) {})
	of(2, func(r *rendezvous.DescriptorRecord) { r.Epoch = 4 })
	of(3, func(r *rendezvous.DescriptorRecord) {
		r.Descriptor.Valid.Until = messages.MillisOf(start.Add(-31 * 24 * time.Hour))
	})
	of(4, func(r *rendezvous.DescriptorRecord) { r.Revoked = true })
	of(5, func(r *rendezvous.DescriptorRecord) { r.Descriptor.Authority = large.id() })
	small.change(func(v *rendezvous.View) { v.Older = older })
	d := newDesk(t, small, large, configOf(small, 1))
	keys := the[channel.InstallHelloKeys](t, d.all).Keys
	indexes := map[messages.KeyIndex]bool{}
	for _, k := range keys {
		indexes[k.Index] = true
	}
	want := []messages.KeyIndex{membership.HelloIndex(small.view.Keys[9].Hello, newest.Descriptor.Nonce)}
	for epoch := messages.Epoch(2); epoch <= 9; epoch++ {
		want = append(want, membership.HelloIndex(small.view.Keys[epoch].Hello, messages.Nonce{1}))
		if epoch >= 4 { // no hello of an older epoch can name it
			want = append(want, membership.HelloIndex(small.view.Keys[epoch].Hello, messages.Nonce{2}))
		}
	}
	for _, index := range want {
		if !indexes[index] {
			t.Errorf("does not listen to %x", index)
		}
	}
	if len(keys) != len(want) {
		t.Errorf("%d hello keys, want %d", len(keys), len(want))
	}
	if effects := d.step(messages.ContextChanged{Context: d.context}); kinds(effects) != "" {
		t.Errorf("the same view again: %q", kinds(effects))
	}
}
