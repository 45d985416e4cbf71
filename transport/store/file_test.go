package store

import (
	"bytes"
	"errors"
	"os"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/waymeet/waymeet/messages"
)

// valueOf is one record's value in the keys, nil if there is none.
func valueOf(t *testing.T, s *Store, key []byte) (value []byte) {
	t.Helper()
	for record, err := range s.Records(messages.BucketKeys) {
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Equal(record.Key, key) {
			value = record.Value
		}
	}
	return value
}

// SPEC 3.5: "A write or fsync error stops the journal for good with a clear
// error; it never retries silently."
func TestWriteErrorStopsForGood(t *testing.T) {
	state := t.TempDir()
	context := messages.ContextID{1}
	if err := Directory(state).Create(context, nil); err != nil {
		t.Fatal(err)
	}
	s, err := Directory(state).Journal(context)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	tooLong := messages.Record{Bucket: messages.BucketKeys, Key: make([]byte, bolt.MaxKeySize+1), Value: []byte{1}}
	good := messages.Record{Bucket: messages.BucketKeys, Key: []byte("key"), Value: []byte{1}}
	var stopped *Stopped
	if err := s.Writer().Write([]messages.Record{good, tooLong}); !errors.As(err, &stopped) {
		t.Fatalf("first: %v", err)
	}
	if err := s.Writer().Write([]messages.Record{good}); !errors.As(err, &stopped) {
		t.Errorf("second: %v", err)
	}
	if value := valueOf(t, s, good.Key); value != nil {
		t.Errorf("half of the batch is there: %v", value)
	}
}

func TestUnknownSchemaIsRefusedUntouched(t *testing.T) {
	state := t.TempDir()
	context := messages.ContextID{1}
	if err := Directory(state).Create(context, nil); err != nil {
		t.Fatal(err)
	}
	path := Directory(state).JournalPath(context)
	db, err := bolt.Open(path, fileMode, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		return putSealed(tx.Bucket([]byte(bucketMeta)), keySchema, []byte{0, 0, 0, 0, 0, 0, 0, 9})
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var unknown *UnknownSchema
	if _, err := Directory(state).Journal(context); !errors.As(err, &unknown) || unknown.Schema != 9 {
		t.Errorf("got %v", err)
	}
	after, err := os.ReadFile(path)
	if err != nil || string(before) != string(after) {
		t.Errorf("the file was touched (%v)", err)
	}
}

// A record that is gone with everything that bbolt knew of it is missed.
func TestMissingRecordIsDamage(t *testing.T) {
	state := t.TempDir()
	context := messages.ContextID{1}
	record := messages.Record{Bucket: messages.BucketCharges, Key: []byte("key"), Value: []byte{1}}
	if err := Directory(state).Create(context, []messages.Record{record}); err != nil {
		t.Fatal(err)
	}
	db, err := bolt.Open(Directory(state).JournalPath(context), fileMode, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error { return tx.Bucket([]byte(record.Bucket)).Delete(record.Key) })
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	var damage *Damage
	if _, err := Directory(state).Journal(context); !errors.As(err, &damage) {
		t.Errorf("got %v", err)
	}
}

// A life that begins sees everything of the one before, and nothing of it
// comes after.
func TestLaterLifeFencesTheEarlierOne(t *testing.T) {
	state := t.TempDir()
	context := messages.ContextID{1}
	if err := Directory(state).Create(context, nil); err != nil {
		t.Fatal(err)
	}
	s, err := Directory(state).Journal(context)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	record := func(n byte) []messages.Record {
		return []messages.Record{{Bucket: messages.BucketKeys, Key: []byte{n}, Value: []byte{n}}}
	}
	first := s.Writer()
	// The first life's transaction is under way when the second begins.
	inside, proceed := make(chan struct{}), make(chan struct{})
	done := make(chan error, 1)
	go func() {
		s.file.mutex.Lock()
		defer s.file.mutex.Unlock()
		close(inside)
		<-proceed
		done <- s.file.writeLocked(record(1))
	}()
	<-inside
	second := make(chan *Writer)
	go func() { second <- s.Writer() }()
	close(proceed)
	writer := <-second
	if valueOf(t, s, []byte{1}) == nil {
		t.Error("the second life began before the write was done")
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := first.Write(record(2)); !errors.Is(err, ErrFenced) {
		t.Errorf("the first life writes: %v", err)
	}
	if err := writer.Write(record(3)); err != nil {
		t.Errorf("the second life writes: %v", err)
	}
	if value := valueOf(t, s, []byte{2}); value != nil {
		t.Errorf("something of the fenced write is there: %v", value)
	}
}
