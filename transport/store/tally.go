package store

import (
	"crypto/sha256"
	"encoding/binary"

	bolt "go.etcd.io/bbolt"

	"github.com/waymeet/waymeet/messages"
)

// tally describes a set of records: how many, and the sum of their hashes in
// four lanes of 64 bits, which does not depend on their order.
type tally struct {
	count uint64
	sum   [4]uint64
}

func (t *tally) add(hash [sha256.Size]byte) {
	t.count++
	for lane := range t.sum {
		t.sum[lane] += binary.BigEndian.Uint64(hash[8*lane:])
	}
}

func (t *tally) remove(hash [sha256.Size]byte) {
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

func (t tallies) add(bucket messages.Bucket, hash [sha256.Size]byte) {
	changed := t[bucket]
	changed.add(hash)
	t[bucket] = changed
}

func (t tallies) remove(bucket messages.Bucket, hash [sha256.Size]byte) {
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

// checkWhole checks that the records that were found in a bucket are all that
// were written into it. A bit that changes in an open database can hide records
// from bbolt; what is not there is believed only of a bucket that is whole.
func (f *file) checkWhole(bucket messages.Bucket, found tally) error {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	want := f.tallies[bucket]
	if found == want || f.stopped != nil {
		return nil // after a failed write nobody knows what is there
	}
	// Records were written meanwhile, or not all of them were asked for.
	found = tally{}
	err := f.guarded(func() error {
		return f.db.View(func(tx *bolt.Tx) error {
			in := tx.Bucket([]byte(bucket))
			if in == nil {
				return nil
			}
			return f.eachRecord(bucket, in, found.add)
		})
	})
	if err == nil && found != want {
		return &Damage{File: f.path, Bucket: bucket, What: missing(found, want)}
	}
	return err
}
