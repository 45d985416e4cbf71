package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/waymeet/waymeet/messages"
)

// smallPages makes the pages of a fuzzed database small, so that a few bytes are a
// tree.
const smallPages = minPageSize

// smallBook is a database of small pages, as bbolt writes it: a tree of two levels,
// a small bucket, a record that overflows its page, free pages.
func smallBook(f *testing.F) []byte {
	f.Helper()
	path := filepath.Join(f.TempDir(), "book.db")
	db, err := bolt.Open(path, fileMode, &bolt.Options{PageSize: smallPages})
	if err != nil {
		f.Fatal(err)
	}
	sizes := map[messages.Bucket][]int{messages.BucketFacts: {10, 100, 200, 300, 700, 20, 200, 100, 200, 300}, messages.BucketKeys: {5}}
	for range 2 { // the pages of the first transaction are free after the second
		err = errors.Join(err, db.Update(func(tx *bolt.Tx) error {
			for bucket, sizes := range sizes {
				in, err := tx.CreateBucketIfNotExists([]byte(bucket))
				if err != nil {
					return err
				}
				for n, size := range sizes {
					key := messages.Place(n).Key()
					stored, _ := seal(nil, bucket, key, make([]byte, size))
					if err := in.Put(key, stored); err != nil {
						return err
					}
				}
			}
			return nil
		}))
	}
	if err := errors.Join(err, db.Close()); err != nil {
		f.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	return file
}

// Whatever the two heads of a file are, they are read or refused.
func FuzzHead(f *testing.F) {
	good := smallBook(f)
	f.Add(good[:2*smallPages], uint8(len(good)/smallPages))
	f.Add(good[:2*smallPages], uint8(2))
	f.Add(good[:smallPages+20], uint8(0))
	f.Add([]byte{}, uint8(0))
	file, err := os.Create(filepath.Join(f.TempDir(), "head"))
	if err != nil {
		f.Fatal(err)
	}
	defer file.Close()
	f.Fuzz(func(t *testing.T, heads []byte, pages uint8) {
		size := max(int64(len(heads)), int64(pages)*smallPages)
		for _, err := range []error{file.Truncate(0), file.Truncate(size)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		if _, err := file.WriteAt(heads, 0); err != nil {
			t.Fatal(err)
		}
		head, what, err := readHead(file)
		if err != nil {
			t.Fatal(err)
		}
		if end := head.highWater * uint64(head.pageSize); what == "" && (head.pageSize < minPageSize || end > uint64(size)) {
			t.Errorf("%d bytes are taken for %d pages of %d", size, head.highWater, head.pageSize)
		}
	})
}

// Whatever the pages of a file are, they are read or refused: what the structure
// check lets pass is read whole, and what a reader gives has its checksum.
func FuzzPages(f *testing.F) {
	good := smallBook(f)
	root := binary.NativeEndian.Uint64(good[smallPages+metaAt+rootAt:])
	free := binary.NativeEndian.Uint64(good[smallPages+metaAt+freeListAt:])
	f.Add(good[metaPages*smallPages:], uint8(root), uint8(free))
	f.Add(ladder(6), uint8(metaPages), uint8(metaPages))
	f.Fuzz(func(t *testing.T, pages []byte, root, free uint8) {
		file := bytes.NewReader(append(make([]byte, metaPages*smallPages), pages...))
		p := pageFile{file: file, path: "fuzzed", head: boltMeta{
			pageSize: smallPages, root: uint64(root), freeList: uint64(free), highWater: uint64(file.Size()) / smallPages,
		}}
		want, wrong := checkStructure(p)
		checkDamage(t, wrong)
		found := tallies{}
		for _, bucket := range []messages.Bucket{messages.BucketFacts, messages.BucketKeys, bucketMeta} {
			err := newReader(p).each(bucket, nil, func(key, stored []byte, hash recordSum) bool {
				if again, what := check(bucket, key, stored); what != "" || again != hash {
					t.Errorf("%s: a record is given whose checksum is wrong", bucket)
				}
				found.add(bucket, hash)
				return true
			})
			checkDamage(t, err)
			if wrong == nil && (err != nil || found[bucket] != want[bucket]) {
				t.Errorf("%s: %v, of sound pages", bucket, err)
			}
		}
	})
}

// checkDamage fails unless an error is damage that says what it is.
func checkDamage(t *testing.T, err error) {
	t.Helper()
	var damage *Damage
	if err != nil && (!errors.As(err, &damage) || damage.File != "fuzzed" || damage.What == "") {
		t.Errorf("%v", err)
	}
}

// putNode writes a branch or leaf page whose entries have those keys and values; of
// a branch the values are the pages below.
func putNode(page []byte, id uint64, kind uint16, keys []string, values [][]byte) {
	put64(page, id)
	put16(page[flagsAt:], kind)
	put16(page[countAt:], uint16(len(keys)))
	end := pageHeader + elementSize*len(keys)
	for at, key := range keys {
		words := page[pageHeader+elementSize*at:]
		pos := uint32(end - pageHeader - elementSize*at)
		if kind == branchPage {
			put32(words, pos)
			put32(words[4:], uint32(len(key)))
			copy(words[8:], values[at])
			end += copy(page[end:], key)
			continue
		}
		put32(words, bucketFlag)
		put32(words[4:], pos)
		put32(words[8:], uint32(len(key)))
		put32(words[12:], uint32(len(values[at])))
		end += copy(page[end:], key)
		end += copy(page[end:], values[at])
	}
}

// ladder is the pages, from the first behind the heads on, of a bucket of facts in
// which every branch leads to the next one twice, so that there are 2ⁿ ways down to
// a leaf, which is empty.
func ladder(rungs int) []byte {
	pages := make([]byte, (rungs+2)*smallPages)
	at := func(n int) []byte { return pages[n*smallPages : (n+1)*smallPages] }
	number := func(n int) []byte { return binary.NativeEndian.AppendUint64(nil, uint64(metaPages+n)) }
	putNode(at(0), metaPages, leafPage, []string{string(messages.BucketFacts)}, [][]byte{append(number(1), make([]byte, 8)...)})
	for n := 1; n <= rungs; n++ {
		keys := []string{"a", strings.Repeat("a", n) + "b"}
		putNode(at(n), uint64(metaPages+n), branchPage, keys, [][]byte{number(n + 1), number(n + 1)})
	}
	putNode(at(rungs+1), uint64(metaPages+rungs+1), leafPage, nil, nil)
	return pages
}

// A page that several lead to, or that leads to itself, is damage, and not walked
// down again and again.
func TestReaderWalksNoPageTwice(t *testing.T) {
	circle := ladder(1)
	own := binary.NativeEndian.AppendUint64(nil, metaPages+1)
	putNode(circle[smallPages:], metaPages+1, branchPage, []string{"a"}, [][]byte{own})
	for want, pages := range map[string][]byte{"out of order": ladder(8), "part of a circle": circle} {
		p := pageFile{
			file: bytes.NewReader(append(make([]byte, metaPages*smallPages), pages...)), path: "fuzzed",
			head: boltMeta{pageSize: smallPages, root: metaPages, highWater: uint64(metaPages + len(pages)/smallPages)},
		}
		err := newReader(p).each(messages.BucketFacts, nil, func(_, _ []byte, _ recordSum) bool { return true })
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
