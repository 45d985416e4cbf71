package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/waymeet/waymeet/messages"
)

// opened is an open book, and its bytes.
func opened(t *testing.T) (*Store, image) {
	t.Helper()
	state := book(t)
	s, err := Directory(state).Journal(here)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, imageOf(t, Directory(state).JournalPath(here))
}

// overwrite changes the file under the open database.
func (i image) overwrite(t *testing.T) {
	t.Helper()
	file, err := os.OpenFile(i.path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = file.WriteAt(i.bytes, 0)
	if err := errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}
}

func wantDamage(t *testing.T, err error, want string) {
	t.Helper()
	var damage *Damage
	if !errors.As(err, &damage) || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want damage: %q", err, want)
	}
}

func readAll(s *Store, bucket messages.Bucket) (last error) {
	for _, err := range s.Records(bucket) {
		last = err
	}
	return last
}

// SPEC 3.5: "never a silently missing fact". A page under the open database says
// that it holds fewer records than it does.
func TestHiddenRecordIsMissed(t *testing.T) {
	s, i := opened(t)
	leaf := i.below(i.facts(t))
	put16(i.at(leaf)[countAt:], 1)
	i.overwrite(t)
	wantDamage(t, readAll(s, messages.BucketFacts), "bucket facts: 172 records are there, 200 were written")
}

// What was never written is not there, whatever lies behind its place.
func TestRecordThatWasNeverWrittenIsNotThere(t *testing.T) {
	_, i := opened(t)
	r := newReader(i.pageFile)
	for _, key := range [][]byte{append(messages.Place(7).Key(), 0), messages.Place(1000).Key()} {
		if value, err := r.get(messages.BucketFacts, key); value != nil || err != nil {
			t.Errorf("%x: %d bytes, %v", key, len(value), err)
		}
	}
}

// A journal that is loaded anew reads only what its index does not cover. It too
// learns that a page says that it holds fewer records than it does.
func TestHiddenRecordIsMissedInThePartThatIsRead(t *testing.T) {
	s, i := opened(t)
	branch := i.facts(t)
	put16(i.at(i.below(branch))[countAt:], 1)
	i.overwrite(t)
	for _, from := range []messages.Place{1, 5} {
		_, err := readFrom(s, from)
		wantDamage(t, err, "bucket facts")
	}
	n, err := readFrom(s, 150)
	if err != nil || n != 50 {
		t.Errorf("what is whole: %d records, %v", n, err)
	}
}

// What is written while somebody reads is no damage, and hides none.
func TestReadingGoesOnUnderWrites(t *testing.T) {
	for name, harm := range map[string]bool{"sound": false, "harmed": true} {
		t.Run(name, func(t *testing.T) {
			s, _ := opened(t)
			var last error
			for record, err := range s.RecordsFrom(messages.BucketFacts, messages.Place(100).Key(), 100) {
				if last = err; err != nil || string(record.Key) != string(messages.Place(100).Key()) {
					continue
				}
				more := messages.Record{Bucket: messages.BucketFacts, Key: messages.Place(500).Key(), Value: []byte{1}}
				if err := s.Writer().Write([]messages.Record{more}); err != nil {
					t.Fatal(err)
				}
				if harm {
					i := imageOf(t, s.file.path)
					put16(i.at(i.below(i.facts(t)))[countAt:], 1)
					i.overwrite(t)
				}
			}
			if harm {
				wantDamage(t, last, "bucket facts")
			} else if last != nil {
				t.Error(last)
			}
		})
	}
}

// So is a bucket of which nothing is seen any more.
func TestHiddenBucketIsMissed(t *testing.T) {
	s, i := opened(t)
	leaf := i.at(i.head.root)
	put16(leaf[countAt:], 0)
	i.overwrite(t)
	wantDamage(t, readAll(s, messages.BucketFacts), "bucket facts: 0 records are there, 200 were written")
	wantDamage(t, readAll(s, messages.BucketKeys), "bucket keys: 0 records are there")
	_, err := readFrom(s, 1)
	wantDamage(t, err, "bucket facts")
}

// After a write that failed the records are those of before or those of after it.
// That is no excuse for others.
func TestHiddenRecordIsMissedAfterAFailedWrite(t *testing.T) {
	s, i := opened(t)
	good := messages.Record{Bucket: messages.BucketFacts, Key: messages.Place(900).Key(), Value: []byte{1}}
	if err := s.Writer().Write([]messages.Record{good, {Bucket: messages.BucketKeys, Key: make([]byte, bolt.MaxKeySize+1), Value: []byte{1}}}); err == nil {
		t.Fatal("it has not failed")
	}
	if err := readAll(s, messages.BucketFacts); err != nil {
		t.Errorf("as before the write: %v", err)
	}
	one := s.file.tallies[messages.BucketFacts]
	s.file.tallies[messages.BucketFacts] = tally{}
	s.file.attempted[messages.BucketFacts] = one
	if err := readAll(s, messages.BucketFacts); err != nil {
		t.Errorf("as after the write: %v", err)
	}
	s.file.tallies[messages.BucketFacts] = one
	put16(i.at(i.below(i.facts(t)))[countAt:], 1)
	i.overwrite(t)
	wantDamage(t, readAll(s, messages.BucketFacts), "bucket facts")
	_, err := readFrom(s, 1)
	wantDamage(t, err, "bucket facts")
}

