package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"maps"
	"os"
	"sync"
	"sync/atomic"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/waymeet/waymeet/messages"
)

const (
	// fileMode keeps everything on disk to its owner.
	fileMode = 0o600
	// fillPercent is how full bbolt leaves a page that it splits. The large
	// buckets grow at their end, so that nothing comes between.
	fillPercent = 0.95
	// readAtOnce is how many records one read transaction gives.
	readAtOnce = 256
)

// file is one database. It is safe for concurrent use.
//
// Invariants: all records in it have right checksums, and count and
// fingerprint are theirs; verify has seen to it at open, write keeps it so.
type file struct {
	path string
	db   *bolt.DB
	// handle is the file that bbolt has open.
	handle *os.File
	// broken is the damage over which bbolt has panicked; nil: it has not.
	broken atomic.Pointer[Damage]

	// mutex is held during a write transaction.
	mutex sync.Mutex
	// term counts the lives that write; those of older terms are refused.
	term uint64
	// stopped is why nothing is written any more; nil: all is well.
	stopped error
	// tallies are of the records as the last transaction left them.
	tallies tallies
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

// write puts all records in one transaction and returns when they are on disk.
//
// SPEC 3.5: "Durable before acknowledged: append returns after fsync; … A
// write or fsync error stops the journal for good with a clear error".
func (f *file) write(records []messages.Record) error {
	return f.update(func(tx *bolt.Tx, t tallies) error { return putAll(tx, t, records) })
}

// writeIn is write, unless a later term has begun.
func (f *file) writeIn(term uint64, records []messages.Record) error {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if term != f.term {
		return fmt.Errorf("%w: %s", ErrFenced, f.path)
	}
	return f.updateLocked(func(tx *bolt.Tx, t tallies) error { return putAll(tx, t, records) })
}

// nextTerm begins a term, after the transaction that is under way.
func (f *file) nextTerm() uint64 {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.term++
	return f.term
}

func putAll(tx *bolt.Tx, t tallies, records []messages.Record) error {
	for _, record := range records {
		if err := put(tx, t, record); err != nil {
			return err
		}
	}
	return nil
}

// update runs one write transaction that keeps count and fingerprint.
func (f *file) update(do func(*bolt.Tx, tallies) error) error {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return f.updateLocked(do)
}

func (f *file) updateLocked(do func(*bolt.Tx, tallies) error) error {
	if f.stopped != nil {
		return &Stopped{File: f.path, Cause: f.stopped}
	}
	t := maps.Clone(f.tallies)
	err := f.checkHead()
	if err == nil {
		err = f.guarded(func() error {
			return f.db.Update(func(tx *bolt.Tx) error { return f.change(tx, t, do) })
		})
	}
	if err != nil {
		f.stopped = err
		return &Stopped{File: f.path, Cause: err}
	}
	f.tallies = t
	return nil
}

// change is what happens inside of a write transaction.
func (f *file) change(tx *bolt.Tx, t tallies, do func(*bolt.Tx, tallies) error) error {
	meta := tx.Bucket([]byte(bucketMeta))
	stored, err := f.readTally(meta)
	if err != nil {
		return err
	}
	if stored != t.all() {
		return &Damage{File: f.path, Bucket: bucketMeta, Key: []byte(keyFingerprint), What: "it is not that of the last transaction"}
	}
	if err := do(tx, t); err != nil {
		return err
	}
	return putTally(meta, t.all())
}

// put writes one record, or deletes it if its value is nil.
func put(tx *bolt.Tx, t tallies, record messages.Record) error {
	bucket, err := tx.CreateBucketIfNotExists([]byte(record.Bucket))
	if err != nil {
		return err
	}
	bucket.FillPercent = fillPercent
	if old := bucket.Get(record.Key); old != nil {
		hash, what := check(record.Bucket, record.Key, old)
		if what != "" {
			return &Damage{File: tx.DB().Path(), Bucket: record.Bucket, Key: bytes.Clone(record.Key), What: what}
		}
		t.remove(record.Bucket, hash)
	}
	if record.Value == nil {
		return bucket.Delete(record.Key)
	}
	stored, hash := seal(record.Bucket, record.Key, record.Value)
	t.add(record.Bucket, hash)
	return bucket.Put(record.Key, stored)
}

// get is one record's value, nil if there is none.
func (f *file) get(bucket messages.Bucket, key []byte) (value []byte, err error) {
	err = f.view(func(tx *bolt.Tx) error {
		value, err = f.read(tx, bucket, key)
		return err
	})
	if value == nil && err == nil {
		err = f.checkWhole(bucket, tally{})
	}
	return value, err
}

func (f *file) read(tx *bolt.Tx, name messages.Bucket, key []byte) ([]byte, error) {
	bucket := tx.Bucket([]byte(name))
	if bucket == nil {
		return nil, nil
	}
	stored := bucket.Get(key)
	if stored == nil {
		return nil, nil
	}
	value, what := unseal(name, key, stored)
	if what != "" {
		return nil, &Damage{File: f.path, Bucket: name, Key: bytes.Clone(key), What: what}
	}
	return value, nil
}

func (f *file) view(do func(*bolt.Tx) error) error {
	err := f.checkHead()
	if err != nil {
		f.mutex.Lock() // what looked torn may have been a transaction under way
		err = f.checkHead()
		f.mutex.Unlock()
	}
	if err != nil {
		return err
	}
	err = f.guarded(func() error { return f.db.View(do) })
	if errors.Is(err, bolterrors.ErrDatabaseNotOpen) {
		return fmt.Errorf("%w: %s", ErrClosed, f.path)
	}
	return err
}

// records gives the records of a bucket by key, from that one on, from many
// short transactions: nothing blocks while the caller works. What is written
// meanwhile may be seen or not; of all records of a bucket no other is left out.
func (f *file) records(bucket messages.Bucket, from []byte) iter.Seq2[messages.Record, error] {
	return func(yield func(messages.Record, error) bool) {
		var found tally
		for next := from; ; {
			some, err := f.some(bucket, next, &found)
			if err != nil {
				yield(messages.Record{}, err)
				return
			}
			for _, record := range some {
				if !yield(record, nil) {
					return
				}
			}
			if len(some) < readAtOnce {
				break
			}
			next = append(some[len(some)-1].Key, 0) // the least key after it
		}
		if from != nil {
			return
		}
		if err := f.checkWhole(bucket, found); err != nil {
			yield(messages.Record{}, err)
		}
	}
}

// some reads the next records from that key on, and counts them.
func (f *file) some(name messages.Bucket, from []byte, found *tally) (records []messages.Record, err error) {
	err = f.view(func(tx *bolt.Tx) error {
		bucket := tx.Bucket([]byte(name))
		if bucket == nil {
			return nil
		}
		cursor := bucket.Cursor()
		key, stored := cursor.Seek(from)
		for ; key != nil && len(records) < readAtOnce; key, stored = cursor.Next() {
			hash, what := check(name, key, stored)
			if what != "" {
				return &Damage{File: f.path, Bucket: name, Key: bytes.Clone(key), What: what}
			}
			found.add(hash)
			value := bytes.Clone(stored[:len(stored)-sumSize])
			records = append(records, messages.Record{Bucket: name, Key: bytes.Clone(key), Value: value})
		}
		return nil
	})
	return records, err
}
