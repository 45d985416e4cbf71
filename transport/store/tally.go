package store

import (
	"encoding/binary"

	"github.com/waymeet/waymeet/messages"
)

// tally describes a set of records: how many, and the sum of their hashes in
// four lanes of 64 bits, which does not depend on their order.
type tally struct {
	count uint64
	sum   [4]uint64
}

func (t *tally) add(hash recordSum) {
	t.count++
	for lane := range t.sum {
		t.sum[lane] += binary.BigEndian.Uint64(hash[8*lane:])
	}
}

func (t *tally) remove(hash recordSum) {
	t.count--
	for lane := range t.sum {
		t.sum[lane] -= binary.BigEndian.Uint64(hash[8*lane:])
	}
}

// plus is the tally of two sets that share no record.
func (t tally) plus(other tally) tally {
	t.count += other.count
	for lane := range t.sum {
		t.sum[lane] += other.sum[lane]
	}
	return t
}

func (t tally) fingerprint() []byte {
	var b []byte
	for _, lane := range t.sum {
		b = binary.BigEndian.AppendUint64(b, lane)
	}
	return b
}

func readTally(count, fingerprint []byte) (t tally, ok bool) {
	if len(count) != 8 || len(fingerprint) != 32 {
		return tally{}, false
	}
	t.count = binary.BigEndian.Uint64(count)
	for lane := range t.sum {
		t.sum[lane] = binary.BigEndian.Uint64(fingerprint[8*lane:])
	}
	return t, true
}

// tallies are the tallies of all buckets but meta. On disk stands that of all
// records together; those of the buckets are counted at open.
type tallies map[messages.Bucket]tally

func (t tallies) add(bucket messages.Bucket, hash recordSum) {
	changed := t[bucket]
	changed.add(hash)
	t[bucket] = changed
}

func (t tallies) remove(bucket messages.Bucket, hash recordSum) {
	changed := t[bucket]
	changed.remove(hash)
	t[bucket] = changed
}

// all is the tally of all records.
func (t tallies) all() (all tally) {
	for _, one := range t {
		all = all.plus(one)
	}
	return all
}
