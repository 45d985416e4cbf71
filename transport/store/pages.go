package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
)

// Layout of bbolt's pages, in the byte order of the machine:
//
//	page      id 8 ‖ flags 2 ‖ count 2 ‖ overflow 4 ‖ count elements ‖ bytes
//	branch    pos 4 ‖ key size 4 ‖ page 8
//	leaf      flags 4 ‖ pos 4 ‖ key size 4 ‖ value size 4
//	free list count ids of 8; where count is 0xffff, the first id is the count
//	bucket    root page 8 ‖ sequence 8 ‖ where root is 0: a leaf page
//
// pos counts from its element, value follows key. overflow is how many pages
// more belong to this one.
const (
	pageHeader   = 16
	flagsAt      = 8
	countAt      = 10
	overflowAt   = 12
	elementSize  = 16
	bucketHeader = 16
	pageIDSize   = 8

	branchPage   = 0x01
	leafPage     = 0x02
	freeListPage = 0x10
	bucketFlag   = 0x01
	manyFree     = 0xffff
)

// pageFile reads the pages of one transaction, and lets nothing pass that makes
// no sense. bbolt trusts page ids, counts and lengths, and follows them out of
// the file or in a circle.
type pageFile struct {
	file io.ReaderAt
	path string
	head boltMeta
}

// damage is the error of something that is wrong with the pages; nil: nothing
// is.
func (p pageFile) damage(what string) error {
	if what == "" {
		return nil
	}
	return &Damage{File: p.path, What: what}
}

// read reads a page with all that overflows, into the bytes if it fits there.
func (p pageFile) read(id uint64, into []byte) (page []byte, what string) {
	if id >= p.head.highWater {
		return nil, fmt.Sprintf("page %d is beyond the end, %d", id, p.head.highWater)
	}
	page = slices.Grow(into[:0], int(p.head.pageSize))[:p.head.pageSize]
	if _, err := p.file.ReadAt(page, int64(id)*int64(p.head.pageSize)); err != nil {
		return nil, fmt.Sprintf("page %d: %v", id, err)
	}
	if itself := binary.NativeEndian.Uint64(page); itself != id {
		return nil, fmt.Sprintf("page %d says that it is page %d", id, itself)
	}
	more := uint64(binary.NativeEndian.Uint32(page[overflowAt:]))
	if more >= p.head.highWater-id {
		return nil, fmt.Sprintf("page %d is longer than the file", id)
	}
	if more == 0 {
		return page, ""
	}
	whole := int(1+more) * int(p.head.pageSize)
	page = slices.Grow(page[:0], whole)[:whole]
	if _, err := p.file.ReadAt(page, int64(id)*int64(p.head.pageSize)); err != nil {
		return nil, fmt.Sprintf("page %d: %v", id, err)
	}
	return page, ""
}

// freeList reads the ids of the free pages, and how many pages hold them.
func (p pageFile) freeList() (ids []uint64, size uint64, what string) {
	page, what := p.read(p.head.freeList, nil)
	if what != "" {
		return nil, 0, what
	}
	if flags := binary.NativeEndian.Uint16(page[flagsAt:]); flags != freeListPage {
		return nil, 0, fmt.Sprintf("page %d is not the list of free pages", p.head.freeList)
	}
	count, rest := uint64(binary.NativeEndian.Uint16(page[countAt:])), page[pageHeader:]
	if count == manyFree {
		count, rest = binary.NativeEndian.Uint64(rest), rest[pageIDSize:]
	}
	if count > uint64(len(rest)/pageIDSize) {
		return nil, 0, fmt.Sprintf("page %d does not hold %d free pages", p.head.freeList, count)
	}
	for at := range count {
		ids = append(ids, binary.NativeEndian.Uint64(rest[at*pageIDSize:]))
	}
	return ids, uint64(len(page)) / uint64(p.head.pageSize), ""
}

// node is a branch or leaf page.
type node struct {
	page     []byte
	elements []element
	leaf     bool
	// size is how many pages it takes: none if it is a small bucket's.
	size uint64
}

