package crash

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/journal"
	"github.com/waymeet/waymeet/rendezvous/membership"
	"github.com/waymeet/waymeet/transport/store"
)

// database is what journals and the node's own database have in common.
type database interface {
	Records(messages.Bucket) iter.Seq2[messages.Record, error]
	Close() error
}

// nodeDatabase is the node's own, which answers from memory and so never fails.
type nodeDatabase struct{ *store.Node }

func (n nodeDatabase) Records(bucket messages.Bucket) iter.Seq2[messages.Record, error] {
	return func(yield func(messages.Record, error) bool) {
		n.Node.Records(bucket)(func(record messages.Record) bool { return yield(record, nil) })
	}
}

// victim is a database whose file is harmed: as it was written, and how it is
// opened and read.
type victim struct {
	path    string
	good    []byte
	buckets []messages.Bucket
	// want is everything in it, by bucket and key.
	want map[string]string
	open func() (database, error)
	// write writes a record that is there already.
	write func(database) error
	// more reads what is not read by bucket; nil: nothing.
	more func(database) error
	// restart is a later life of what reads it, over the open file; nil: there is
	// none.
	restart func(database) error
}

// pageSize is that of bbolt's pages.
var pageSize = os.Getpagesize()

// extra is a record of a bucket beyond those that the store knows.
const extra messages.Bucket = "votes"

// victims are the databases of a node that has appended so many facts.
func victims(t *testing.T, facts int) (all map[string]*victim) {
	t.Helper()
	dir, l := t.TempDir(), newLedger()
	p := prepare(t, dir, l, writerFacts+"="+strconv.Itoa(facts))
	if err := p.start(l); err != nil {
		t.Fatal(err)
	}
	if err := p.gone(); err != nil {
		t.Fatal(err)
	}
	seed, err := store.Directory(dir).Identity(store.KindNode)
	if err != nil {
		t.Fatal(err)
	}
	ours := &victim{
		path:  store.Directory(dir).JournalPath(l.context),
		open:  func() (database, error) { return opened(store.Directory(dir).Journal(l.context)) },
		write: func(d database) error { return d.(*store.Store).Writer().Write(records(extra, 1)) },
		more: func(d database) error {
			var v verdict
			found, err := readFacts(d.(*store.Store), membership.NewIdentity(seed))
			if err == nil {
				l.compare(found, &v)
			}
			return errors.Join(err, v.why)
		},
		restart: func(d database) error {
			loaded, err := journal.Load(journal.Config{Identity: membership.NewIdentity(seed)}, d.(*store.Store).Writer())
			if err != nil {
				return err
			}
			return l.compareLoaded(loaded)
		},
	}
	nodes := &victim{
		path: filepath.Join(dir, "node.db"),
		open: func() (database, error) {
			node, err := store.Directory(dir).Node()
			return opened(nodeDatabase{node}, err)
		},
		write: func(d database) error {
			return d.(nodeDatabase).Put(extra, records(extra, 1)[0].Key, records(extra, 1)[0].Value)
		},
	}
	fill(t, ours, func(d database) error {
		s := d.(*store.Store)
		return errors.Join(s.Writer().Write(records(extra, 30)), s.Writer().Write(records(messages.BucketCharges, 30)))
	})
	fill(t, nodes, func(d database) error {
		n := d.(nodeDatabase)
		for _, bucket := range []messages.Bucket{store.BucketTickets, store.BucketClaims, store.BucketSlots, store.BucketCompleted, extra} {
			for _, record := range records(bucket, 30) {
				if err := n.Put(record.Bucket, record.Key, record.Value); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return map[string]*victim{"journal": ours, "node": nodes}
}

// opened keeps a typed nil out of the interface.
func opened[D database](d D, err error) (database, error) {
	if err != nil {
		return nil, err
	}
	return d, nil
}

// records are some records of a bucket: short keys as counters have them, and a
// charge's where the journal will read it.
func records(bucket messages.Bucket, n int) (some []messages.Record) {
	for at := range n {
		key, value := fmt.Appendf(nil, "record %d", at), bytes.Repeat(fmt.Appendf(nil, "%s %02d ", bucket, at), at+1)
		if bucket == messages.BucketCharges {
			key, value = []byte{'l', 0, 0, 0, byte(at)}, messages.Encode(messages.Leakage{InGroup: uint32(at)})
		}
		some = append(some, messages.Record{Bucket: bucket, Key: key, Value: value})
	}
	return some
}

// fill writes more into a victim, and notes what is in it then.
func fill(t *testing.T, v *victim, more func(database) error) {
	t.Helper()
	d, err := v.open()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(more(d), d.Close()); err != nil {
		t.Fatal(err)
	}
	if v.good, err = os.ReadFile(v.path); err != nil {
		t.Fatal(err)
	}
	// bbolt itself says which buckets there are.
	raw, err := bolt.Open(v.path, 0o600, &bolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	err = raw.View(func(tx *bolt.Tx) error {
		return tx.ForEach(func(name []byte, _ *bolt.Bucket) error {
			if string(name) != "meta" {
				v.buckets = append(v.buckets, messages.Bucket(name))
			}
			return nil
		})
	})
	if err := errors.Join(err, raw.Close()); err != nil {
		t.Fatal(err)
	}
	if d, err = v.open(); err != nil {
		t.Fatal(err)
	}
	if v.want, err = v.dump(d); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %d bytes, %d records in %v", filepath.Base(v.path), len(v.good), len(v.want), v.buckets)
}

// dump is everything in it, by bucket and key.
func (v *victim) dump(d database) (map[string]string, error) {
	all := map[string]string{}
	for _, bucket := range v.buckets {
		for record, err := range d.Records(bucket) {
			if err != nil {
				return nil, err
			}
			all[string(bucket)+"/"+string(record.Key)] = string(record.Value)
		}
	}
	if v.more != nil {
		return all, v.more(d)
	}
	return all, nil
}

// put makes the file consist of those bytes, open or not. It writes what
// differs.
func (v *victim) put(b []byte) error {
	there, err := os.ReadFile(v.path)
	if err != nil {
		return err
	}
	handle, err := os.OpenFile(v.path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	err = handle.Truncate(int64(len(b)))
	for at := 0; at < len(b); at += pageSize {
		end := min(at+pageSize, len(b))
		if end > len(there) || !bytes.Equal(b[at:end], there[at:end]) {
			_, wrote := handle.WriteAt(b[at:end], int64(at))
			err = errors.Join(err, wrote)
		}
	}
	return errors.Join(err, handle.Close())
}

// same reports whether everything reads as it was written.
func (v *victim) same(d database) error {
	all, err := v.dump(d)
	if err == nil && !maps.Equal(all, v.want) {
		err = errWrong
	}
	return err
}

// errWrong reports that something was read that was not written, or that
// something is missing, and nobody said so.
var errWrong = errors.New("what is read is not what was written")
