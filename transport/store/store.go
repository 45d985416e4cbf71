package store

import (
	"fmt"
	"iter"

	"github.com/waymeet/waymeet/messages"
)

// Store is the database of one context's journal. It is safe for concurrent
// use; its writer is the context's journal alone. Directory.Journal opens it.
type Store struct{ file *file }

// Writer is the right of one life of a journal to write. Taking it waits for a
// transaction that is under way and refuses every later one of the lives
// before: what a life has read is what it adds to. Without it a life would
// load while its forerunner's last batch is still on its way to the disk, and
// sign the same seq again.
type Writer struct {
	store *Store
	term  uint64
}

// Writer begins a life. Take it before reading.
func (s *Store) Writer() *Writer { return &Writer{store: s, term: s.file.nextTerm()} }

// Records is that of the Store.
func (w *Writer) Records(bucket messages.Bucket) iter.Seq2[messages.Record, error] {
	return w.store.Records(bucket)
}

// RecordsFrom is that of the Store.
func (w *Writer) RecordsFrom(bucket messages.Bucket, key []byte, before uint64) iter.Seq2[messages.Record, error] {
	return w.store.RecordsFrom(bucket, key, before)
}

// Write puts all records in one transaction and returns when they are on disk. The
// error is ErrFenced if another life has begun; any other stops the database for
// good: every later Write fails with it.
func (w *Writer) Write(records []messages.Record) error {
	return w.store.file.writeIn(w.term, records)
}

// Records gives all records of a bucket, by key.
func (s *Store) Records(bucket messages.Bucket) iter.Seq2[messages.Record, error] {
	return s.file.records(bucket, nil, 0)
}

// RecordsFrom gives the records of a bucket from that key on. Whoever does not
// read those before it says how many they are: if what is read and they are not
// all that were written, that is an error in the end.
func (s *Store) RecordsFrom(bucket messages.Bucket, key []byte, before uint64) iter.Seq2[messages.Record, error] {
	return s.file.records(bucket, key, before)
}

// Facts reads the facts at those places, in that order. One that is missing, or
// is not the fact that it should be, is an error: nobody asks for what was not
// acknowledged.
func (s *Store) Facts(places []messages.FactPlace) ([][]byte, error) {
	facts := make([][]byte, 0, len(places))
	err := s.file.view(func(r *reader) error {
		for _, at := range places {
			fact, err := r.get(messages.BucketFacts, at.Place.Key())
			if err != nil {
				return err
			}
			if id, err := messages.FactIDOf(fact); err != nil || id != at.Fact {
				return &Damage{
					File: s.file.path, Bucket: messages.BucketFacts, Key: at.Place.Key(),
					What: fmt.Sprintf("it is not fact %s", at.Fact),
				}
			}
			facts = append(facts, fact)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return facts, nil
}

// Close closes the database; what Write has returned for is on disk.
func (s *Store) Close() error { return s.file.shut() }
