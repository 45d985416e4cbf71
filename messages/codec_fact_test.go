package messages_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/waymeet/waymeet/messages"
)

// fact is a fact with that header, unsigned.
func fact(chained messages.Chained) messages.Fact {
	header := messages.Header{Chained: chained}
	return messages.Fact{Header: header, HeaderBytes: messages.Encode(header), Body: []byte("body")}
}

// SPEC 3.1: "Header = CBOR map with keys 1…13 in this order".
func TestHeaderIsAMapOfKeys1To13(t *testing.T) {
	b := messages.Encode(messages.Header{})
	back, err := messages.Decode[messages.Header](b)
	if err != nil || b[0] != 0xa0|13 || !back.Again.IsZero() {
		t.Fatalf("header %x, %v", b, err)
	}
	// SPEC 3.2: "AAD = the canonical map of keys 1…12".
	aad := messages.Encode(messages.Header{}.Chained)
	if aad[0] != 0xa0|12 || !bytes.Equal(aad[1:], b[1:len(aad)]) || b[len(aad)] != 13 {
		t.Errorf("aad %x of header %x", aad, b)
	}
	again := messages.Header{Chained: messages.Chained{Again: messages.Again{5}}}
	if back, err := messages.Decode[messages.Header](messages.Encode(again)); err != nil || back.Again != again.Again {
		t.Errorf("again: %v, %v", back.Again, err)
	}
}

func TestFactIDIsOfTheHeaderAlone(t *testing.T) {
	one := fact(messages.Chained{Seq: 1})
	other := one
	other.Body, other.Signature = []byte("changed"), messages.Signature{1}
	third := fact(messages.Chained{Seq: 1, HLC: 1})
	if one.ID() != other.ID() || one.ID() == third.ID() {
		t.Error("the id is not that of the header")
	}
}

// Append writes what the encoding of the array says, however long the strings.
func TestAppendIsTheCanonicalArray(t *testing.T) {
	for _, size := range []int{0, 23, 24, 255, 256, 65535, 65536} {
		f := messages.Fact{HeaderBytes: []byte{1, 2}, Body: make([]byte, size), Signature: messages.Signature{3}}
		want := messages.Encode([][]byte{f.HeaderBytes, f.Body, f.Signature[:]})
		if got := f.Append([]byte("before")); string(got) != "before"+string(want) {
			t.Errorf("a body of %d bytes is written in another way", size)
		}
		if f.Size() != len(want) {
			t.Errorf("a body of %d bytes: size %d, want %d", size, f.Size(), len(want))
		}
	}
}

// The header is what the seal covers and one pair more, byte by byte.
func TestHeaderIsWhatIsSealedAndTheHash(t *testing.T) {
	for _, chained := range []messages.Chained{
		{},
		{Seq: 1, Version: 1, Type: messages.FactApplication},
		{
			Version: 9, Context: messages.ContextID{1}, Author: messages.AuthorityID{2}, Seq: 1 << 31, Prev: messages.FactID{3},
			Parents: []messages.FactID{{4}, {5}}, HLC: 1 << 60, Epoch: 1 << 40, KeyID: messages.EpochKeyID{6}, Type: 1 << 15, Schema: 300,
			Again: messages.Again{7},
		},
	} {
		header := messages.Header{Chained: chained, BodyHash: [32]byte{8, 31: 9}}
		bytes := messages.HeaderBytes(chained.AssociatedData(), header.BodyHash)
		if want := messages.Encode(header); string(bytes) != string(want) {
			t.Errorf("header\n%x, want\n%x", bytes, want)
		}
		if sealed := (messages.Fact{HeaderBytes: bytes}).AssociatedData(); string(sealed) != string(messages.Encode(chained)) {
			t.Errorf("sealed\n%x, want\n%x", sealed, messages.Encode(chained))
		}
	}
}

