package store

import (
	"bytes"
	"encoding/binary"
	"errors"

	bolt "go.etcd.io/bbolt"

	"github.com/waymeet/waymeet/messages"
)

// change is one write transaction. Where bbolt is about to go, the reader goes
// first.
type change struct {
	*file
	tx      *bolt.Tx
	reader  *reader
	tallies tallies
}

// run writes the records, and keeps count and fingerprint.
func (c *change) run(tx *bolt.Tx, records []messages.Record) (err error) {
	c.tx = tx
	if c.reader, err = c.file.reader(tx); err != nil {
		return err
	}
	if _, _, what := c.reader.freeList(); what != "" {
		return &Damage{File: c.path, What: what}
	}
	stored, err := c.reader.tally()
	if err != nil {
		return err
	}
	if stored != c.tallies.all() {
		return &Damage{File: c.path, Bucket: bucketMeta, Key: []byte(keyFingerprint), What: "it is not that of the last transaction"}
	}
	for _, record := range records {
		if err := c.put(record); err != nil {
			return err
		}
	}
	return putTally(tx.Bucket([]byte(bucketMeta)), c.tallies.all())
}

// put writes one record, or deletes it if its value is nil.
func (c *change) put(record messages.Record) error {
	if err := c.reader.follow(record.Bucket, record.Key); err != nil {
		return err
	}
	bucket, err := c.tx.CreateBucketIfNotExists([]byte(record.Bucket))
	if err != nil {
		return err
	}
	bucket.FillPercent = fillPercent
	if old := bucket.Get(record.Key); old != nil {
		hash, what := check(record.Bucket, record.Key, old)
		if what != "" {
			return &Damage{File: c.path, Bucket: record.Bucket, Key: bytes.Clone(record.Key), What: what}
		}
		c.tallies.remove(record.Bucket, hash)
	}
	if record.Value == nil {
		return bucket.Delete(record.Key)
	}
	stored, hash := seal(record.Bucket, record.Key, record.Value)
	c.tallies.add(record.Bucket, hash)
	return bucket.Put(record.Key, stored)
}

// begin writes the meta bucket of an empty database.
func begin(tx *bolt.Tx, context messages.ContextID) error {
	meta, err := tx.CreateBucket([]byte(bucketMeta))
	if err != nil {
		return err
	}
	return errors.Join(
		putSealed(meta, keySchema, binary.BigEndian.AppendUint64(nil, schema)),
		putSealed(meta, keyContext, context[:]),
		putTally(meta, tally{}),
	)
}

func putSealed(meta *bolt.Bucket, key string, value []byte) error {
	stored, _ := seal(bucketMeta, []byte(key), value)
	return meta.Put([]byte(key), stored)
}

func putTally(meta *bolt.Bucket, t tally) error {
	return errors.Join(
		putSealed(meta, keyCount, binary.BigEndian.AppendUint64(nil, t.count)),
		putSealed(meta, keyFingerprint, t.fingerprint()),
	)
}
