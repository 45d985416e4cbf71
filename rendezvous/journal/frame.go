package journal

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/waymeet/waymeet/messages"
)

// Sizes of a sync session (SPEC 13.2), in facts and bytes.
const (
	// MaxBatchFacts and MaxBatchBytes bound one frame of facts. A frame with a
	// single fact may be larger than MaxBatchBytes by nothing: a fact is at
	// most 64 KiB.
	MaxBatchFacts = 128
	MaxBatchBytes = 256 << 10
	// MaxFrame is the greatest frame on the stream, in bytes.
	MaxFrame = MaxBatchBytes + 8*MaxBatchFacts + 16

	// maxAuthors bounds the frontier in a frame.
	maxAuthors = 4096

	prefixSize   = 8
	headSize     = 6
	frontierSize = prefixSize + 4 + headSize
	digestSize   = prefixSize + 4 + 8
)

// Kinds of frames. A frame is kind 1 ‖ canonical CBOR.
const (
	kindHello byte = 1
	kindProof byte = 2
	kindState byte = 3
	kindFacts byte = 4
	kindAck   byte = 5
	kindDone  byte = 6
)

// frame is one message of a sync session.
type frame interface{ kind() byte }

// helloFrame opens a session, once from each side (SPEC 13.1): "context tag
// (HMAC under the sync tag key and a session nonce), epoch, count, set
// fingerprint (admitted facts only), per-author frontier". It has ≤ 100 bytes
// and 18 an author (SPEC 13.4).
type helloFrame struct {
	_ struct{} `cbor:",toarray"`

	Nonce [16]byte
	// Epoch is the one whose sync tag key made the tag.
	Epoch       messages.Epoch
	Tag         [16]byte
	Count       uint64
	Fingerprint [32]byte
	// Frontier is sorted: (author[:8] ‖ seq 4 ‖ fact[:6]) an author.
	Frontier []byte
}

// proofFrame shows the tag again under an older epoch, for a peer that does
// not hold the epoch of the hello.
type proofFrame struct {
	_ struct{} `cbor:",toarray"`

	Epoch messages.Epoch
	Tag   [16]byte
}

// stateFrame begins the second and every later round: what is held now, and a
// digest an author, because the frontier alone was not enough.
type stateFrame struct {
	_ struct{} `cbor:",toarray"`

	Count       uint64
	Fingerprint [32]byte
	Frontier    []byte
	// Digests is sorted: (author[:8] ‖ count 4 ‖ sum 8) an author.
	Digests []byte
}

// factsFrame carries facts, in HLC order.
type factsFrame struct{ Facts [][]byte }

// ackFrame says that one factsFrame is on disk.
type ackFrame struct{}

// doneFrame says that everything of this round was sent.
type doneFrame struct{}

func (helloFrame) kind() byte { return kindHello }
func (proofFrame) kind() byte { return kindProof }
func (stateFrame) kind() byte { return kindState }
func (factsFrame) kind() byte { return kindFacts }
func (ackFrame) kind() byte   { return kindAck }
func (doneFrame) kind() byte  { return kindDone }

// appendFrame writes the frame after b.
func appendFrame(b []byte, f frame) []byte {
	b = append(b, f.kind())
	switch f := f.(type) {
	case factsFrame:
		return append(b, messages.Encode(f.Facts)...)
	case ackFrame, doneFrame:
		return b
	default:
		return append(b, messages.Encode(f)...)
	}
}

// parseFrame reads a frame and refuses what appendFrame does not write.
func parseFrame(b []byte) (frame, error) {
	if len(b) == 0 || len(b) > MaxFrame {
		return nil, fmt.Errorf("%w: frame of %d bytes", messages.ErrEncoding, len(b))
	}
	body := b[1:]
	switch b[0] {
	case kindHello:
		hello, err := messages.Decode[helloFrame](body)
		return checked(hello, err, checkTable(hello.Frontier, frontierSize))
	case kindProof:
		proof, err := messages.Decode[proofFrame](body)
		return checked(proof, err, nil)
	case kindState:
		state, err := messages.Decode[stateFrame](body)
		if err == nil {
			err = checkTable(state.Digests, digestSize)
		}
		return checked(state, err, checkTable(state.Frontier, frontierSize))
	case kindFacts:
		facts, err := messages.Decode[[][]byte](body)
		if err == nil && (len(facts) == 0 || len(facts) > MaxBatchFacts) {
			err = fmt.Errorf("%w: %d facts in a frame", messages.ErrEncoding, len(facts))
		}
		return checked(factsFrame{Facts: facts}, err, nil)
	case kindAck, kindDone:
		if len(body) > 0 {
			return nil, fmt.Errorf("%w: bytes after a frame without a body", messages.ErrEncoding)
		}
		if b[0] == kindAck {
			return ackFrame{}, nil
		}
		return doneFrame{}, nil
	}
	return nil, fmt.Errorf("%w: frame of kind %d", messages.ErrEncoding, b[0])
}

