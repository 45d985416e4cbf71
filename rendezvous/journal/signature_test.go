package journal

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha512"
	"testing"

	"filippo.io/edwards25519"

	"github.com/waymeet/waymeet/messages"
)

// signAgain signs with a random number of the signer's choice, as RFC 8032 forbids
// and nobody can see: both signatures are good.
func signAgain(t *testing.T, seed [32]byte, message []byte) (signature [64]byte) {
	t.Helper()
	key := ed25519.NewKeyFromSeed(seed[:])
	expanded := sha512.Sum512(seed[:])
	secret, err := edwards25519.NewScalar().SetBytesWithClamping(expanded[:32])
	if err != nil {
		t.Fatal(err)
	}
	random, err := edwards25519.NewScalar().SetUniformBytes(bytes.Repeat([]byte{7}, 64))
	if err != nil {
		t.Fatal(err)
	}
	point := edwards25519.NewIdentityPoint().ScalarBaseMult(random).Bytes()
	sum := sha512.Sum512(append(append(bytes.Clone(point), key[32:]...), message...))
	challenge, err := edwards25519.NewScalar().SetUniformBytes(sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return [64]byte(append(point, edwards25519.NewScalar().MultiplyAdd(challenge, secret, random).Bytes()...))
}

// SPEC 3.1: "the author's Ed25519 signature covers … FactID and is not part of the
// id". An author can give one fact two good signatures: it is one fact, each node
// keeps the signature that came first, and all of them agree.
func TestFactWithTwoSignaturesIsOneFact(t *testing.T) {
	ana, ben, cat := trio(t)
	id := ben.note(start, "a note")
	fact := mustParse(bytes.Clone(ben.raw(id)))
	fact.Signature = signAgain(t, [32]byte{2}, messages.SignedFact(id))
	other := fact.Append(nil)
	if bytes.Equal(other, ben.raw(id)) {
		t.Fatal("the signatures are the same")
	}
	ana.learn(start, ben)
	cat.step(start, messages.OfferFacts{From: ben.identity.Authority(), Facts: [][]byte{other}})
	if !bytes.Equal(cat.raw(id), other) {
		t.Error("the second signature is not good")
	}
	same(t, ana, cat)
	forged := fact
	forged.Signature[0] ^= 1
	if ana.journal.Forged(fact) || !ana.journal.Forged(forged) {
		t.Error("a good signature is taken for a forged one, or the other way round")
	}
	for _, n := range []*node{ana, cat} {
		kept := bytes.Clone(n.raw(id))
		n.step(start, messages.OfferFacts{From: ben.identity.Authority(), Facts: [][]byte{ben.raw(id), other}})
		if !bytes.Equal(n.raw(id), kept) || len(n.forksOf(ben.identity.Authority())) > 0 {
			t.Errorf("%s: the signature that came first is not kept, or taken for a fork", n)
		}
		if flaw, err := n.verify(); flaw != nil || err != nil {
			t.Errorf("%s: %+v, %v", n, flaw, err)
		}
	}
}
