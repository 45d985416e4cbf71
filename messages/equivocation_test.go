package messages_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"

	"github.com/waymeet/waymeet/messages"
)

// author signs facts.
type author struct{ key ed25519.PrivateKey }

func newAuthor(n byte) author {
	return author{ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))}
}

func (a author) public() messages.PublicKey {
	return messages.PublicKey(a.key.Public().(ed25519.PublicKey))
}

// say is a fact of the author at that place.
func (a author) say(chained messages.Chained) messages.Fact {
	chained.Author = a.public().Authority()
	said := fact(chained)
	said.Signature = messages.Signature(ed25519.Sign(a.key, messages.SignedFact(said.ID())))
	return said
}

// fork is the proof that author n has signed two facts with that seq, which is 1.
func fork(n byte, seq messages.Seq) messages.Equivocation {
	a := newAuthor(n)
	proof, err := messages.NewEquivocation(a.public(), a.say(messages.Chained{Seq: seq}), a.say(messages.Chained{Seq: seq, HLC: 1}))
	if err != nil {
		panic(err)
	}
	return proof
}

// SPEC 3.6: "Equivocation (both signed items inside)".
func TestEquivocationNamesItsAuthorAndSeq(t *testing.T) {
	a := newAuthor(1)
	one := a.say(messages.Chained{Seq: 1, Context: messages.ContextID{7}})
	other := a.say(messages.Chained{Seq: 1, Context: messages.ContextID{7}, HLC: 5})
	there, err := messages.NewEquivocation(a.public(), one, other)
	back, errBack := messages.NewEquivocation(a.public(), other, one)
	if err != nil || errBack != nil || !bytes.Equal(messages.Encode(there), messages.Encode(back)) {
		t.Fatalf("the proof depends on the order: %v, %v", err, errBack)
	}
	who, context, seq := there.Subject()
	if who != a.public().Authority() || context != (messages.ContextID{7}) || seq != 1 {
		t.Errorf("it is about %s in %s, seq %d", who, context, seq)
	}
}

func TestEquivocationIsRefusedWhen(t *testing.T) {
	a, b := newAuthor(1), newAuthor(2)
	first := a.say(messages.Chained{Seq: 1})
	// beside is that proof with another second fact, in the right order.
	beside := func(second messages.Fact) messages.Equivocation {
		proof, err := messages.NewEquivocation(a.public(), first, second)
		if err == nil {
			t.Errorf("a proof against its author: %+v", second.Header.Chained)
		}
		return proof
	}
	spoiled := func(spoil func(*messages.Equivocation)) messages.Equivocation {
		proof := fork(1, 1)
		spoil(&proof)
		return proof
	}
	for name, test := range map[string]struct {
		proof messages.Equivocation
		why   string
	}{
		"it is one fact twice":           {beside(first), "not two facts"},
		"the seqs differ":                {beside(a.say(messages.Chained{Seq: 2, Prev: messages.FactID{1}})), "seq "},
		"the contexts differ":            {beside(a.say(messages.Chained{Seq: 1, Context: messages.ContextID{1}})), "two contexts"},
		"one fact is another's":          {beside(b.say(messages.Chained{Seq: 1})), "another author"},
		"one header nobody can have":     {beside(a.say(messages.Chained{})), "seq 0"},
		"the facts are out of order":     {spoiled(func(e *messages.Equivocation) { e.First, e.Second = e.Second, e.First }), "not two facts"},
		"the key is another's":           {spoiled(func(e *messages.Equivocation) { e.Author = b.public() }), "another author"},
		"a signature is of another fact": {spoiled(func(e *messages.Equivocation) { e.Second.Signature = e.First.Signature }), "did not sign"},
		"a header is none":               {spoiled(func(e *messages.Equivocation) { e.First.Header = []byte("header") }), "Header"},
	} {
		_, err := messages.DecodeFact(messages.FactEquivocation, 1, messages.Encode(test.proof))
		if !errors.Is(err, messages.ErrEncoding) || !strings.Contains(err.Error(), test.why) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
