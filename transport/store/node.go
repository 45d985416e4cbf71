package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// NodeFile is the node's own database inside the state directory.
const NodeFile = "node.db"

// Buckets of the node's database.
const (
	// BucketBoot holds the boot counter.
	BucketBoot messages.Bucket = "boot"
	// BucketTickets maps TicketHash to messages.StoredTicket.
	BucketTickets messages.Bucket = "tickets"
	// BucketClaims maps TicketHash to the PublicKey of its one claimant.
	BucketClaims messages.Bucket = "claims"
	// BucketSlots maps what a slot is for to the seed of its key.
	BucketSlots messages.Bucket = "slots"
	// BucketCompleted maps context ‖ peer to the last completed {boot, n}.
	BucketCompleted messages.Bucket = "completed"
)

const keyBoot = "boot"

// Node is the node's own database. It is safe for concurrent use.
//
// It is small, so it is read once, when it is opened, and answers from memory. A
// bit that changes on the disk later hides nothing, and what is not there costs no
// search. Directory.Node opens it.
type Node struct {
	file *file
	// writing is held from looking to writing; mutex is held over records alone,
	// so that who only asks waits for no disk.
	writing sync.Mutex
	mutex   sync.RWMutex
	// records are those on disk, by bucket and key.
	records map[messages.Bucket]map[string][]byte
}

// loadNode reads the records of a database that has been verified.
func loadNode(f *file) (*Node, error) {
	n := &Node{file: f, records: map[messages.Bucket]map[string][]byte{}}
	for bucket := range f.tallies {
		for record, err := range f.records(bucket, nil, 0) {
			if err != nil {
				return nil, errors.Join(err, f.shut())
			}
			n.note(record)
		}
	}
	return n, nil
}

// Close closes the database.
func (n *Node) Close() error { return n.file.shut() }

// NextBoot counts this start of the node, on disk before it returns.
//
// SPEC 7.3: "boot = max(stored + 1, Unix seconds at start), stored before the
// first hello".
func (n *Node) NextBoot(now time.Time) (boot messages.Boot, err error) {
	stored := n.Get(BucketBoot, []byte(keyBoot))
	if stored != nil && len(stored) != 8 {
		return 0, &Damage{File: n.file.path, Bucket: BucketBoot, Key: []byte(keyBoot), What: "it has another length"}
	}
	if stored != nil {
		boot = messages.Boot(binary.BigEndian.Uint64(stored)) + 1
	}
	boot = max(boot, messages.Boot(max(now.Unix(), 0)))
	return boot, n.Put(BucketBoot, []byte(keyBoot), binary.BigEndian.AppendUint64(nil, uint64(boot)))
}

// Get is one record's value, nil if there is none. It must not be changed.
func (n *Node) Get(bucket messages.Bucket, key []byte) []byte {
	n.mutex.RLock()
	defer n.mutex.RUnlock()
	return n.records[bucket][string(key)]
}

// Records gives all records of a bucket, by key. Values must not be changed.
func (n *Node) Records(bucket messages.Bucket) iter.Seq[messages.Record] {
	n.mutex.RLock()
	all := maps.Clone(n.records[bucket])
	n.mutex.RUnlock()
	return func(yield func(messages.Record) bool) {
		for _, key := range slices.Sorted(maps.Keys(all)) {
			if !yield(messages.Record{Bucket: bucket, Key: []byte(key), Value: all[key]}) {
				return
			}
		}
	}
}

// Put writes one record, on disk before it returns.
func (n *Node) Put(bucket messages.Bucket, key, value []byte) error {
	n.writing.Lock()
	defer n.writing.Unlock()
	return n.write(messages.Record{Bucket: bucket, Key: key, Value: append([]byte{}, value...)})
}

// Delete deletes one record; one that is not there is no error.
func (n *Node) Delete(bucket messages.Bucket, key []byte) error {
	n.writing.Lock()
	defer n.writing.Unlock()
	if n.Get(bucket, key) == nil {
		return nil
	}
	return n.write(messages.Record{Bucket: bucket, Key: key})
}

// PutOnce writes the record only where there is none, and returns what is there
// afterwards (SPEC 14.2: "the first claim is stored"). Where there is one already,
// it costs no write, and waits for none.
func (n *Node) PutOnce(bucket messages.Bucket, key, value []byte) (there []byte, err error) {
	if there = n.Get(bucket, key); there != nil {
		return there, nil
	}
	n.writing.Lock()
	defer n.writing.Unlock()
	if there = n.Get(bucket, key); there != nil {
		return there, nil
	}
	there = append([]byte{}, value...)
	if err := n.write(messages.Record{Bucket: bucket, Key: key, Value: there}); err != nil {
		return nil, err
	}
	return there, nil
}

// Complete raises the counter {boot, n} of the last handshake that the peer has
// completed with us in the context; a smaller one changes nothing (SPEC 7.3).
func (n *Node) Complete(context messages.ContextID, peer messages.AuthorityID, boot messages.Boot, count uint64) error {
	key, value := completedKey(context, peer), counter(boot, count)
	n.writing.Lock()
	defer n.writing.Unlock()
	if bytes.Compare(n.Get(BucketCompleted, key), value) >= 0 {
		return nil
	}
	return n.write(messages.Record{Bucket: BucketCompleted, Key: key, Value: value})
}

// write writes one record, or deletes it if its value is nil. Whoever calls holds
// writing.
func (n *Node) write(record messages.Record) error {
	if err := n.file.write([]messages.Record{record}); err != nil {
		return err
	}
	n.mutex.Lock()
	defer n.mutex.Unlock()
	n.note(record)
	return nil
}

// note takes in what is on disk now.
func (n *Node) note(record messages.Record) {
	in := n.records[record.Bucket]
	if in == nil {
		in = map[string][]byte{}
		n.records[record.Bucket] = in
	}
	in[string(record.Key)] = record.Value
	if record.Value == nil {
		delete(in, string(record.Key))
	}
}

func completedKey(context messages.ContextID, peer messages.AuthorityID) []byte {
	return append(append([]byte{}, context[:]...), peer[:]...)
}

func counter(boot messages.Boot, count uint64) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, uint64(boot)), count)
}
