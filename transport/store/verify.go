package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	bolt "go.etcd.io/bbolt"

	"github.com/waymeet/waymeet/messages"
)

// checkHead reads the head once more before a transaction: in a file that was
// damaged or cut short since it was opened, bbolt would go back to an older
// transaction, or fault with its locks held.
func (f *file) checkHead() error {
	_, what, err := readHead(f.handle)
	if errors.Is(err, os.ErrClosed) {
		return fmt.Errorf("%w: %s", ErrClosed, f.path)
	}
	if err == nil && what != "" {
		return &Damage{File: f.path, What: what}
	}
	return err
}

// verify reads everything: the meta bucket, and every record of every bucket.
func (f *file) verify(context messages.ContextID) error {
	return f.db.View(func(tx *bolt.Tx) error {
		meta := tx.Bucket([]byte(bucketMeta))
		if meta == nil {
			return &Damage{File: f.path, What: "it has no meta bucket"}
		}
		known, err := f.getMeta(meta, keySchema)
		if err != nil {
			return err
		}
		if len(known) != 8 || binary.BigEndian.Uint64(known) != schema {
			return &UnknownSchema{File: f.path, Schema: binary.BigEndian.Uint64(append(make([]byte, 8), known...)[len(known):])}
		}
		of, err := f.getMeta(meta, keyContext)
		if err != nil {
			return err
		}
		if !bytes.Equal(of, context[:]) {
			return &Damage{File: f.path, Bucket: bucketMeta, Key: []byte(keyContext), What: "it is the file of another context"}
		}
		return f.verifyRecords(tx, meta)
	})
}

// verifyRecords compares every record with its checksum, and all of them with
// count and fingerprint.
func (f *file) verifyRecords(tx *bolt.Tx, meta *bolt.Bucket) error {
	want, err := f.readTally(meta)
	if err != nil {
		return err
	}
	f.tallies = tallies{}
	err = tx.ForEach(func(raw []byte, bucket *bolt.Bucket) error {
		name := messages.Bucket(raw)
		return f.eachRecord(name, bucket, func(hash [sha256.Size]byte) {
			if name != bucketMeta {
				f.tallies.add(name, hash)
			}
		})
	})
	if found := f.tallies.all(); err == nil && found != want {
		return &Damage{File: f.path, Bucket: bucketMeta, Key: []byte(keyFingerprint), What: missing(found, want)}
	}
	return err
}

// missing says what is wrong with the records of a set.
func missing(found, want tally) string {
	if found.count == want.count {
		return "the records are not those that were written"
	}
	return fmt.Sprintf("%d records are there, %d were written", found.count, want.count)
}

// eachRecord gives the hash of every record of a bucket, compared with its
// checksum.
func (f *file) eachRecord(name messages.Bucket, bucket *bolt.Bucket, give func([sha256.Size]byte)) error {
	return bucket.ForEach(func(key, stored []byte) error {
		hash, what := check(name, key, stored)
		if what != "" {
			return &Damage{File: f.path, Bucket: name, Key: bytes.Clone(key), What: what}
		}
		give(hash)
		return nil
	})
}

func (f *file) getMeta(meta *bolt.Bucket, key string) ([]byte, error) {
	value, what := unseal(bucketMeta, []byte(key), meta.Get([]byte(key)))
	if what != "" {
		return nil, &Damage{File: f.path, Bucket: bucketMeta, Key: []byte(key), What: what}
	}
	return value, nil
}

func (f *file) readTally(meta *bolt.Bucket) (tally, error) {
	count, err := f.getMeta(meta, keyCount)
	if err != nil {
		return tally{}, err
	}
	fingerprint, err := f.getMeta(meta, keyFingerprint)
	if err != nil {
		return tally{}, err
	}
	t, ok := readTally(count, fingerprint)
	if !ok {
		return tally{}, &Damage{File: f.path, Bucket: bucketMeta, Key: []byte(keyCount), What: "it has another length"}
	}
	return t, nil
}
