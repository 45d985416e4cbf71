package store

import (
	"bytes"
	"cmp"
	"fmt"
	"sort"

	bolt "go.etcd.io/bbolt"

	"github.com/waymeet/waymeet/messages"
)

// maxDepth is more levels than the tree of any file has. What is deeper goes
// round in a circle.
const maxDepth = 32

// reader finds records for one transaction, and looks at every page on its way:
// a bit may change after the file was opened. bbolt's transaction keeps the
// pages from being used anew.
type reader struct {
	pageFile
	// top is where the buckets are, homes those that were found, branches the branch
	// pages that were read.
	top      home
	homes    map[messages.Bucket]*home
	branches map[uint64]node
	// spare are nodes that nobody looks at any more; pages are read over them.
	spare []node
}

// home is where the records of a bucket are: below a page, or in a small page of
// their own.
type home struct {
	root  uint64
	small node
	// last is the leaf that was read last.
	last   node
	lastID uint64
}

func newReader(p pageFile) *reader {
	return &reader{pageFile: p, homes: map[messages.Bucket]*home{}, branches: map[uint64]node{}}
}

// restart has the reader read another transaction, into the memory that it has.
// Nobody may look at an element any more that it gave.
func (r *reader) restart(p pageFile) {
	r.spend(r.top.last)
	for _, in := range r.homes {
		if in != nil {
			r.spend(in.last)
		}
	}
	for _, n := range r.branches {
		r.spend(n)
	}
	r.pageFile, r.top = p, home{}
	clear(r.homes)
	clear(r.branches)
}

// spend takes a node that nobody looks at any more.
func (r *reader) spend(n node) {
	if n.page != nil {
		r.spare = append(r.spare, n)
	}
}

// pages are those that the transaction sees; of a transaction that writes, those
// that were there before it.
func (f *file) pages(tx *bolt.Tx) (pageFile, error) {
	id := uint64(tx.ID())
	if tx.Writable() {
		id--
	}
	heads, _, err := readHeads(f.handle)
	if err != nil {
		return pageFile{}, err
	}
	for _, head := range heads {
		if head.transaction == id && head.pageSize > 0 {
			return pageFile{file: f.handle, path: f.path, head: head}, nil
		}
	}
	return pageFile{}, errOvertaken
}

// get is one record's value, nil if there is none.
func (r *reader) get(bucket messages.Bucket, key []byte) (value []byte, err error) {
	err = r.each(bucket, key, func(found, stored []byte, _ recordSum) bool {
		if bytes.Equal(found, key) {
			value = unseal(stored)
		}
		return false
	})
	return value, err
}

// each gives the records of a bucket in order, from that key on, until give
// wants no more. What give wants to keep, it copies.
func (r *reader) each(bucket messages.Bucket, from []byte, give func(key, stored []byte, hash recordSum) (more bool)) error {
	var wrong error
	err := r.elements(bucket, from, func(e element) bool {
		hash, what := check(bucket, e.key, e.value)
		if what != "" {
			wrong = &Damage{File: r.path, Bucket: bucket, Key: bytes.Clone(e.key), What: what}
			return false
		}
		return give(e.key, e.value, hash)
	})
	if err != nil {
		return err
	}
	return wrong
}

// follow goes where bbolt would go for a record.
func (r *reader) follow(bucket messages.Bucket, key []byte) error {
	return r.elements(bucket, key, func(element) bool { return false })
}

// elements gives the entries of a bucket, unchecked.
func (r *reader) elements(bucket messages.Bucket, from []byte, give func(element) bool) error {
	in, what := r.find(bucket)
	switch {
	case what != "" || in == nil:
	case in.root == 0:
		in.small.each(from, give)
	default:
		_, what = r.walk(in, step{id: in.root}, from, give)
	}
	return r.damage(what)
}

// find finds a bucket; nil: there is none.
func (r *reader) find(bucket messages.Bucket) (in *home, what string) {
	if in, known := r.homes[bucket]; known {
		return in, ""
	}
	var found element
	_, what = r.walk(&r.top, step{id: r.head.root, root: true}, []byte(bucket), func(e element) bool {
		if string(e.key) == string(bucket) {
			found.value = bytes.Clone(e.value)
		}
		return false
	})
	if what == "" && found.value != nil {
		in = &home{}
		in.small, in.root, _, what = found.small(r.top.lastID)
	}
	if what == "" {
		r.homes[bucket] = in
	}
	return in, what
}

// step is a page on the way: what it may be, and hold.
type step struct {
	id     uint64
	root   bool
	within span
	depth  int
}

// walk gives the entries of all leaves from that key on.
func (r *reader) walk(in *home, at step, from []byte, give func(element) bool) (more bool, what string) {
	if at.depth > maxDepth {
		return false, fmt.Sprintf("page %d is part of a circle", at.id)
	}
	n, what := r.load(in, at)
	if what != "" {
		return false, what
	}
	if n.leaf {
		return n.each(from, give), ""
	}
	first := sort.Search(len(n.elements), func(i int) bool { return bytes.Compare(n.elements[i].key, from) > 0 })
	for child := max(first-1, 0); child < len(n.elements); child++ {
		below := step{id: n.elements[child].page, root: at.root, within: n.below(child, at.within), depth: at.depth + 1}
		if more, what = r.walk(in, below, from, give); !more || what != "" {
			return false, what
		}
	}
	return true, ""
}

// each gives the entries of a leaf from that key on.
func (n node) each(from []byte, give func(element) bool) (more bool) {
	first := sort.Search(len(n.elements), func(i int) bool { return bytes.Compare(n.elements[i].key, from) >= 0 })
	for _, e := range n.elements[first:] {
		if !give(e) {
			return false
		}
	}
	return true
}

// load reads a page, or remembers it.
func (r *reader) load(in *home, at step) (n node, what string) {
	if n, known := r.branches[at.id]; known {
		return n, n.checkSpan(at)
	}
	if in.last.page != nil && in.lastID == at.id {
		return in.last, in.last.checkSpan(at)
	}
	if last := len(r.spare) - 1; last >= 0 {
		n, r.spare = r.spare[last], r.spare[:last]
	}
	if what = n.read(r.pageFile, at.id, at.root, at.within); what != "" {
		return n, what
	}
	if n.leaf {
		r.spend(in.last)
		in.last, in.lastID = n, at.id
	} else {
		r.branches[at.id] = n
	}
	return n, ""
}

// checkSpan checks that a page that was read before may be where another step leads,
// too. None may but an empty leaf if the step is another one: pages that lead to one
// page again and again would be walked for ever.
func (n node) checkSpan(at step) (what string) {
	if len(n.elements) == 0 {
		return ""
	}
	return cmp.Or(checkOrder(at.id, n.elements[:1], at.within), checkOrder(at.id, n.elements[len(n.elements)-1:], at.within))
}