func checked(f frame, err, tableErr error) (frame, error) {
	if err == nil {
		err = tableErr
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

// checkTable refuses a table whose rows are not whole, sorted and distinct.
func checkTable(table []byte, row int) error {
	if len(table)%row != 0 || len(table) > row*maxAuthors {
		return fmt.Errorf("%w: table of %d bytes", messages.ErrEncoding, len(table))
	}
	for at := row; at < len(table); at += row {
		if bytes.Compare(table[at-row:at-row+prefixSize], table[at:at+prefixSize]) >= 0 {
			return fmt.Errorf("%w: table out of order", messages.ErrEncoding)
		}
	}
	return nil
}

// authorPrefix names an author inside a frame.
type authorPrefix [prefixSize]byte

func prefixOf(author messages.AuthorityID) authorPrefix { return authorPrefix(author[:prefixSize]) }

// shown is what one side shows of its journal in one round.
type shown struct {
	count       uint64
	fingerprint [32]byte
	heads       map[authorPrefix]messages.Seq
	digests     map[authorPrefix]digest
}

// digest describes the set of one author's admitted facts.
type digest struct {
	count uint32
	sum   uint64
}

// sameAs reports whether both sides hold the same set.
func (s *shown) sameAs(other *shown) bool {
	return s.count == other.count && s.fingerprint == other.fingerprint
}

// promised bounds how many facts the frontier says there are beyond the other.
func (s *shown) promised(other *shown) int {
	total := 0
	for author, seq := range s.heads {
		total += int(seq - min(seq, other.heads[author]))
	}
	return total
}

// showState is what the state shows, with digests or without.
func showState(state messages.JournalState) *shown {
	s := &shown{
		count:       state.Count,
		fingerprint: state.Fingerprint,
		heads:       map[authorPrefix]messages.Seq{},
		digests:     map[authorPrefix]digest{},
	}
	for _, author := range state.Authors {
		prefix := prefixOf(author.Author)
		if author.Head.Seq > 0 {
			s.heads[prefix] = author.Head.Seq
		}
		s.digests[prefix] = digest{count: uint32(author.Count), sum: author.Sum}
	}
	return s
}

func readShown(count uint64, fingerprint [32]byte, frontier, digests []byte) *shown {
	s := &shown{
		count:       count,
		fingerprint: fingerprint,
		heads:       map[authorPrefix]messages.Seq{},
		digests:     map[authorPrefix]digest{},
	}
	for ; len(frontier) > 0; frontier = frontier[frontierSize:] {
		s.heads[authorPrefix(frontier[:prefixSize])] = messages.Seq(binary.BigEndian.Uint32(frontier[prefixSize:]))
	}
	for ; len(digests) > 0; digests = digests[digestSize:] {
		s.digests[authorPrefix(digests[:prefixSize])] = digest{
			count: binary.BigEndian.Uint32(digests[prefixSize:]),
			sum:   binary.BigEndian.Uint64(digests[prefixSize+4:]),
		}
	}
	return s
}

// frontierOf is the table of the heads. Authors are sorted in the state.
func frontierOf(state messages.JournalState) []byte {
	var table []byte
	for _, author := range state.Authors {
		if author.Head.Seq > 0 {
			table = append(table, author.Author[:prefixSize]...)
			table = binary.BigEndian.AppendUint32(table, uint32(author.Head.Seq))
			table = append(table, author.Head.Fact[:headSize]...)
		}
	}
	return table
}

// digestsOf is the table of the digests.
func digestsOf(state messages.JournalState) []byte {
	var table []byte
	for _, author := range state.Authors {
		table = append(table, author.Author[:prefixSize]...)
		table = binary.BigEndian.AppendUint32(table, uint32(author.Count))
		table = binary.BigEndian.AppendUint64(table, author.Sum)
	}
	return table
}