// read reads a branch or leaf page that may hold the keys of the span, over what
// the node was before. root says that it belongs to the tree of the buckets,
// which holds nothing else.
func (n *node) read(p pageFile, id uint64, root bool, within span) (what string) {
	if n.page, what = p.read(id, n.page); what != "" {
		return what
	}
	n.size = uint64(len(n.page)) / uint64(p.head.pageSize)
	return n.parse(id, root, within)
}

// parse reads what is on the page, which may be that of a small bucket inside of
// the page of that id.
func (n *node) parse(id uint64, root bool, within span) (what string) {
	kind := binary.NativeEndian.Uint16(n.page[flagsAt:])
	n.leaf = kind == leafPage
	if !n.leaf && kind != branchPage {
		return fmt.Sprintf("page %d is neither branch nor leaf", id)
	}
	if what = n.readElements(id, kind); what != "" {
		return what
	}
	if !n.leaf && len(n.elements) == 0 {
		return fmt.Sprintf("branch page %d is empty", id)
	}
	for _, e := range n.elements {
		if n.leaf && e.bucket != root {
			return fmt.Sprintf("page %d holds a bucket or a record where none can be", id)
		}
	}
	return checkOrder(id, n.elements, within)
}

// below is what the page under an entry of a branch page may hold.
func (n node) below(at int, within span) span {
	below := span{least: n.elements[at].key, end: within.end}
	if at+1 < len(n.elements) {
		below.end = n.elements[at+1].key
	}
	return below
}

// small is the page inside of a small bucket; ok is false if it is a tree of its
// own, at root.
func (e element) small(id uint64) (n node, root uint64, ok bool, what string) {
	if len(e.value) < bucketHeader {
		return n, 0, false, fmt.Sprintf("page %d holds a bucket of %d bytes", id, len(e.value))
	}
	if root = binary.NativeEndian.Uint64(e.value); root != 0 {
		return n, root, false, ""
	}
	n.page = e.value[bucketHeader:]
	if len(n.page) < pageHeader || binary.NativeEndian.Uint16(n.page[flagsAt:]) != leafPage {
		return n, 0, false, fmt.Sprintf("page %d holds a small bucket that is no leaf", id)
	}
	what = n.parse(id, false, span{})
	return n, 0, true, what
}

// span is the keys that a page may hold: from least on, below end; nil: no
// bound.
type span struct{ least, end []byte }

// element is an entry of a branch or leaf page.
type element struct {
	key, value []byte
	page       uint64
	bucket     bool
}

func (n *node) readElements(id uint64, kind uint16) (what string) {
	page, elements := n.page, n.elements[:0]
	count := int(binary.NativeEndian.Uint16(page[countAt:]))
	if count > (len(page)-pageHeader)/elementSize {
		return fmt.Sprintf("page %d does not hold %d entries", id, count)
	}
	for at := pageHeader; len(elements) < count; at += elementSize {
		var e element
		var pos, keySize, valueSize uint64
		words := page[at:]
		word := func(n int) uint64 { return uint64(binary.NativeEndian.Uint32(words[4*n:])) }
		if kind == branchPage {
			pos, keySize, e.page = word(0), word(1), binary.NativeEndian.Uint64(words[8:])
		} else {
			pos, keySize, valueSize, e.bucket = word(1), word(2), word(3), word(0) == bucketFlag
		}
		end := uint64(at) + pos + keySize + valueSize
		if keySize == 0 || end > uint64(len(page)) || kind == leafPage && word(0) > bucketFlag {
			return fmt.Sprintf("entry %d of page %d makes no sense", len(elements), id)
		}
		e.key, e.value = page[end-valueSize-keySize:end-valueSize], page[end-valueSize:end]
		elements = append(elements, e)
	}
	n.elements = elements
	return ""
}

// checkOrder checks that the keys of a page ascend, within what its parent says.
func checkOrder(id uint64, elements []element, within span) (what string) {
	for at, e := range elements {
		switch {
		case at == 0 && bytes.Compare(e.key, within.least) < 0,
			at > 0 && bytes.Compare(e.key, elements[at-1].key) <= 0,
			within.end != nil && bytes.Compare(e.key, within.end) >= 0:
			return fmt.Sprintf("entry %d of page %d is out of order", at, id)
		}
	}
	return ""
}
