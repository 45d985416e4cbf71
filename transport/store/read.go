package store

import (
	"bytes"
	"errors"
	"fmt"
	"iter"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/waymeet/waymeet/messages"
)

// records gives the records of a bucket by key, from that one on, from many
// short transactions: nothing blocks while the caller works. What is written
// meanwhile may be seen or not; no other is left out, if so many records lie
// before that key.
func (f *file) records(bucket messages.Bucket, from []byte, before uint64) iter.Seq2[messages.Record, error] {
	return func(yield func(messages.Record, error) bool) {
		begun, found := f.tallyOf(bucket), tally{count: before}
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
		if err := f.checkWhole(bucket, begun, found, from == nil); err != nil {
			yield(messages.Record{}, err)
		}
	}
}

// some reads the next records from that key on, and counts them.
func (f *file) some(bucket messages.Bucket, from []byte, found *tally) (records []messages.Record, err error) {
	err = f.view(func(r *reader) error {
		return r.each(bucket, from, func(key, stored []byte, hash recordSum) bool {
			found.add(hash)
			records = append(records, messages.Record{Bucket: bucket, Key: bytes.Clone(key), Value: unseal(stored)})
			return len(records) < readAtOnce
		})
	})
	return records, err
}

// tallyOf is the tally of a bucket as the last transaction left it.
func (f *file) tallyOf(bucket messages.Bucket) tally {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return f.tallies[bucket]
}

// checkWhole checks that the records that were found in a bucket are all that
// were written into it, begun being its tally before they were looked for. A bit
// that changes in an open database can hide records. Where some of them were only
// counted, the count is compared.
func (f *file) checkWhole(bucket messages.Bucket, begun, found tally, all bool) error {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	isWhole := func() bool {
		is := func(want tally) bool { return found == want || !all && found.count == want.count }
		return is(f.tallies[bucket]) || f.stopped != nil && is(f.attempted[bucket])
	}
	if isWhole() {
		return nil
	}
	if f.tallies[bucket] != begun { // records were written meanwhile
		found, all = tally{}, true
		err := f.still(func(r *reader) error {
			return r.each(bucket, nil, func(_, _ []byte, hash recordSum) bool {
				found.add(hash)
				return true
			})
		})
		if err != nil || isWhole() {
			return err
		}
	}
	return &Damage{File: f.path, Bucket: bucket, What: missing(found, f.tallies[bucket])}
}

// view reads from one transaction. Writers wait where they are in the way: what
// looked torn may have been a transaction under way, and one that overtakes
// every read would keep it from ever being done.
func (f *file) view(do func(*reader) error) error {
	if f.checkHead() == nil {
		if err := f.snapshot(do); !errors.Is(err, errOvertaken) {
			return err
		}
	}
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return f.still(do)
}

// still reads from one transaction while nobody writes. Whoever calls holds the
// mutex.
func (f *file) still(do func(*reader) error) error {
	if err := f.checkHead(); err != nil {
		return err
	}
	return f.snapshot(do)
}

// errOvertaken reports that two transactions were written since this one began,
// so that its head is gone.
var errOvertaken = errors.New("overtaken by writers")

// snapshot reads from one transaction of a file whose head is sound.
func (f *file) snapshot(do func(*reader) error) (err error) {
	for range overtaken {
		err = f.guarded(func() error {
			return f.db.View(func(tx *bolt.Tx) error {
				pages, err := f.pages(tx)
				if err != nil {
					return err
				}
				return do(newReader(pages))
			})
		})
		if !errors.Is(err, errOvertaken) {
			break
		}
	}
	if errors.Is(err, bolterrors.ErrDatabaseNotOpen) {
		return fmt.Errorf("%w: %s", ErrClosed, f.path)
	}
	return err
}