// A head that is gone is damage, not a writer that overtakes.
func TestHeadThatIsGoneIsDamageToWhoeverCountsAgain(t *testing.T) {
	s, i := opened(t)
	clear(i.bytes[:metaPages*i.head.pageSize])
	var last error
	first := true
	for _, err := range s.Records(messages.BucketFacts) {
		if last = err; !first {
			continue
		}
		first = false
		if err := s.Writer().Write([]messages.Record{{Bucket: messages.BucketFacts, Key: messages.Place(900).Key(), Value: []byte{1}}}); err != nil {
			t.Fatal(err)
		}
		i.overwrite(t)
	}
	wantDamage(t, last, "the head at byte 0 is not intact")
}

// readFrom reads the facts of the book from that place on.
func readFrom(s *Store, place messages.Place) (n int, last error) {
	for _, err := range s.Writer().RecordsFrom(messages.BucketFacts, place.Key(), uint64(place)) {
		n, last = n+1, err
	}
	return n, last
}

// A branch under the open database leads to page 0, which is a head: it is not
// passed over.
func TestPageZeroIsDamage(t *testing.T) {
	s, i := opened(t)
	put64(i.at(i.facts(t))[pageHeader+8:], 0)
	i.overwrite(t)
	_, err := s.Facts([]messages.FactPlace{{Place: 1}})
	wantDamage(t, err, "page 0 ")
	wantDamage(t, readAll(s, messages.BucketFacts), "page 0 ")
}

// Pages under the node's open database say that they hold fewer records than they
// do. A claim, a counter: none is taken for absent, and none is written anew.
func TestHiddenRecordsOfANodeAreStillThere(t *testing.T) {
	state := t.TempDir()
	node, err := Directory(state).Node()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = node.Close() })
	key := func(n int) []byte { return fmt.Appendf(nil, "ticket %03d", n) }
	for n := range 100 {
		if _, err := node.PutOnce(BucketClaims, key(n), make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
	}
	peer := messages.AuthorityID{2}
	if err := node.Complete(here, peer, 5, 1); err != nil {
		t.Fatal(err)
	}
	i := imageOf(t, filepath.Join(state, NodeFile))
	for id := uint64(metaPages); id < i.head.highWater; id++ {
		if binary.NativeEndian.Uint16(i.at(id)[flagsAt:]) == leafPage && id != i.head.root {
			put16(i.at(id)[countAt:], 1)
		}
	}
	i.overwrite(t)
	if there, err := node.PutOnce(BucketClaims, key(1), []byte("another")); err != nil || len(there) != 100 {
		t.Errorf("a claim that is hidden is stored anew: %q, %v", there, err)
	}
	if there := node.Get(BucketClaims, []byte("never claimed")); there != nil {
		t.Errorf("what is not there is %q", there)
	}
	if n := len(slices.Collect(node.Records(BucketClaims))); n != 100 {
		t.Errorf("%d claims", n)
	}
	if err := node.Complete(here, peer, 4, 9); err != nil || !bytes.Equal(node.Get(BucketCompleted, completedKey(here, peer)), counter(5, 1)) {
		t.Errorf("a counter has gone back, %v", err)
	}
}

// A page under the open database leads to itself: neither reads nor writes go
// round.
func TestCircleIsDamage(t *testing.T) {
	s, i := opened(t)
	branch := i.facts(t)
	put64(i.at(branch)[pageHeader+8:], branch)
	i.overwrite(t)
	wantDamage(t, readAll(s, messages.BucketFacts), "out of order")
	wantDamage(t, s.Writer().Write([]messages.Record{{Bucket: messages.BucketFacts, Key: messages.Place(0).Key(), Value: []byte{1}}}), "out of order")
}

// A head that is harmed under the open database is not passed over for the one
// before it.
func TestHarmedHeadIsDamage(t *testing.T) {
	s, i := opened(t)
	newest := i.head.transaction % metaPages
	i.at(newest)[metaAt+transactionAt] ^= 4
	i.overwrite(t)
	wantDamage(t, readAll(s, messages.BucketKeys), "head at byte")
	wantDamage(t, s.Writer().Write([]messages.Record{{Bucket: messages.BucketKeys, Key: []byte{1}, Value: []byte{1}}}), "head at byte")
}

// A disk that forgets the last transaction under the open database, and all of
// it, does not make the next one follow the one before.
func TestForgottenTransactionIsDamage(t *testing.T) {
	s, before := opened(t)
	record := []messages.Record{{Bucket: messages.BucketKeys, Key: []byte("last"), Value: []byte{1}}}
	if err := s.Writer().Write(record); err != nil {
		t.Fatal(err)
	}
	before.overwrite(t)
	wantDamage(t, readAll(s, messages.BucketKeys), "2 were written")
	wantDamage(t, s.Writer().Write(record), "not that of the last transaction")
}

// After bbolt has panicked nothing of it is called again, and the file is let go.
func TestPanicIsDamageForGood(t *testing.T) {
	state := book(t)
	s, err := Directory(state).Journal(here)
	if err != nil {
		t.Fatal(err)
	}
	err = s.file.guarded(func() error {
		_, _ = s.file.db.Begin(true) // whose locks nobody lets go
		panic("a page makes no sense")
	})
	wantDamage(t, err, "a page makes no sense")
	wantDamage(t, readAll(s, messages.BucketFacts), "a page makes no sense")
	wantDamage(t, s.Writer().Write([]messages.Record{{Bucket: messages.BucketKeys, Key: []byte{1}, Value: []byte{1}}}), "a page makes no sense")
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Errorf("close: %v", err)
	}
	if s, err = Directory(state).Journal(here); err != nil {
		t.Fatalf("the file is not let go: %v", err)
	}
	_ = s.Close()
}
