package store

import (
	"bytes"
	"fmt"
	"io"
	"slices"

	"github.com/waymeet/waymeet/messages"
)

// structure checks a database as a whole: that every page below the high water
// mark is in use once or free once, that every page in use is what its place in
// the tree says, and that every record has its checksum. bbolt's own check knows
// no records, and runs in a goroutine that nothing guards.
type structure struct {
	pageFile
	// taken are the pages that are in use or free.
	taken []bool
	// tallies are those of all buckets, meta among them.
	tallies tallies
	// nodes are the pages from the root to where it is; each is read over the
	// one before it.
	nodes []*node
}

// checkStructure checks all that the newest transaction sees, and counts it.
func checkStructure(p pageFile) (tallies, error) {
	p.file = &window{file: p.file, size: int64(p.head.highWater) * int64(p.head.pageSize)}
	s := &structure{pageFile: p, taken: make([]bool, p.head.highWater), tallies: tallies{}}
	if err := s.take(0, metaPages); err != nil {
		return nil, err
	}
	if err := s.checkFree(); err != nil {
		return nil, err
	}
	if err := s.checkTree("", p.head.root, span{}, 0); err != nil {
		return nil, err
	}
	for id, taken := range s.taken {
		if !taken {
			return nil, p.damage(fmt.Sprintf("page %d is neither in use nor free", id))
		}
	}
	return s.tallies, nil
}

// take marks pages.
func (s *structure) take(first, size uint64) error {
	for id := first; id-first < size; id++ { // a sum could overflow
		switch {
		case id >= s.head.highWater:
			return s.damage(fmt.Sprintf("page %d is beyond the end, %d", id, s.head.highWater))
		case s.taken[id]:
			return s.damage(fmt.Sprintf("page %d is in use twice, or free and in use", id))
		}
		s.taken[id] = true
	}
	return nil
}

func (s *structure) checkFree() error {
	ids, size, what := s.freeList()
	if what != "" {
		return s.damage(what)
	}
	err := s.take(s.head.freeList, size)
	for at := 0; err == nil && at < len(ids); at++ {
		err = s.take(ids[at], 1)
	}
	return err
}

// checkTree checks a page of a bucket, or of the tree of all buckets, and all
// pages below it. That no page is taken twice keeps it from going round.
func (s *structure) checkTree(bucket messages.Bucket, id uint64, within span, depth int) error {
	if depth == len(s.nodes) {
		s.nodes = append(s.nodes, &node{})
	}
	n := s.nodes[depth]
	if what := n.read(s.pageFile, id, bucket == "", within); what != "" {
		return s.damage(what)
	}
	if err := s.take(id, n.size); err != nil {
		return err
	}
	if n.leaf {
		return s.checkLeaf(bucket, id, *n, depth)
	}
	for at, e := range n.elements {
		if err := s.checkTree(bucket, e.page, n.below(at, within), depth+1); err != nil {
			return err
		}
	}
	return nil
}

// checkLeaf checks the records of a leaf, or the buckets under it.
func (s *structure) checkLeaf(bucket messages.Bucket, id uint64, n node, depth int) error {
	for _, e := range n.elements {
		if bucket == "" {
			if err := s.checkBucket(id, e, depth); err != nil {
				return err
			}
			continue
		}
		hash, what := check(bucket, e.key, e.value)
		if what != "" {
			return &Damage{File: s.path, Bucket: bucket, Key: bytes.Clone(e.key), What: what}
		}
		s.tallies.add(bucket, hash)
	}
	return nil
}

func (s *structure) checkBucket(id uint64, e element, depth int) error {
	n, root, small, what := e.small(id)
	switch {
	case what != "":
		return s.damage(what)
	case small:
		return s.checkLeaf(messages.Bucket(e.key), id, n, depth)
	}
	return s.checkTree(messages.Bucket(e.key), root, span{}, depth+1)
}

// window reads a file in large pieces where pages lie behind each other, as most
// of them do.
type window struct {
	file io.ReaderAt
	size int64
	// next is where the last read ended; piece is what was read at that offset.
	next, at int64
	piece    []byte
}

const windowSize = 1 << 18

// ReadAt reads out of the last piece, or another one.
func (w *window) ReadAt(b []byte, at int64) (int, error) {
	end, near := at+int64(len(b)), at >= w.next && at < w.next+windowSize
	w.next = end
	if at >= w.at && end <= w.at+int64(len(w.piece)) {
		return copy(b, w.piece[at-w.at:]), nil
	}
	if !near || end > min(w.size, at+windowSize) {
		return w.file.ReadAt(b, at)
	}
	w.piece, w.at = slices.Grow(w.piece[:0], windowSize)[:min(windowSize, w.size-at)], at
	if _, err := w.file.ReadAt(w.piece, at); err != nil {
		w.piece = nil
		return 0, err
	}
	return copy(b, w.piece), nil
}
