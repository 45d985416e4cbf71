package journal

import (
	"encoding/binary"
	"maps"
	"slices"

	"github.com/waymeet/waymeet/messages"
)

const (
	labelRange messages.Label = "waymeet/1 range"
	labelSet   messages.Label = "waymeet/1 set"
)

// setHash describes a set of facts of one author: how many they are, and the
// sum of their ids in four lanes of 64 bits. A FactID is a hash already, so
// adding one costs four additions; the sum is kept up with every fact, and that
// of any range can be made on the spot.
//
// Sums of hashes can be made to collide by who may choose among very many
// hashes. That is why a setHash is over one author's facts, never over those of
// several: whoever signs facts for such a collision hides only its own.
type setHash struct {
	count uint64
	lanes [4]uint64
}

func (h *setHash) add(id messages.FactID) {
	h.count++
	for lane := range h.lanes {
		h.lanes[lane] += binary.BigEndian.Uint64(id[8*lane:])
	}
}

// append writes count 8 ‖ lanes 32 after b.
func (h setHash) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, h.count)
	for _, lane := range h.lanes {
		b = binary.BigEndian.AppendUint64(b, lane)
	}
	return b
}

// fingerprint is what travels of a range. 16 bytes: by chance two sets are
// never taken for one, and nobody finds two colliding ones by search; 8 bytes
// are found in an hour.
func (h setHash) fingerprint() [16]byte {
	sum := messages.Hash(labelRange, h.append(nil))
	return [16]byte(sum[:16])
}

// fingerprintOf is what travels of the whole set (SPEC 13.1): over author 32 ‖
// count 8 ‖ lanes 32 of every author, in order.
func fingerprintOf(authors map[messages.AuthorityID]setHash) [32]byte {
	var b []byte
	for _, id := range slices.SortedFunc(maps.Keys(authors), messages.AuthorityID.Compare) {
		b = authors[id].append(append(b, id[:]...))
	}
	return messages.Hash(labelSet, b)
}
