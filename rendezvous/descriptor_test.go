package rendezvous

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/membership"
	"pgregory.net/rapid"
)

// SPEC 4.1: "≤ 16 endpoints, ≤ 4000 B, until ≤ from + 24 h, from ≤ now + 60 s.
// Zero key, zero nonce or zero commitment: refused everywhere."
func TestValidateDescriptor(t *testing.T) {
	w := newWorld(t)
	good := w.records[bob.Authority()].Descriptor
	if err := ValidateDescriptor(good, noon); err != nil {
		t.Fatal(err)
	}
	service := good.Services[0]
	cases := []struct {
		word string // "" for valid
		edit func(*messages.RendezvousDescriptor)
	}{
		{"key is zero", func(d *messages.RendezvousDescriptor) { d.PublicKey = messages.PublicKey{} }},
		{"nonce is zero", func(d *messages.RendezvousDescriptor) { d.Nonce = messages.Nonce{} }},
		{"commitment is zero", func(d *messages.RendezvousDescriptor) { d.PSKCommitment = [32]byte{} }},
		{"no context", func(d *messages.RendezvousDescriptor) { d.Context = messages.ContextID{} }},
		{"not that of the authority", func(d *messages.RendezvousDescriptor) { d.PublicKey = alice.Public() }},
		{"count from 1", func(d *messages.RendezvousDescriptor) { d.Sequence = 0 }},
		{"count from 1", func(d *messages.RendezvousDescriptor) { d.Candidates = 0 }},
		{"", func(d *messages.RendezvousDescriptor) { d.Valid.Until = d.Valid.From.Add(24 * time.Hour) }},
		{"24h0m0s is allowed", func(d *messages.RendezvousDescriptor) { d.Valid.Until = d.Valid.From.Add(24*time.Hour) + 1 }},
		{"window is empty", func(d *messages.RendezvousDescriptor) { d.Valid.Until = d.Valid.From }},
		{"window is empty", func(d *messages.RendezvousDescriptor) { d.Valid.Until = d.Valid.From - 1 }},
		{"", func(d *messages.RendezvousDescriptor) { d.Valid.From = noon.Add(time.Minute) }},
		{"ahead", func(d *messages.RendezvousDescriptor) { d.Valid.From = noon.Add(time.Minute) + 1 }},
		{"", func(d *messages.RendezvousDescriptor) { d.Valid = messages.Window{From: 1, Until: 2} }},
		{"", func(d *messages.RendezvousDescriptor) { d.Endpoints = nil }},
		{"", func(d *messages.RendezvousDescriptor) { d.Endpoints = manyEndpoints(16) }},
		{"17 endpoints", func(d *messages.RendezvousDescriptor) { d.Endpoints = manyEndpoints(17) }},
		{"not an address", func(d *messages.RendezvousDescriptor) {
			d.Endpoints = []messages.LinkEndpoint{{Protocol: messages.LinkQUIC, Address: "home"}}
		}},
		{"4000 are allowed", func(d *messages.RendezvousDescriptor) {
			for range 60 {
				d.Services = append(d.Services, service)
			}
		}},
		{"name of another", func(d *messages.RendezvousDescriptor) {
			s := service
			s.Header.Provider = alice.Authority()
			d.Services = []messages.ServiceDescriptor{s}
		}},
		{"another context", func(d *messages.RendezvousDescriptor) {
			s := service
			s.Header.Scope = messages.ContextID{1}
			d.Services = []messages.ServiceDescriptor{s}
		}},
		{"has a window of", func(d *messages.RendezvousDescriptor) {
			s := service
			s.Header.Valid = messages.Window{}
			d.Services = []messages.ServiceDescriptor{s}
		}},
		{"", func(d *messages.RendezvousDescriptor) { d.NicknameSuggestion = strings.Repeat("ä", 32) }},
		{"at most 64 bytes", func(d *messages.RendezvousDescriptor) { d.NicknameSuggestion = strings.Repeat("a", 65) }},
		{"UTF-8", func(d *messages.RendezvousDescriptor) { d.NicknameSuggestion = "\xff" }},
	}
	for _, c := range cases {
		d := good
		c.edit(&d)
		err := ValidateDescriptor(d, noon)
		if c.word == "" && err != nil {
			t.Errorf("refused: %v", err)
		}
		if c.word != "" && (!errors.Is(err, ErrDescriptor) || !strings.Contains(err.Error(), c.word)) {
			t.Errorf("got %v, want a word of %q", err, c.word)
		}
	}
}

