package store

import (
	"errors"
	"os"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/waymeet/waymeet/messages"
)

// SPEC 3.5: "A write or fsync error stops the journal for good with a clear
// error; it never retries silently."
func TestWriteErrorStopsForGood(t *testing.T) {
	state := t.TempDir()
	context := messages.ContextID{1}
	if err := Create(state, context, nil); err != nil {
		t.Fatal(err)
	}
	s, err := Open(state, context)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	tooLong := messages.Record{Bucket: messages.BucketKeys, Key: make([]byte, bolt.MaxKeySize+1), Value: []byte{1}}
	good := messages.Record{Bucket: messages.BucketKeys, Key: []byte("key"), Value: []byte{1}}
	var stopped *Stopped
	if err := s.Write([]messages.Record{good, tooLong}); !errors.As(err, &stopped) {
		t.Fatalf("first: %v", err)
	}
	if err := s.Write([]messages.Record{good}); !errors.As(err, &stopped) {
		t.Errorf("second: %v", err)
	}
	if value, err := s.file.get(messages.BucketKeys, good.Key); value != nil || err != nil {
		t.Errorf("half of the batch is there: %v, %v", value, err)
	}
}

func TestUnknownSchemaIsRefusedUntouched(t *testing.T) {
	state := t.TempDir()
	context := messages.ContextID{1}
	if err := Create(state, context, nil); err != nil {
		t.Fatal(err)
	}
	path := JournalPath(state, context)
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
	if _, err := Open(state, context); !errors.As(err, &unknown) || unknown.Schema != 9 {
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
	if err := Create(state, context, []messages.Record{record}); err != nil {
		t.Fatal(err)
	}
	db, err := bolt.Open(JournalPath(state, context), fileMode, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error { return tx.Bucket([]byte(record.Bucket)).Delete(record.Key) })
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	var damage *Damage
	if _, err := Open(state, context); !errors.As(err, &damage) {
		t.Errorf("got %v", err)
	}
}

// A life that begins sees everything of the one before, and nothing of it
// comes after.
func TestLaterLifeFencesTheEarlierOne(t *testing.T) {
	state := t.TempDir()
	context := messages.ContextID{1}
	if err := Create(state, context, nil); err != nil {
		t.Fatal(err)
	}
	s, err := Open(state, context)
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
	done := make(chan error)
	go func() {
		done <- s.file.update(func(c *change) error {
			close(inside)
			<-proceed
			return c.putAll(record(1))
		})
	}()
	<-inside
	second := make(chan *Writer)
	go func() { second <- s.Writer() }()
	close(proceed)
	writer := <-second
	if value, err := s.file.get(messages.BucketKeys, []byte{1}); err != nil || value == nil {
		t.Errorf("the second life began before the write was done: %v, %v", value, err)
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
	if value, err := s.file.get(messages.BucketKeys, []byte{2}); value != nil || err != nil {
		t.Errorf("something of the fenced write is there: %v, %v", value, err)
	}
}
