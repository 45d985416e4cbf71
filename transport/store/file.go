package store

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"

	bolt "go.etcd.io/bbolt"

	"github.com/waymeet/waymeet/messages"
)

const (
	// fileMode keeps everything on disk to its owner.
	fileMode = 0o600
	// fillPercent is how full bbolt leaves a page that it splits. The large
	// buckets grow at their end, so that nothing comes between.
	fillPercent = 0.95
	// readAtOnce is how many records one read transaction gives, overtaken how
	// often one is begun before writers have to wait for it.
	readAtOnce = 256
	overtaken  = 16
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
	// tallies are of the records as the last transaction left them, attempted as a
	// failed one would have: nobody knows whether it is on disk.
	tallies, attempted tallies
}

// write puts all records in one transaction and returns when they are on disk.
//
// SPEC 3.5: "Durable before acknowledged: append returns after fsync; … A
// write or fsync error stops the journal for good with a clear error".
func (f *file) write(records []messages.Record) error {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return f.writeLocked(records)
}

// writeIn is write, unless a later term has begun.
func (f *file) writeIn(term uint64, records []messages.Record) error {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if term != f.term {
		return fmt.Errorf("%w: %s", ErrFenced, f.path)
	}
	return f.writeLocked(records)
}

// nextTerm begins a term, after the transaction that is under way.
func (f *file) nextTerm() uint64 {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.term++
	return f.term
}

// writeLocked runs the transaction. Whoever calls holds the mutex.
func (f *file) writeLocked(records []messages.Record) error {
	if f.stopped != nil {
		return &Stopped{File: f.path, Cause: f.stopped}
	}
	c := begin(f)
	err := f.checkHead()
	if err == nil {
		err = f.guarded(func() error {
			return f.db.Update(func(tx *bolt.Tx) error { return c.run(tx, records) })
		})
	}
	if err != nil {
		f.stopped, f.attempted = err, c.tallies
		c.forget()
		return &Stopped{File: f.path, Cause: err}
	}
	f.tallies = c.tallies
	c.over()
	return nil
}