func manyEndpoints(n int) []messages.LinkEndpoint {
	var endpoints []messages.LinkEndpoint
	for i := range n {
		endpoints = append(endpoints, messages.LinkEndpoint{Protocol: messages.LinkQUIC, Address: fmt.Sprintf("203.0.113.9:%d", i+1)})
	}
	return endpoints
}

// SPEC 4.1: "each published descriptor has a greater sequence and
// CandidateGeneration", whatever became of the one before.
func TestEveryDescriptorIsGreater(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		for range rapid.IntRange(1, 5).Draw(rt, "publications") {
			if rapid.Bool().Draw(rt, "revoked") {
				w.change(bob, func(r *DescriptorRecord) { r.Revoked = true })
			}
			before := w.records[bob.Authority()].Descriptor
			after := w.publish(bob, both[:rapid.IntRange(0, 2).Draw(rt, "endpoints")]).Descriptor
			if after.Sequence <= before.Sequence || !after.Candidates.After(before.Candidates) {
				rt.Fatalf("sequence %d after %d, generation %d after %d", after.Sequence, before.Sequence, after.Candidates, before.Candidates)
			}
		}
	})
}

// A cut that leaves our newest descriptor out turns no number back: others may
// have seen it.
func TestNextDescriptorIsGreaterThanOneThatWasLeftOut(t *testing.T) {
	w := newWorld(t)
	view := w.view(bob)
	view.Numbered = DescriptorNumbers{Sequence: 10, Candidates: 12}
	d, err := buildDescriptor(view, Publication{Endpoints: both, Nonce: messages.Nonce{1}, Validity: time.Hour}, noon)
	if err != nil || d.Sequence != 11 || d.Candidates != 13 {
		t.Errorf("descriptor %d of generation %d: %v", d.Sequence, d.Candidates, err)
	}
}

// What we build, the others admit: it is canonical, in its window for the
// default hour, and commits to our secret.
func TestBuiltDescriptor(t *testing.T) {
	w := newWorld(t)
	record := w.publish(bob, both)
	d := record.Descriptor
	if d.Valid != (messages.Window{From: noon, Until: noon.Add(time.Hour)}) {
		t.Errorf("window %+v", d.Valid)
	}
	if d.Version != messages.CurrentVersion || d.Services[0].Header.Epoch != epoch || d.Services[0].Header.Valid != d.Valid {
		t.Errorf("%+v", d)
	}
	if !commitmentMatches(w.view(alice), record) {
		t.Error("another member does not recognise the commitment")
	}
	if again, err := messages.Decode[messages.RendezvousDescriptor](messages.Encode(d)); err != nil || again.Nonce != d.Nonce {
		t.Errorf("%+v, %v", again, err)
	}
}

// SPEC 2.1: "a witness … offers no services": what it would offer as a participant
// it leaves out, for the others take no descriptor of a witness that offers some.
func TestDescriptorOfAWitnessHasNoServices(t *testing.T) {
	w := newWorld(t)
	w.roster = w.roster.With(membership.Member{PublicKey: bob.Public(), Role: messages.RoleWitness})
	if d := w.publish(bob, both).Descriptor; len(d.Services) != 0 || len(d.Endpoints) != len(both) {
		t.Errorf("%+v", d)
	}
}

// SPEC 4.3: the commitment is "salted, so that it is no fingerprint of the
// context".
func TestCommitmentIsSalted(t *testing.T) {
	w := newWorld(t)
	first, second := w.publish(bob, both), w.publish(bob, both)
	if first.Descriptor.PSKCommitment == second.Descriptor.PSKCommitment {
		t.Error("two descriptors share a commitment")
	}
	moved := second
	moved.Epoch = epoch - 1
	if commitmentMatches(w.view(alice), moved) {
		t.Error("a commitment of one epoch holds in another")
	}
}

// Nobody can commit to keys that we do not hold, those of no epoch included.
func TestUnheldKeysMatchNothing(t *testing.T) {
	w := newWorld(t)
	forged := w.publish(bob, both)
	forged.Epoch = 77
	forged.Descriptor.PSKCommitment = membership.Keys{}.PSKCommitment(forged.Descriptor.Nonce)
	if commitmentMatches(w.view(alice), forged) {
		t.Error("a commitment to no secret at all was taken")
	}
}
