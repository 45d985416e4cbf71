package messages

import (
	"bytes"
	"errors"
	"fmt"
)

// Equivocation proves that an author has signed two facts with one seq: both
// headers and both signatures, which need no body, for the signature covers the
// id and the id hashes the header (SPEC 3.1, 3.6). It holds the author's key,
// which the author's id proves, so that it verifies for anyone.
//
// Invariant of one that was decoded: it proves what it says (check).
type Equivocation struct {
	Author PublicKey    `cbor:"1,keyasint"`
	First  SignedHeader `cbor:"2,keyasint"`
	Second SignedHeader `cbor:"3,keyasint"`
}

// SignedHeader is the signed part of a fact.
type SignedHeader struct {
	Header    []byte    `cbor:"1,keyasint"`
	Signature Signature `cbor:"2,keyasint"`
}

// Signed is the signed part of the fact.
func (f Fact) Signed() SignedHeader {
	return SignedHeader{Header: f.HeaderBytes, Signature: f.Signature}
}

// NewEquivocation is the proof that both facts give; their order does not
// matter. The error says why they prove nothing.
func NewEquivocation(author PublicKey, one, other Fact) (Equivocation, error) {
	if one.ID().Compare(other.ID()) > 0 {
		one, other = other, one
	}
	proof := Equivocation{Author: author, First: one.Signed(), Second: other.Signed()}
	return proof, proof.check()
}

// Subject is the author, the context and the seq at which two facts stand. The
// proof must have been checked.
func (e Equivocation) Subject() (author AuthorityID, context ContextID, seq Seq) {
	header, err := Decode[Header](e.First.Header)
	if err != nil {
		panic("messages: an equivocation that was not checked: " + err.Error())
	}
	return header.Author, header.Context, header.Seq
}

// check refuses what proves nothing.
func (e Equivocation) check() error {
	first, err := e.First.open(e.Author)
	if err != nil {
		return err
	}
	second, err := e.Second.open(e.Author)
	if err != nil {
		return err
	}
	switch {
	case bytes.Compare(e.First.id(), e.Second.id()) >= 0:
		return errors.New("not two facts, the smaller id first")
	case first.Context != second.Context:
		return errors.New("facts of two contexts")
	case first.Seq != second.Seq:
		return fmt.Errorf("seq %d and seq %d", first.Seq, second.Seq)
	}
	return nil
}

func (s SignedHeader) id() []byte {
	id := Fact{HeaderBytes: s.Header}.ID()
	return id[:]
}

// open reads a header that the author has signed.
func (s SignedHeader) open(author PublicKey) (Header, error) {
	header, err := Decode[Header](s.Header)
	if err != nil {
		return Header{}, err
	}
	fact := Fact{Header: header, HeaderBytes: s.Header, Signature: s.Signature}
	switch err := header.check(); {
	case err != nil:
		return Header{}, err
	case header.Author != author.Authority():
		return Header{}, errors.New("a fact of another author")
	case !fact.SignedBy(author):
		return Header{}, errors.New("a fact that its author did not sign")
	}
	return header, nil
}

// FactType implements RendezvousFact.
func (Equivocation) FactType() FactType { return FactEquivocation }
