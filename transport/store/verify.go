package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"os"

	bolt "go.etcd.io/bbolt"

	"github.com/waymeet/waymeet/messages"
)

// Layout of bbolt's two meta pages, at 0 and at the page size, in the byte
// order of the machine: page header 16, then
//
//	magic 4 ‖ version 4 ‖ page size 4 ‖ flags 4 ‖ root 16 ‖ freelist 8 ‖
//	high water mark 8 ‖ transaction 8 ‖ FNV-64a of the 56 before 8
const (
	metaAt       = 16
	metaSize     = 64
	metaMagic    = 0xED0CDAED
	metaVersion  = 2
	highWaterAt  = 40
	metaSumAt    = 56
	minPageSize  = 1 << 9
	maxPageSize  = 1 << 16
	pageSizeAt   = 8
	metaPages    = 2
	metaVersions = 4
)

// checkHead reads bbolt's two meta pages before bbolt does. bbolt would fall
// back from a damaged one to the other without a word, and with it to the
// transaction before: an acknowledged record would be gone in silence. A page
// that a power loss tore is not mistaken for it: the meta fits one sector,
// which disks write whole.
func checkHead(path string) error {
	handle, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %s", ErrAbsent, path)
	}
	if err != nil {
		return err
	}
	defer handle.Close()
	info, err := handle.Stat()
	if err != nil {
		return err
	}
	first, what := readMeta(handle, 0)
	if what == "" {
		_, what = readMeta(handle, int64(first.pageSize))
	}
	if what == "" && info.Size() < int64(first.highWater)*int64(first.pageSize) {
		what = fmt.Sprintf("it has %d bytes, %d pages of %d are in use", info.Size(), first.highWater, first.pageSize)
	}
	if what != "" {
		return &Damage{File: path, What: what}
	}
	return nil
}

type boltMeta struct {
	pageSize  uint32
	highWater uint64
}

func readMeta(r io.ReaderAt, at int64) (meta boltMeta, what string) {
	var b [metaSize]byte
	if _, err := r.ReadAt(b[:], at+metaAt); err != nil {
		return meta, "it is cut short"
	}
	sum := fnv.New64a()
	sum.Write(b[:metaSumAt])
	if binary.NativeEndian.Uint32(b[:]) != metaMagic || binary.NativeEndian.Uint32(b[metaVersions:]) != metaVersion ||
		binary.NativeEndian.Uint64(b[metaSumAt:]) != sum.Sum64() {
		return meta, fmt.Sprintf("the head at byte %d is not intact", at)
	}
	meta = boltMeta{
		pageSize:  binary.NativeEndian.Uint32(b[pageSizeAt:]),
		highWater: binary.NativeEndian.Uint64(b[highWaterAt:]),
	}
	if meta.pageSize < minPageSize || meta.pageSize > maxPageSize {
		return meta, fmt.Sprintf("pages of %d bytes", meta.pageSize)
	}
	return meta, ""
}

// verify reads everything: the meta bucket, every record of every bucket, and
// then the structure, so that no page in use is taken for a free one later.
func (f *file) verify(context messages.ContextID) error {
	return f.db.View(func(tx *bolt.Tx) error {
		meta := tx.Bucket([]byte(bucketMeta))
		if meta == nil {
			return &Damage{File: f.path, What: "it has no meta bucket"}
		}
		known, err := f.getMeta(meta, keySchema)
		if err != nil {
			return err
		}
		if len(known) != 8 || binary.BigEndian.Uint64(known) != schema {
			return &UnknownSchema{File: f.path, Schema: binary.BigEndian.Uint64(append(make([]byte, 8), known...)[len(known):])}
		}
		of, err := f.getMeta(meta, keyContext)
		if err != nil {
			return err
		}
		if !bytes.Equal(of, context[:]) {
			return &Damage{File: f.path, Bucket: bucketMeta, Key: []byte(keyContext), What: "it is the file of another context"}
		}
		if err := f.verifyRecords(tx, meta); err != nil {
			return err
		}
		return f.verifyPages(tx)
	})
}

// verifyRecords compares every record with its checksum, and all of them with
// count and fingerprint.
func (f *file) verifyRecords(tx *bolt.Tx, meta *bolt.Bucket) error {
	want, err := f.readTally(meta)
	if err != nil {
		return err
	}
	found := tally{}
	err = tx.ForEach(func(raw []byte, bucket *bolt.Bucket) error {
		name := messages.Bucket(raw)
		return bucket.ForEach(func(key, stored []byte) error {
			hash, what := check(name, key, stored)
			if what != "" {
				return &Damage{File: f.path, Bucket: name, Key: bytes.Clone(key), What: what}
			}
			if name != bucketMeta {
				found.add(hash)
			}
			return nil
		})
	})
	if err == nil && found != want {
		what := fmt.Sprintf("%d records are there, %d were written", found.count, want.count)
		if found.count == want.count {
			what = "the records are not those that were written"
		}
		return &Damage{File: f.path, Bucket: bucketMeta, Key: []byte(keyFingerprint), What: what}
	}
	return err
}

// verifyPages checks that the pages in use and the free ones are what bbolt's
// list of free pages says. bbolt's own check runs in a goroutine that nothing
// guards against faults, and trusts the length of every page; the walk before
// it makes that safe.
func (f *file) verifyPages(tx *bolt.Tx) error {
	pages := int(tx.Size()) / f.db.Info().PageSize
	for id := 0; id < pages; {
		info, err := tx.Page(id)
		if err != nil {
			return err
		}
		if info == nil {
			break
		}
		if info.Type == "free" {
			id++
			continue
		}
		if info.OverflowCount < 0 || info.OverflowCount >= pages-id {
			return &Damage{File: f.path, What: fmt.Sprintf("page %d is longer than the file", id)}
		}
		id += 1 + info.OverflowCount
	}
	var first error
	for err := range tx.Check() {
		if first == nil {
			first = &Damage{File: f.path, What: err.Error()}
		}
	}
	return first
}

func (f *file) getMeta(meta *bolt.Bucket, key string) ([]byte, error) {
	value, what := unseal(bucketMeta, []byte(key), meta.Get([]byte(key)))
	if what != "" {
		return nil, &Damage{File: f.path, Bucket: bucketMeta, Key: []byte(key), What: what}
	}
	return value, nil
}

func (f *file) readTally(meta *bolt.Bucket) (tally, error) {
	count, err := f.getMeta(meta, keyCount)
	if err != nil {
		return tally{}, err
	}
	fingerprint, err := f.getMeta(meta, keyFingerprint)
	if err != nil {
		return tally{}, err
	}
	t, ok := readTally(count, fingerprint)
	if !ok {
		return tally{}, &Damage{File: f.path, Bucket: bucketMeta, Key: []byte(keyCount), What: "it has another length"}
	}
	return t, nil
}
