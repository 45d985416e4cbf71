package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/waymeet/waymeet/messages"
)

const (
	// fileMode keeps everything on disk to its owner.
	fileMode = 0o600
	// lockWithin is how long Open waits for another process to let go.
	lockWithin = 100 * time.Millisecond
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

	// mutex is held during a write transaction.
	mutex sync.Mutex
	// term counts the lives that write; those of older terms are refused.
	term uint64
	// stopped is why nothing is written any more; nil: all is well.
	stopped error
}

// openFile opens a database that exists and distrusts every byte of it.
func openFile(path string, context messages.ContextID) (*file, error) {
	if err := checkHead(path); err != nil {
		return nil, err
	}
	f := &file{path: path}
	db, err := openBolt(path)
	if err != nil {
		return nil, err
	}
	f.db = db
	if err := guarded(path, func() error { return f.verify(context) }); err != nil {
		return nil, errors.Join(err, f.shut())
	}
	return f, nil
}

// createFile makes a database with its first records. It appears under its
// name complete or not at all.
func createFile(path string, context messages.ContextID, records []messages.Record) error {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("%w: %s", ErrExists, path)
	}
	fresh := path + ".new"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	db, err := openBolt(fresh)
	if err != nil {
		return err
	}
	f := &file{path: fresh, db: db}
	err = guarded(fresh, func() error {
		return db.Update(func(tx *bolt.Tx) error { return begin(tx, context) })
	})
	if err == nil {
		err = f.write(records)
	}
	if err := errors.Join(err, f.shut()); err != nil {
		return errors.Join(err, os.Remove(fresh))
	}
	if err := os.Rename(fresh, path); err != nil {
		return err
	}
	return syncDirectory(filepath.Dir(path))
}

// openBolt opens the file with bbolt; a panic inside closes it again.
func openBolt(path string) (*bolt.DB, error) {
	var handle *os.File
	var db *bolt.DB
	err := guarded(path, func() (err error) {
		db, err = bolt.Open(path, fileMode, &bolt.Options{
			Timeout:      lockWithin,
			FreelistType: bolt.FreelistMapType,
			NoStatistics: true,
			OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
				opened, err := os.OpenFile(name, flag, mode)
				handle = opened
				return opened, err
			},
		})
		return err
	})
	var damage *Damage
	switch {
	case err == nil:
		return db, nil
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, fmt.Errorf("%w: %s", ErrInUse, path)
	case errors.As(err, &damage) && handle != nil:
		return nil, errors.Join(err, handle.Close())
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrChecksum), errors.Is(err, bolterrors.ErrVersionMismatch):
		return nil, &Damage{File: path, What: err.Error()}
	}
	return nil, err
}

// begin writes the meta bucket of an empty database.
func begin(tx *bolt.Tx, context messages.ContextID) error {
	meta, err := tx.CreateBucket([]byte(bucketMeta))
	if err != nil {
		return err
	}
	empty := tally{}
	return errors.Join(
		putSealed(meta, keySchema, binary.BigEndian.AppendUint64(nil, schema)),
		putSealed(meta, keyContext, context[:]),
		putTally(meta, empty),
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
	return f.update(func(tx *bolt.Tx, t *tally) error { return putAll(tx, t, records) })
}

// writeIn is write, unless a later term has begun.
func (f *file) writeIn(term uint64, records []messages.Record) error {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if term != f.term {
		return fmt.Errorf("%w: %s", ErrFenced, f.path)
	}
	return f.updateLocked(func(tx *bolt.Tx, t *tally) error { return putAll(tx, t, records) })
}

// nextTerm begins a term, after the transaction that is under way.
func (f *file) nextTerm() uint64 {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.term++
	return f.term
}

func putAll(tx *bolt.Tx, t *tally, records []messages.Record) error {
	for _, record := range records {
		if err := put(tx, t, record); err != nil {
			return err
		}
	}
	return nil
}

// update runs one write transaction that keeps count and fingerprint.
func (f *file) update(do func(*bolt.Tx, *tally) error) error {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return f.updateLocked(do)
}

func (f *file) updateLocked(do func(*bolt.Tx, *tally) error) error {
	if f.stopped != nil {
		return &Stopped{File: f.path, Cause: f.stopped}
	}
	err := guarded(f.path, func() error {
		return f.db.Update(func(tx *bolt.Tx) error {
			meta := tx.Bucket([]byte(bucketMeta))
			t, err := f.readTally(meta)
			if err != nil {
				return err
			}
			if err := do(tx, &t); err != nil {
				return err
			}
			return putTally(meta, t)
		})
	})
	if err != nil {
		f.stopped = err
		return &Stopped{File: f.path, Cause: err}
	}
	return nil
}

// put writes one record, or deletes it if its value is nil.
func put(tx *bolt.Tx, t *tally, record messages.Record) error {
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
		t.remove(hash)
	}
	if record.Value == nil {
		return bucket.Delete(record.Key)
	}
	stored, hash := seal(record.Bucket, record.Key, record.Value)
	t.add(hash)
	return bucket.Put(record.Key, stored)
}

// get is one record's value, nil if there is none.
func (f *file) get(bucket messages.Bucket, key []byte) (value []byte, err error) {
	err = f.view(func(tx *bolt.Tx) error {
		value, err = f.read(tx, bucket, key)
		return err
	})
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
	err := guarded(f.path, func() error { return f.db.View(do) })
	if errors.Is(err, bolterrors.ErrDatabaseNotOpen) {
		return fmt.Errorf("%w: %s", ErrClosed, f.path)
	}
	return err
}

// records gives the records of a bucket by key, from that one on, from many
// short transactions: nothing blocks while the caller works. What is written
// meanwhile may be seen or not.
func (f *file) records(bucket messages.Bucket, from []byte) iter.Seq2[messages.Record, error] {
	return func(yield func(messages.Record, error) bool) {
		for next := from; ; {
			some, err := f.some(bucket, next)
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
				return
			}
			next = append(some[len(some)-1].Key, 0) // the least key after it
		}
	}
}

// some reads the next records from that key on.
func (f *file) some(name messages.Bucket, from []byte) (records []messages.Record, err error) {
	err = f.view(func(tx *bolt.Tx) error {
		bucket := tx.Bucket([]byte(name))
		if bucket == nil {
			return nil
		}
		cursor := bucket.Cursor()
		key, stored := cursor.Seek(from)
		for ; key != nil && len(records) < readAtOnce; key, stored = cursor.Next() {
			value, what := unseal(name, key, stored)
			if what != "" {
				return &Damage{File: f.path, Bucket: name, Key: bytes.Clone(key), What: what}
			}
			records = append(records, messages.Record{Bucket: name, Key: bytes.Clone(key), Value: value})
		}
		return nil
	})
	return records, err
}

// shut closes the file. It may be called twice.
func (f *file) shut() error {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if f.stopped == nil {
		f.stopped = ErrClosed
	}
	return guarded(f.path, f.db.Close)
}

// syncDirectory makes a rename durable.
func syncDirectory(path string) error {
	directory, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(directory.Sync(), directory.Close())
}
