package store

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"os"
)

// Layout of bbolt's two meta pages, at 0 and at the page size, in the byte
// order of the machine: page header 16, then
//
//	magic 4 ‖ version 4 ‖ page size 4 ‖ flags 4 ‖ root 16 ‖ free list 8 ‖
//	high water mark 8 ‖ transaction 8 ‖ FNV-64a of the 56 before 8
const (
	metaAt        = 16
	metaSize      = 64
	metaMagic     = 0xED0CDAED
	metaVersion   = 2
	metaVersionAt = 4
	pageSizeAt    = 8
	rootAt        = 16
	freeListAt    = 32
	highWaterAt   = 40
	transactionAt = 48
	metaSumAt     = 56
	minPageSize   = 1 << 9
	maxPageSize   = 1 << 16
	metaPages     = 2
)

// boltMeta is one of bbolt's two heads; the newest one counts.
type boltMeta struct {
	pageSize                               uint32
	root, freeList, highWater, transaction uint64
}

// readHead reads bbolt's two meta pages. bbolt would fall back from a damaged
// one to the other without a word, and with it to the transaction before: an
// acknowledged record would be gone in silence.
//
// A power loss between the writes of a transaction leaves both intact: pages go
// to the disk before the meta that names them, and a meta fits one sector,
// which disks write whole. A disk that tears a sector shows as damage here,
// because nobody can tell that from a record that is gone.
func readHead(handle *os.File) (head boltMeta, what string, err error) {
	heads, what, err := readHeads(handle)
	if what != "" || err != nil {
		return head, what, err
	}
	head = heads[0]
	if heads[1].transaction > head.transaction {
		head = heads[1]
	}
	info, err := handle.Stat()
	if err != nil {
		return head, "", err
	}
	switch {
	case heads[0].pageSize != heads[1].pageSize || head.highWater < metaPages || head.highWater > math.MaxInt64/maxPageSize:
		what = "its head makes no sense"
	case info.Size() < int64(head.highWater)*int64(head.pageSize):
		what = fmt.Sprintf("it has %d bytes, %d pages of %d are in use", info.Size(), head.highWater, head.pageSize)
	}
	return head, what, nil
}

// readHeads reads both heads; one that is not intact is zero.
func readHeads(handle *os.File) (heads [metaPages]boltMeta, what string, err error) {
	pageSize := uint32(os.Getpagesize())
	if heads[0], what, err = readMeta(handle, 0); err != nil {
		return heads, "", err
	} else if what == "" {
		pageSize = heads[0].pageSize
	}
	second, problem, err := readMeta(handle, int64(pageSize))
	heads[1] = second
	return heads, cmp.Or(what, problem), err
}

func readMeta(r io.ReaderAt, at int64) (meta boltMeta, what string, err error) {
	var b [metaSize]byte
	if _, err := r.ReadAt(b[:], at+metaAt); errors.Is(err, io.EOF) {
		return meta, "it is cut short", nil
	} else if err != nil {
		return meta, "", err
	}
	sum := fnv.New64a()
	sum.Write(b[:metaSumAt])
	if binary.NativeEndian.Uint32(b[:]) != metaMagic || binary.NativeEndian.Uint32(b[metaVersionAt:]) != metaVersion ||
		binary.NativeEndian.Uint64(b[metaSumAt:]) != sum.Sum64() {
		return meta, fmt.Sprintf("the head at byte %d is not intact", at), nil
	}
	meta = boltMeta{
		pageSize:    binary.NativeEndian.Uint32(b[pageSizeAt:]),
		root:        binary.NativeEndian.Uint64(b[rootAt:]),
		freeList:    binary.NativeEndian.Uint64(b[freeListAt:]),
		highWater:   binary.NativeEndian.Uint64(b[highWaterAt:]),
		transaction: binary.NativeEndian.Uint64(b[transactionAt:]),
	}
	if meta.pageSize < minPageSize || meta.pageSize > maxPageSize {
		return boltMeta{}, fmt.Sprintf("pages of %d bytes", meta.pageSize), nil
	}
	return meta, "", nil
}
