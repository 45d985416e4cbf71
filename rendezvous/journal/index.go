package journal

import (
	"encoding/binary"
	"fmt"

	"github.com/waymeet/waymeet/messages"
)

// segmentSize is how many facts a segment of the index covers.
const segmentSize = 1024

// index is the part of the journal that is read instead of the facts when the
// journal is opened: what the set needs of each, in segments of segmentSize in
// the order of their places. A segment is written once, in the transaction that
// fills it.
//
// It is no second truth. It says what the facts say; one that was written by a
// version that understood other facts is made anew from them.
type index struct {
	// size is that of a segment.
	size int
	// open are the facts since the last full segment.
	open []gist
}

// note takes in a fact that is kept now.
func (x *index) note(g gist) { x.open = append(x.open, g) }

// take is what must be written for the segments that are full.
func (x *index) take() []messages.Record {
	if len(x.open) < x.size {
		return nil
	}
	var records []messages.Record
	rest := x.open
	for ; len(rest) >= x.size; rest = rest[x.size:] {
		records = append(records, messages.Record{
			Bucket: messages.BucketIndex, Key: rest[0].place.Key(), Value: messages.Encode(newSegment(rest[:x.size])),
		})
	}
	left := copy(x.open, rest)
	clear(x.open[left:])
	x.open = x.open[:left]
	return records
}

// segment is a record of the index. Rows are indexRow after indexRow; Parents have the
// number of their row in front: row 2 ‖ FactID 32.
type segment struct {
	// Known is messages.KnownFacts of the version that wrote it.
	Known   [32]byte       `cbor:"1,keyasint"`
	Tenures []storedTenure `cbor:"2,keyasint"`
	Rows    []byte         `cbor:"3,keyasint"`
	Parents []byte         `cbor:"4,keyasint"`
	Sayings []storedSaying `cbor:"5,keyasint"`
}

const (
	rowSize       = 32 + 32 + 2 + 8 + 8 + 4
	parentRowSize = 2 + 32
)

// indexRow is what the index says of a fact in rowSize bytes, all integers big-endian:
//
//	FactID 32 ‖ prev 32 ‖ tenure 2 ‖ seq 8 ‖ hlc 8 ‖ size 4
type indexRow struct {
	id, prev messages.FactID
	tenure   uint16
	seq      messages.Seq
	hlc      messages.HLC
	size     uint32
}

func (r indexRow) append(b []byte) []byte {
	b = append(append(b, r.id[:]...), r.prev[:]...)
	b = binary.BigEndian.AppendUint16(b, r.tenure)
	b = binary.BigEndian.AppendUint64(b, uint64(r.seq))
	b = binary.BigEndian.AppendUint64(b, uint64(r.hlc))
	return binary.BigEndian.AppendUint32(b, r.size)
}

// parseIndexRow reads a row of rowSize bytes.
func parseIndexRow(b []byte) (r indexRow) {
	b = b[copy(r.id[:], b):]
	b = b[copy(r.prev[:], b):]
	r.tenure, b = binary.BigEndian.Uint16(b), b[2:]
	r.seq, b = messages.Seq(binary.BigEndian.Uint64(b)), b[8:]
	r.hlc, b = messages.HLC(binary.BigEndian.Uint64(b)), b[8:]
	r.size = binary.BigEndian.Uint32(b)
	return r
}

type storedTenure struct {
	_      struct{} `cbor:",toarray"`
	Author messages.AuthorityID
	Epoch  messages.Epoch
	KeyID  messages.EpochKeyID
}

// storedSaying is what one row says. Body is the plaintext of a body that
// Waymeet understands, of type Type; empty: none.
type storedSaying struct {
	_     struct{} `cbor:",toarray"`
	Row   uint16
	Again messages.Again
	Type  messages.FactType
	Body  []byte
}

