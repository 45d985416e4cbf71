package journal

import (
	"encoding/binary"

	"github.com/waymeet/waymeet/messages"
)

const (
	labelSetItem messages.Label = "waymeet/1 set item"
	labelSet     messages.Label = "waymeet/1 set"
)

// setHash is a commutative hash of a set of facts: the sum, in four lanes of
// 64 bits, of one SHA-256 per member. Adding and taking away are inverse, so
// that it is kept up with every fact. Equal sets have equal sums; a member who
// signs enough facts of its own to make two sets collide hides only those.
type setHash [4]uint64

func (s *setHash) add(id messages.FactID) {
	item := messages.Hash(labelSetItem, id[:])
	for lane := range s {
		s[lane] += binary.BigEndian.Uint64(item[8*lane:])
	}
}

// fingerprint is the 32 bytes that travel (SPEC 13.1).
func (s setHash) fingerprint(count uint64) [32]byte {
	var b [8 * 5]byte
	for lane, sum := range s {
		binary.BigEndian.PutUint64(b[8*lane:], sum)
	}
	binary.BigEndian.PutUint64(b[32:], count)
	return messages.Hash(labelSet, b[:])
}
