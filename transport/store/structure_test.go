package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/waymeet/waymeet/messages"
)

var here = messages.ContextID{1}

// book is a database with a tree of pages, a small bucket and free pages.
func book(t *testing.T) (state string) {
	t.Helper()
	state = t.TempDir()
	var records []messages.Record
	for n := range 200 {
		records = append(records, messages.Record{Bucket: messages.BucketFacts, Key: messages.Place(n).Key(), Value: make([]byte, 100)})
	}
	records = append(records, messages.Record{Bucket: messages.BucketKeys, Key: []byte("key"), Value: []byte("small")})
	if err := Directory(state).Create(here, records); err != nil {
		t.Fatal(err)
	}
	s, err := Directory(state).Journal(here)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Writer().Write(records[:1]), s.Writer().Write(records[100:101]), s.Close()); err != nil {
		t.Fatal(err)
	}
	return state
}

// image is the bytes of a database, and its pages.
type image struct {
	bytes []byte
	pageFile
}

func imageOf(t *testing.T, path string) image {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	head, what, err := readHead(file)
	if err != nil || what != "" {
		t.Fatal(what, err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return image{b, pageFile{file: strings.NewReader(string(b)), path: path, head: head}}
}

// at is the page of that id.
func (i image) at(id uint64) []byte { return i.bytes[id*uint64(i.head.pageSize):] }

// facts is the root page of the facts: a branch.
func (i image) facts(t *testing.T) uint64 {
	t.Helper()
	in, what := newReader(i.pageFile).find(messages.BucketFacts)
	if what != "" || in.root == 0 {
		t.Fatalf("the facts have no tree of their own: %q", what)
	}
	return in.root
}

// below is the first page under a branch.
func (i image) below(branch uint64) uint64 {
	return binary.NativeEndian.Uint64(i.at(branch)[pageHeader+8:])
}

func put16(b []byte, n uint16) { binary.NativeEndian.PutUint16(b, n) }
func put32(b []byte, n uint32) { binary.NativeEndian.PutUint32(b, n) }
func put64(b []byte, n uint64) { binary.NativeEndian.PutUint64(b, n) }

// SPEC 3.5: "damage is one clear error …". What is not as bbolt leaves it is
// refused before bbolt sees it.
func TestStructureIsRefusedWhen(t *testing.T) {
	tests := map[string]struct {
		harm func(i image, branch, leaf uint64)
		want string
	}{
		"a page has another number":       {func(i image, _, leaf uint64) { put64(i.at(leaf), leaf+1) }, "says that it is page"},
		"a page is beyond the end":        {func(i image, branch, _ uint64) { put64(i.at(branch)[pageHeader+8:], i.head.highWater) }, "beyond the end"},
		"a page is longer than the file":  {func(i image, _, leaf uint64) { put32(i.at(leaf)[overflowAt:], 1<<30) }, "longer than the file"},
		"a page is of no kind":            {func(i image, _, leaf uint64) { put16(i.at(leaf)[flagsAt:], 0) }, "neither branch nor leaf"},
		"a page leads to itself":          {func(i image, branch, _ uint64) { put64(i.at(branch)[pageHeader+8:], branch) }, "out of order"},
		"a branch is empty":               {func(i image, branch, _ uint64) { put16(i.at(branch)[countAt:], 0) }, "is empty"},
		"a leaf has too many entries":     {func(i image, _, leaf uint64) { put16(i.at(leaf)[countAt:], 1<<15) }, "does not hold"},
		"a leaf has too few":              {func(i image, _, leaf uint64) { put16(i.at(leaf)[countAt:], 1) }, "records are there"},
		"an entry is outside of its page": {func(i image, _, leaf uint64) { put32(i.at(leaf)[pageHeader+4:], 1<<20) }, "makes no sense"},
		"a record is a bucket":            {func(i image, _, leaf uint64) { put32(i.at(leaf)[pageHeader:], bucketFlag) }, "where none can be"},
		"a bucket is a record":            {func(i image, _, _ uint64) { put32(i.at(i.head.root)[pageHeader:], 0) }, "where none can be"},
		"keys are out of order": {func(i image, branch, _ uint64) {
			first, second := i.at(branch)[pageHeader+8:], i.at(branch)[pageHeader+elementSize+8:]
			a, b := binary.NativeEndian.Uint64(first), binary.NativeEndian.Uint64(second)
			put64(first, b)
			put64(second, a)
		}, "out of order"},
		"the free pages are something else": {func(i image, _, _ uint64) { put16(i.at(i.head.freeList)[flagsAt:], leafPage) }, "not the list of free pages"},
		"there are too many free pages":     {func(i image, _, _ uint64) { put16(i.at(i.head.freeList)[countAt:], manyFree-1) }, "does not hold"},
		"a free page is forgotten": {func(i image, _, _ uint64) {
			count := i.at(i.head.freeList)[countAt:]
			put16(count, binary.NativeEndian.Uint16(count)-1)
		}, "neither in use nor free"},
		"a page is free and in use": {func(i image, _, leaf uint64) { put64(i.at(i.head.freeList)[pageHeader:], leaf) }, "in use twice"},
	}
	state := book(t)
	path := Directory(state).JournalPath(here)
	good := imageOf(t, path)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			bad := imageOf(t, path)
			branch := bad.facts(t)
			test.harm(bad, branch, bad.below(branch))
			if err := os.WriteFile(path, bad.bytes, 0o600); err != nil {
				t.Fatal(err)
			}
			var damage *Damage
			if _, err := Directory(state).Journal(here); !errors.As(err, &damage) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if err := os.WriteFile(path, good.bytes, 0o600); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// Whatever is written and deleted, in whatever order, bbolt's own check and ours
// agree that the file is sound, and the reader finds what bbolt holds.
func TestEveryTransactionLeavesSoundPages(t *testing.T) {
	state := t.TempDir()
	if err := Directory(state).Create(here, nil); err != nil {
		t.Fatal(err)
	}
	s, err := Directory(state).Journal(here)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 60 {
		var records []messages.Record
		for range random.IntN(120) {
			record := messages.Record{
				Bucket: []messages.Bucket{messages.BucketFacts, messages.BucketKeys, "other"}[random.IntN(3)],
				Key:    fmt.Appendf(nil, "%d", random.IntN(500)),
			}
			if random.IntN(3) > 0 { // else it is deleted
				record.Value = make([]byte, []int{0, 30, 500, 9000}[random.IntN(4)])
			}
			records = append(records, record)
		}
		if err := s.Writer().Write(records); err != nil {
			t.Fatal(err)
		}
		err := s.file.db.View(func(tx *bolt.Tx) error {
			for err := range tx.Check() {
				return fmt.Errorf("bbolt: %w", err)
			}
			return sameAsBolt(s.file, tx)
		})
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
	}
}

// sameAsBolt compares what the reader and bbolt give.
func sameAsBolt(f *file, tx *bolt.Tx) error {
	pages, err := f.pages(tx)
	if err != nil {
		return err
	}
	r := newReader(pages)
	found, err := checkStructure(pages)
	if err != nil {
		return err
	}
	delete(found, bucketMeta)
	if found.all() != f.tallies.all() {
		return errors.New("the structure holds other records than were written")
	}
	return tx.ForEach(func(name []byte, bucket *bolt.Bucket) error {
		cursor := bucket.Cursor()
		key, stored := cursor.First()
		err := r.each(messages.Bucket(name), nil, func(k, v []byte, _ recordSum) bool {
			same := string(k) == string(key) && string(v) == string(stored)
			key, stored = cursor.Next()
			return same
		})
		if err == nil && key != nil {
			err = fmt.Errorf("bucket %s: the reader stops before %q", name, key)
		}
		return err
	})
}

// A list of free pages may fill its page to the last byte.
func TestListOfFreePagesMayBeFull(t *testing.T) {
	for more, want := range map[uint16]string{0: "", 1: "does not hold"} {
		i := imageOf(t, Directory(book(t)).JournalPath(here))
		full := uint16((i.head.pageSize - pageHeader) / pageIDSize)
		put16(i.at(i.head.freeList)[countAt:], full+more)
		i.file = bytes.NewReader(i.bytes)
		ids, size, what := i.freeList()
		if (what == "") != (want == "") || !strings.Contains(what, want) || what == "" && (len(ids) != int(full) || size != 1) {
			t.Errorf("%d free pages in %d: %q", len(ids), size, what)
		}
	}
}
