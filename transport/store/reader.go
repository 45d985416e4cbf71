package store

import (
	"bytes"
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
	path string
	// branches are branch pages that were read; leaf is the last leaf.
	branches map[uint64]node
	leaf     node
	leafID   uint64
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
			return &reader{pageFile: pageFile{file: f.handle, head: head}, path: f.path, branches: map[uint64]node{}}, nil
		}
	}
	return nil, errOvertaken
}

// buckets are the names of all buckets.
func (r *reader) buckets() (names []messages.Bucket, err error) {
	_, what := r.walk(step{id: r.head.root, root: true}, nil, func(_ uint64, e element) bool {
		names = append(names, messages.Bucket(e.key))
		return true
	})
	return names, r.damage(what)
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
	err := r.elements(bucket, from, func(_ uint64, e element) bool {
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
	return r.elements(bucket, key, func(uint64, element) bool { return false })
}

// elements gives the entries of a bucket, unchecked.
func (r *reader) elements(bucket messages.Bucket, from []byte, give func(uint64, element) bool) error {
	var in element
	var page uint64
	_, what := r.walk(step{id: r.head.root, root: true}, []byte(bucket), func(id uint64, e element) bool {
		page, in = id, e
		return false
	})
	if what != "" || !bytes.Equal(in.key, []byte(bucket)) {
		return r.damage(what)
	}
	n, root, small, what := in.small(page)
	switch {
	case what != "":
	case small:
		n.each(page, from, give)
	default:
		_, what = r.walk(step{id: root}, from, give)
	}
	return r.damage(what)
}

func (r *reader) damage(what string) error {
	if what == "" {
		return nil
	}
	return &Damage{File: r.path, What: what}
}

// step is a page on the way: what it may be, and hold.
type step struct {
	id     uint64
	root   bool
	within span
	depth  int
}

// walk gives the entries of all leaves from that key on.
func (r *reader) walk(at step, from []byte, give func(uint64, element) bool) (more bool, what string) {
	if at.depth > maxDepth {
		return false, fmt.Sprintf("page %d is part of a circle", at.id)
	}
	n, what := r.load(at)
	if what != "" {
		return false, what
	}
	if n.leaf {
		return n.each(at.id, from, give), ""
	}
	first := sort.Search(len(n.elements), func(i int) bool { return bytes.Compare(n.elements[i].key, from) > 0 })
	for child := max(first-1, 0); child < len(n.elements); child++ {
		below := step{id: n.elements[child].page, root: at.root, within: n.below(child, at.within), depth: at.depth + 1}
		if more, what = r.walk(below, from, give); !more || what != "" {
			return false, what
		}
	}
	return true, ""
}

// each gives the entries of a leaf from that key on.
func (n node) each(id uint64, from []byte, give func(uint64, element) bool) (more bool) {
	first := sort.Search(len(n.elements), func(i int) bool { return bytes.Compare(n.elements[i].key, from) >= 0 })
	for _, e := range n.elements[first:] {
		if !give(id, e) {
			return false
		}
	}
	return true
}

// load reads a page, or remembers it.
func (r *reader) load(at step) (n node, what string) {
	if n, known := r.branches[at.id]; known {
		return n, ""
	}
	if r.leafID == at.id {
		return r.leaf, ""
	}
	if n, what = r.node(at.id, at.root, at.within); what != "" {
		return n, what
	}
	if n.leaf {
		r.leaf, r.leafID = n, at.id
	} else {
		r.branches[at.id] = n
	}
	return n, ""
}
