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
	// homes are the buckets that were found, branches the branch pages that were
	// read.
	homes    map[messages.Bucket]*home
	branches map[uint64]node
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

// reader reads what the transaction sees; a transaction that writes, what was
// there before it.
func (f *file) reader(tx *bolt.Tx) (*reader, error) {
	id := uint64(tx.ID())
	if tx.Writable() {
		id--
	}
	heads, _, err := readHeads(f.handle)
	if err != nil {
		return nil, err
	}
	for _, head := range heads {
		if head.transaction == id && head.pageSize > 0 {
			return newReader(pageFile{file: f.handle, path: f.path, head: head}), nil
		}
	}
	return nil, errOvertaken
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
// wants no more.
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
	top := &home{}
	var found element
	_, what = r.walk(top, step{id: r.head.root, root: true}, []byte(bucket), func(e element) bool {
		found = e
		return false
	})
	if what == "" && string(found.key) == string(bucket) {
		in = &home{}
		in.small, in.root, _, what = found.small(top.lastID)
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
	if what = n.read(r.pageFile, at.id, at.root, at.within); what != "" {
		return n, what
	}
	if n.leaf {
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
