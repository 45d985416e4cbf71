package membership_test

import (
	"testing"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

// SPEC 2.4: "(info = label ‖ context ‖ epoch ‖ EpochID)": whatever differs, all
// keys differ, and no two keys of an epoch are one.
func TestEveryKeyDependsOnEverything(t *testing.T) {
	variants := []membership.Keys{
		membership.DeriveKeys(messages.ContextID{1}, 1, messages.EpochID{1}, membership.Secret{1}),
		membership.DeriveKeys(messages.ContextID{2}, 1, messages.EpochID{1}, membership.Secret{1}),
		membership.DeriveKeys(messages.ContextID{1}, 2, messages.EpochID{1}, membership.Secret{1}),
		membership.DeriveKeys(messages.ContextID{1}, 1, messages.EpochID{2}, membership.Secret{1}),
		membership.DeriveKeys(messages.ContextID{1}, 1, messages.EpochID{1}, membership.Secret{2}),
	}
	seen := map[[32]byte]bool{}
	names := map[messages.EpochKeyID]bool{}
	for _, keys := range variants {
		for _, key := range [][32]byte{keys.Payload, keys.Hello, keys.PSKRoot, keys.Beacon, keys.SyncTag} {
			seen[key] = true
		}
		names[keys.KeyID] = true
	}
	if len(seen) != 5*len(variants) || len(names) != len(variants) {
		t.Errorf("%d keys and %d names are distinct", len(seen), len(names))
	}
}

// SPEC 2.4: "PSK of a pair = HKDF(psk root, smaller id ‖ larger id)".
func TestPairPSKIsOfThePairAndTheEpoch(t *testing.T) {
	keys := membership.DeriveKeys(messages.ContextID{}, 0, messages.EpochID{}, membership.Secret{1})
	next := membership.DeriveKeys(messages.ContextID{}, 1, messages.EpochID{}, membership.Secret{1})
	a, b, c := messages.AuthorityID{1}, messages.AuthorityID{2}, messages.AuthorityID{3}
	if keys.PairPSK(a, b) != keys.PairPSK(b, a) {
		t.Error("the order of the pair matters")
	}
	if keys.PairPSK(a, b) == keys.PairPSK(a, c) || keys.PairPSK(a, b) == next.PairPSK(a, b) {
		t.Error("another pair or epoch has the same PSK")
	}
}

// SPEC 4.3: "salted, so that it is no fingerprint of the context."
func TestCommitmentAndIndexAreSalted(t *testing.T) {
	keys := membership.DeriveKeys(messages.ContextID{}, 0, messages.EpochID{}, membership.Secret{1})
	one, two := messages.Nonce{1}, messages.Nonce{2}
	if keys.PSKCommitment(one) == keys.PSKCommitment(two) {
		t.Error("the commitment does not depend on the nonce")
	}
	if membership.HelloIndex(keys.Hello, one) == membership.HelloIndex(keys.Hello, two) ||
		membership.HelloIndex(keys.Hello, one) == membership.HelloIndex(keys.PSKRoot, one) {
		t.Error("the index does not depend on nonce and key")
	}
}
