package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
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

// pages checks the structure of a database: that every page below the high
// water mark is in use once or free once, and that every page in use is what
// its place in the tree says. It reads the file itself: bbolt trusts page ids,
// counts and lengths, follows them out of the file or in a circle, and its own
// check does so in a goroutine that nothing guards.
type pages struct {
	file io.ReaderAt
	head boltMeta
	// taken are the pages that are in use or free.
	taken []bool
}

// checkPages checks the structure below the newest head.
func checkPages(file io.ReaderAt, head boltMeta) (what string) {
	p := &pages{file: file, head: head, taken: make([]bool, head.highWater)}
	for id := range uint64(metaPages) {
		p.taken[id] = true
	}
	if what := p.checkFree(); what != "" {
		return what
	}
	if what := p.checkTree(head.root, true, span{}); what != "" {
		return what
	}
	for id, taken := range p.taken {
		if !taken {
			return fmt.Sprintf("page %d is neither in use nor free", id)
		}
	}
	return ""
}

// take reads a page with all that overflows, and marks it.
func (p *pages) take(id uint64) (page []byte, what string) {
	page = make([]byte, p.head.pageSize)
	if what := p.mark(id); what != "" {
		return nil, what
	}
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
	for next := id + 1; next <= id+more; next++ {
		if what := p.mark(next); what != "" {
			return nil, what
		}
	}
	if more == 0 {
		return page, ""
	}
	page = make([]byte, (1+more)*uint64(p.head.pageSize))
	if _, err := p.file.ReadAt(page, int64(id)*int64(p.head.pageSize)); err != nil {
		return nil, fmt.Sprintf("page %d: %v", id, err)
	}
	return page, ""
}

func (p *pages) mark(id uint64) (what string) {
	switch {
	case id >= p.head.highWater:
		return fmt.Sprintf("page %d is beyond the end, %d", id, p.head.highWater)
	case p.taken[id]:
		return fmt.Sprintf("page %d is in use twice, or free and in use", id)
	}
	p.taken[id] = true
	return ""
}

func (p *pages) checkFree() (what string) {
	page, what := p.take(p.head.freeList)
	if what != "" {
		return what
	}
	if flags := binary.NativeEndian.Uint16(page[flagsAt:]); flags != freeListPage {
		return fmt.Sprintf("page %d is not the list of free pages", p.head.freeList)
	}
	count, ids := uint64(binary.NativeEndian.Uint16(page[countAt:])), page[pageHeader:]
	if count == manyFree {
		count, ids = binary.NativeEndian.Uint64(ids), ids[pageIDSize:]
	}
	if count > uint64(len(ids)/pageIDSize) {
		return fmt.Sprintf("page %d does not hold %d free pages", p.head.freeList, count)
	}
	for at := range count {
		if what := p.mark(binary.NativeEndian.Uint64(ids[at*pageIDSize:])); what != "" {
			return what
		}
	}
	return ""
}

// span is the keys that a page may hold: from least on, below end; nil: no
// bound.
type span struct{ least, end []byte }

// checkTree checks a page and all pages below it. The tree at the root holds
// buckets and nothing else; theirs hold none.
func (p *pages) checkTree(id uint64, root bool, within span) (what string) {
	page, what := p.take(id)
	if what != "" {
		return what
	}
	switch flags := binary.NativeEndian.Uint16(page[flagsAt:]); flags {
	case leafPage:
		return p.checkLeaf(id, page, root, within)
	case branchPage:
		return p.checkBranch(id, page, root, within)
	}
	return fmt.Sprintf("page %d is neither branch nor leaf", id)
}

func (p *pages) checkBranch(id uint64, page []byte, root bool, within span) (what string) {
	elements, what := readElements(id, page, branchPage)
	if what == "" {
		what = checkOrder(id, elements, within)
	}
	if what == "" && len(elements) == 0 {
		what = fmt.Sprintf("branch page %d is empty", id)
	}
	for at := 0; what == "" && at < len(elements); at++ {
		below := span{least: elements[at].key, end: within.end}
		if at+1 < len(elements) {
			below.end = elements[at+1].key
		}
		what = p.checkTree(elements[at].page, root, below)
	}
	return what
}

func (p *pages) checkLeaf(id uint64, page []byte, root bool, within span) (what string) {
	elements, what := readElements(id, page, leafPage)
	if what == "" {
		what = checkOrder(id, elements, within)
	}
	for at := 0; what == "" && at < len(elements); at++ {
		switch {
		case elements[at].bucket != root:
			what = fmt.Sprintf("page %d holds a bucket or a record where none can be", id)
		case root:
			what = p.checkBucket(id, elements[at].value)
		}
	}
	return what
}

// checkBucket checks a bucket in the page of that id: the tree below it, or, if
// it is small, the page inside it.
func (p *pages) checkBucket(id uint64, bucket []byte) (what string) {
	if len(bucket) < bucketHeader {
		return fmt.Sprintf("page %d holds a bucket of %d bytes", id, len(bucket))
	}
	if root := binary.NativeEndian.Uint64(bucket); root != 0 {
		return p.checkTree(root, false, span{})
	}
	inside := bucket[bucketHeader:]
	if len(inside) < pageHeader || binary.NativeEndian.Uint16(inside[flagsAt:]) != leafPage {
		return fmt.Sprintf("page %d holds a small bucket that is no leaf", id)
	}
	return p.checkLeaf(id, inside, false, span{})
}

// element is an entry of a branch or leaf page.
type element struct {
	key, value []byte
	page       uint64
	bucket     bool
}

func readElements(id uint64, page []byte, kind uint16) (elements []element, what string) {
	count := int(binary.NativeEndian.Uint16(page[countAt:]))
	if count > (len(page)-pageHeader)/elementSize {
		return nil, fmt.Sprintf("page %d does not hold %d entries", id, count)
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
			return nil, fmt.Sprintf("entry %d of page %d makes no sense", len(elements), id)
		}
		e.key, e.value = page[end-valueSize-keySize:end-valueSize], page[end-valueSize:end]
		elements = append(elements, e)
	}
	return elements, ""
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