func newSegment(facts []gist) segment {
	s := segment{Known: messages.KnownFacts(), Rows: make([]byte, 0, rowSize*len(facts))}
	numbers := map[storedTenure]uint16{}
	for row, g := range facts {
		t := storedTenure{Author: g.author, Epoch: g.epoch, KeyID: g.keyID}
		number, known := numbers[t]
		if !known {
			number = uint16(len(s.Tenures))
			numbers[t] = number
			s.Tenures = append(s.Tenures, t)
		}
		s.Rows = indexRow{id: g.id, prev: g.prev, tenure: number, seq: g.seq, hlc: g.hlc, size: uint32(g.size)}.append(s.Rows)
		for _, parent := range g.parents {
			s.Parents = append(binary.BigEndian.AppendUint16(s.Parents, uint16(row)), parent[:]...)
		}
		if !g.isNothing() {
			s.Sayings = append(s.Sayings, newStoredSaying(uint16(row), g.saying))
		}
	}
	return s
}

func newStoredSaying(row uint16, said saying) storedSaying {
	stored := storedSaying{Row: row, Again: said.again}
	if said.body != nil {
		stored.Type, stored.Body = said.body.FactType(), messages.EncodeFact(said.body)
	}
	return stored
}

// gists are the facts of the segment that begins at the place.
func (s segment) gists(first messages.Place) ([]gist, error) {
	if len(s.Rows)%rowSize != 0 || len(s.Parents)%parentRowSize != 0 {
		return nil, fmt.Errorf("%w: index with half a row", ErrRecord)
	}
	facts := make([]gist, len(s.Rows)/rowSize)
	for at := range facts {
		row := parseIndexRow(s.Rows[at*rowSize:][:rowSize])
		if int(row.tenure) >= len(s.Tenures) {
			return nil, fmt.Errorf("%w: index without tenure %d", ErrRecord, row.tenure)
		}
		t := s.Tenures[row.tenure]
		facts[at] = gist{
			id: row.id, prev: row.prev, place: first + messages.Place(at), author: t.Author, epoch: t.Epoch, keyID: t.KeyID,
			seq: row.seq, hlc: row.hlc, size: int(row.size),
		}
	}
	for rest := s.Parents; len(rest) > 0; rest = rest[parentRowSize:] {
		at := int(binary.BigEndian.Uint16(rest))
		if at >= len(facts) {
			return nil, fmt.Errorf("%w: index without row %d", ErrRecord, at)
		}
		facts[at].parents = append(facts[at].parents, messages.FactID(rest[2:parentRowSize]))
	}
	return facts, s.readSayings(facts)
}

func (s segment) readSayings(facts []gist) error {
	for _, stored := range s.Sayings {
		if int(stored.Row) >= len(facts) {
			return fmt.Errorf("%w: index without row %d", ErrRecord, stored.Row)
		}
		said := saying{again: stored.Again}
		if len(stored.Body) > 0 {
			body, err := messages.DecodeFact(stored.Type, stored.Type.Schema(), stored.Body)
			if err != nil {
				return fmt.Errorf("%w: index: %w", ErrRecord, err)
			}
			said.body = body
		}
		facts[stored.Row].saying = said
	}
	return nil
}

// loadIndex takes in the facts that the index covers, up to the first segment
// that another version wrote.
func (j *Journal) loadIndex(source Source) error {
	for record, err := range source.Records(messages.BucketIndex) {
		if err != nil {
			return err
		}
		s, err := messages.Decode[segment](record.Value)
		if err != nil || len(record.Key) != len(messages.Place(0).Key()) {
			return fmt.Errorf("%w: index %x", ErrRecord, record.Key)
		}
		first := messages.Place(binary.BigEndian.Uint64(record.Key))
		if s.Known != messages.KnownFacts() || first != j.set.last+1 {
			return nil // the facts say the rest
		}
		facts, err := s.gists(first)
		if err != nil {
			return err
		}
		for _, g := range facts {
			j.set.insert(g)
		}
	}
	return nil
}
