package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"sync"

	bolt "go.etcd.io/bbolt"

	"github.com/waymeet/waymeet/messages"
)

// change is one write transaction; the next one works in its memory. Where bbolt is
// about to go, the reader goes first.
type change struct {
	*file
	tx      *bolt.Tx
	reader  *reader
	tallies tallies
	// sealed are the values as they stand on disk: bbolt looks at them until the
	// transaction is over.
	sealed []byte
}

// changes are transactions that are over.
var changes = sync.Pool{New: func() any { return &change{reader: newReader(pageFile{})} }}

// begin makes a transaction of the file.
func begin(f *file) *change {
	c := changes.Get().(*change)
	c.file, c.tallies, c.sealed = f, maps.Clone(f.tallies), c.sealed[:0]
	return c
}

// over leaves its memory to another one.
func (c *change) over() {
	c.forget()
	changes.Put(c)
}

// forget keeps nothing but memory: neither the file nor what was written, which may be
// keys.
//
// SPEC 2.4: "Secrets are dropped and overwritten as far as Go allows".
func (c *change) forget() {
	clear(c.sealed)
	c.reader.restart(pageFile{})
	*c = change{reader: c.reader, sealed: c.sealed}
}

// run writes the records, and keeps count and fingerprint.
func (c *change) run(tx *bolt.Tx, records []messages.Record) error {
	c.tx = tx
	pages, err := c.file.pages(tx)
	if err != nil {
		return err
	}
	c.reader.restart(pages)
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
	c.sealed = slices.Grow(c.sealed, sealedSize(records)) // at once: growing leaves copies behind
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
	from := len(c.sealed)
	var hash recordSum
	c.sealed, hash = seal(c.sealed, record.Bucket, record.Key, record.Value)
	c.tallies.add(record.Bucket, hash)
	return bucket.Put(record.Key, c.sealed[from:len(c.sealed):len(c.sealed)])
}

// found writes the meta bucket of an empty database.
func found(tx *bolt.Tx, context messages.ContextID) error {
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
	stored, _ := seal(nil, bucketMeta, []byte(key), value)
	return meta.Put([]byte(key), stored)
}

func putTally(meta *bolt.Bucket, t tally) error {
	return errors.Join(
		putSealed(meta, keyCount, binary.BigEndian.AppendUint64(nil, t.count)),
		putSealed(meta, keyFingerprint, t.fingerprint()),
	)
}
