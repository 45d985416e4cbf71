package journal

import (
	"crypto/sha256"
	"encoding/binary"

	"golang.org/x/crypto/chacha20"

	"github.com/waymeet/waymeet/messages"
)

const (
	labelRange messages.Label = "waymeet/1 range"
	labelSet   messages.Label = "waymeet/1 set"
)

// setLanes is how wide the sum of a set is, in words of 64 bits.
const setLanes = 32

// setHash describes a set of facts: how many they are, and the sum, lane by
// lane, of what their ids are drawn out to. It is kept up with every fact,
// whatever the order.
//
// Sums of hashes can be made to collide by who may choose among very many of
// them, and the narrower the sum the fewer: of 256 bits, 2^31 steps find two
// sets of 2^15 facts. Of 2048 bits, even with 2^20 facts 2^97 are needed.
type setHash struct {
	count uint64
	lanes [setLanes]uint64
}

// add draws the id out to the width of the sum: an id is as good as a random
// key, and the key stream of ChaCha20 under it as good as random words.
func (h *setHash) add(id messages.FactID) {
	stream, err := chacha20.NewUnauthenticatedCipher(id[:], make([]byte, chacha20.NonceSize))
	if err != nil {
		panic("journal: " + err.Error())
	}
	var wide [8 * setLanes]byte
	stream.XORKeyStream(wide[:], wide[:])
	h.count++
	for lane := range h.lanes {
		h.lanes[lane] += binary.BigEndian.Uint64(wide[8*lane:])
	}
}

// fingerprint is what travels of the whole set (SPEC 13.1): a hash over count 8
// ‖ lanes 256.
func (h *setHash) fingerprint() [32]byte {
	b := binary.BigEndian.AppendUint64(nil, h.count)
	for _, lane := range h.lanes {
		b = binary.BigEndian.AppendUint64(b, lane)
	}
	return messages.Hash(labelSet, b)
}

// Fingerprint is that of a set of facts, which are distinct.
func Fingerprint(facts []messages.FactID) [32]byte {
	var sum setHash
	for _, id := range facts {
		sum.add(id)
	}
	return sum.fingerprint()
}

// rangeHash describes the facts in a range, in one sync session: the sum of
// their ids, hashed under the salt of the session. Nobody knows the salt when a
// fact is made, so nobody can make facts for a collision; that is why two lanes
// are wide enough.
type rangeHash [2]uint64

func (h *rangeHash) add(salt messages.RangeSalt, id messages.FactID) {
	var salted [len(salt) + len(id)]byte
	copy(salted[:], salt[:])
	copy(salted[len(salt):], id[:])
	sum := sha256.Sum256(salted[:])
	h[0] += binary.BigEndian.Uint64(sum[0:])
	h[1] += binary.BigEndian.Uint64(sum[8:])
}

// fingerprint is what travels of a range: the lanes.
func (h rangeHash) fingerprint() (b [16]byte) {
	binary.BigEndian.PutUint64(b[0:], h[0])
	binary.BigEndian.PutUint64(b[8:], h[1])
	return b
}

// rangeSalt is the salt of a session, made of what both sides have drawn for it.
func rangeSalt(initiator, responder [16]byte) messages.RangeSalt {
	sum := messages.Hash(labelRange, append(initiator[:], responder[:]...))
	return messages.RangeSalt(sum[:])
}