func TestParseFactRefusesWhatNoAuthorWrites(t *testing.T) {
	id := func(n byte) messages.FactID { return messages.FactID{n} }
	many := make([]messages.FactID, messages.MaxParents+1)
	for n := range many {
		many[n] = id(byte(n + 1))
	}
	for name, chained := range map[string]messages.Chained{
		"seq 0":                {},
		"seq beyond the last":  {Seq: messages.MaxSeq + 1, Prev: id(1)},
		"seq 1 with a prev":    {Seq: 1, Prev: id(1)},
		"seq 2 without a prev": {Seq: 2},
		"too many parents":     {Seq: 1, Parents: many},
		"parents unsorted":     {Seq: 1, Parents: []messages.FactID{id(2), id(1)}},
		"a parent twice":       {Seq: 1, Parents: []messages.FactID{id(2), id(2)}},
		"prev as parent":       {Seq: 2, Prev: id(2), Parents: []messages.FactID{id(2)}},
		"nothing as parent":    {Seq: 1, Parents: []messages.FactID{{}}},
	} {
		if _, err := messages.ParseFact(fact(chained).Append(nil)); !errors.Is(err, messages.ErrEncoding) {
			t.Errorf("%s: %v", name, err)
		}
	}
	good := fact(messages.Chained{Seq: messages.MaxSeq, Prev: id(1), Parents: many[1:]})
	if _, err := messages.ParseFact(good.Append(nil)); err != nil {
		t.Errorf("a good one: %v", err)
	}
	good.Body = make([]byte, messages.MaxFactSize)
	if _, err := messages.ParseFact(good.Append(nil)); !errors.Is(err, messages.ErrEncoding) {
		t.Errorf("too large: %v", err)
	}
}

// SPEC 3.2: "Padding: 4-byte length inside, buckets 256, 512, 1024, 4096, then
// multiples of 4096 up to 61 440."
func TestPadding(t *testing.T) {
	for length, want := range map[int]int{
		0: 256, 252: 256, 253: 512, 508: 512, 509: 1024, 1021: 4096, 4092: 4096, 4093: 8192, messages.MaxPlaintext: 61440,
	} {
		padded := messages.Pad(bytes.Repeat([]byte{1}, length))
		back, err := messages.Unpad(padded)
		if len(padded) != want || err != nil || len(back) != length {
			t.Errorf("%d bytes: padded to %d, %v", length, len(padded), err)
		}
	}
}

func TestUnpadRefusesEveryOtherPadding(t *testing.T) {
	good := messages.Pad([]byte("text"))
	for name, spoil := range map[string]func([]byte) []byte{
		"cut":              func(b []byte) []byte { return b[:255] },
		"another bucket":   func(b []byte) []byte { return append(b, make([]byte, 256)...) },
		"bytes after":      func(b []byte) []byte { b[200] = 1; return b },
		"length too great": func(b []byte) []byte { b[0] = 0xff; return b },
		"nothing":          func([]byte) []byte { return nil },
	} {
		if _, err := messages.Unpad(spoil(bytes.Clone(good))); !errors.Is(err, messages.ErrPadding) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPadIsIdentityUnderUnpad(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SliceOfN(rapid.Byte(), 0, 2000).Draw(t, "text")
		if back, err := messages.Unpad(messages.Pad(text)); err != nil || !bytes.Equal(back, text) {
			t.Fatalf("%x, %v", back, err)
		}
	})
}

func FuzzParseFact(f *testing.F) {
	f.Add(fact(messages.Chained{Seq: 1}).Append(nil))
	f.Add(fact(messages.Chained{Seq: 2, Prev: messages.FactID{1}, Parents: []messages.FactID{{2}}, Again: messages.Again{3}}).Append(nil))
	f.Add([]byte{0x83, 0x40, 0x40, 0x40})
	f.Fuzz(func(t *testing.T, b []byte) {
		if fact, err := messages.ParseFact(b); err == nil && !bytes.Equal(fact.Append(nil), b) {
			t.Errorf("parse and append changed %x", b)
		}
	})
}

func FuzzUnpad(f *testing.F) {
	f.Add(messages.Pad([]byte("text")))
	f.Fuzz(func(t *testing.T, b []byte) {
		if text, err := messages.Unpad(b); err == nil && !bytes.Equal(messages.Pad(text), b) {
			t.Errorf("unpad and pad changed %d bytes", len(b))
		}
	})
}

// FuzzDecodeFact reads any body as any type of fact.
func FuzzDecodeFact(f *testing.F) {
	for _, fact := range everyFact {
		f.Add(uint16(fact.FactType()), uint16(1), messages.EncodeFact(fact))
	}
	f.Fuzz(func(t *testing.T, kind, schema uint16, b []byte) {
		fact, err := messages.DecodeFact(messages.FactType(kind), schema, b)
		if err == nil && !bytes.Equal(messages.EncodeFact(fact), b) {
			t.Errorf("%s: decode and encode changed %x", fmt.Sprint(messages.FactType(kind)), b)
		}
	})
}
