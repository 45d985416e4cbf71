package crash

import (
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
)

// opKind is what an operation does to the disk.
type opKind int

const (
	opSaid     opKind = iota // data was said: it must be durable
	opWrite                  // data was written at offset
	opAppend                 // data was written at the end
	opTruncate               // the file got offset bytes
	opSync                   // what was done to path is durable
	opCreate                 // path was made, if it was not there
	opMkdir
	opUnlink
	opLink    // other is a name of path, too
	opRename  // path is now other
	opUnknown // something that the model does not know
)

// operation is a system call that has succeeded.
type operation struct {
	kind        opKind
	path, other string
	offset      int64
	data        []byte
}

// inode is a file or directory: what is on disk of it, and what was done since
// its last sync.
type inode struct {
	directory bool
	synced    []byte
	pending   []operation
}

// rename is a change of names that the disk makes whole or not at all. A nil
// inode takes the name away.
type rename struct {
	directory string
	names     map[string]*inode
}

// disk is a disk with a cache that keeps nothing but what was synced: a file's
// bytes by a sync of the file, a name by a sync of its directory.
type disk struct {
	// names are as the processes see them, durable those that are on disk.
	names, durable map[string]*inode
	// pending are the changes from durable to names, in order.
	pending []rename
}

// newDisk is a disk with an empty directory.
func newDisk(root string) *disk {
	at := &inode{directory: true}
	return &disk{names: map[string]*inode{root: at}, durable: map[string]*inode{root: at}}
}

// do does what a process has done.
func (d *disk) do(op operation) {
	switch op.kind {
	case opWrite, opAppend, opTruncate:
		if file := d.names[op.path]; file != nil { // else it has no name any more
			file.pending = append(file.pending, op)
		}
	case opSync:
		d.sync(op.path)
	case opCreate, opMkdir:
		if d.names[op.path] == nil {
			d.change(map[string]*inode{op.path: {directory: op.kind == opMkdir}})
		}
	case opUnlink:
		d.change(map[string]*inode{op.path: nil})
	case opLink:
		d.change(map[string]*inode{op.other: d.names[op.path]})
	case opRename:
		d.change(map[string]*inode{op.path: nil, op.other: d.names[op.path]})
	}
}

// change changes names of one directory.
func (d *disk) change(names map[string]*inode) {
	r := rename{names: names}
	for name := range names {
		r.directory = filepath.Dir(name)
	}
	apply(d.names, r)
	d.pending = append(d.pending, r)
}

func apply(names map[string]*inode, r rename) {
	for name, is := range r.names {
		names[name] = is
		if is == nil {
			delete(names, name)
		}
	}
}

func (d *disk) sync(path string) {
	at := d.names[path]
	if at == nil {
		return // it has no name any more
	}
	if !at.directory {
		at.synced = at.content(at.pending)
		at.pending = nil
		return
	}
	d.pending = slices.DeleteFunc(d.pending, func(r rename) bool {
		if r.directory == path {
			apply(d.durable, r)
		}
		return r.directory == path
	})
}

// content is the file with some of what is pending.
func (i *inode) content(some []operation) []byte {
	b := slices.Clone(i.synced)
	for _, op := range some {
		at := op.offset
		if op.kind == opAppend {
			at = int64(len(b))
		}
		if end := int(at) + len(op.data); len(b) < end {
			b = append(b, make([]byte, end-len(b))...)
		}
		if op.kind == opTruncate {
			b = b[:at]
		}
		copy(b[at:], op.data)
	}
	return b
}

// loss chooses what a power cut leaves of all that is pending.
type loss struct {
	// names says how many of that many changes of names are made.
	names func(n int) int
	// writes gives those of the pending operations on a file that are done.
	writes func(pending []operation) []operation
}

// sector is what a disk writes whole.
const sector = 512

// losses are the kinds of power cut, by name.
func losses(random *rand.Rand) map[string]loss {
	some := func(n int) int { return random.IntN(n + 1) }
	all := func(n int) int { return n }
	subset := func(pending []operation) (kept []operation) {
		for _, op := range pending {
			if random.IntN(2) == 0 {
				kept = append(kept, op)
			}
		}
		return kept
	}
	return map[string]loss{
		"nothing is written":    {func(int) int { return 0 }, func([]operation) []operation { return nil }},
		"everything is written": {all, func(pending []operation) []operation { return pending }},
		"some of it is written": {some, subset},
		"the last write is torn between sectors": {all, func(pending []operation) []operation {
			return tear(pending, func(op operation) int {
				return max(0, some(len(op.data)/sector)*sector-int(op.offset%sector))
			})
		}},
		"the last write is torn anywhere": {all, func(pending []operation) []operation {
			return tear(pending, func(op operation) int {
				if at := some(len(op.data)); !isHead(op) || at >= sector {
					return at
				}
				return 0 // a torn head is no loss that disks know, and cannot be told from damage
			})
		}},
	}
}

// tear cuts the last write short.
func tear(pending []operation, at func(operation) int) []operation {
	torn := slices.Clone(pending)
	for n := len(torn) - 1; n >= 0; n-- {
		if torn[n].kind == opWrite || torn[n].kind == opAppend {
			torn[n].data = torn[n].data[:at(torn[n])]
			break
		}
	}
	return torn
}

// isHead reports whether it writes one of the two heads of a bbolt file, which
// lie at the beginning of the first two pages.
func isHead(op operation) bool { return op.offset <= int64(os.Getpagesize()) }

// write builds what is on the disk after a power cut, under another root.
func (d *disk) write(from, to string, l loss) error {
	names := maps.Clone(d.durable)
	for _, r := range d.pending[:l.names(len(d.pending))] {
		apply(names, r)
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		within, err := filepath.Rel(from, name)
		if err != nil {
			return err
		}
		at, is := filepath.Join(to, within), names[name]
		if _, err := os.Stat(filepath.Dir(at)); err != nil {
			continue // its directory is gone
		}
		if is.directory {
			err = os.MkdirAll(at, 0o700)
		} else {
			err = os.WriteFile(at, is.content(l.writes(is.pending)), 0o600)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
