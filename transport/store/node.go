package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// nodeFile is the node's own database inside the state directory.
const nodeFile = "node.db"

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
type Node struct{ file *file }

// OpenNode opens and verifies the node's database; the first time it makes it.
func OpenNode(state string) (*Node, error) {
	path := filepath.Join(state, nodeFile)
	err := createFile(path, messages.ContextID{}, nil)
	if err != nil && !errors.Is(err, ErrExists) {
		return nil, err
	}
	f, err := openFile(path, messages.ContextID{})
	if err != nil {
		return nil, err
	}
	return &Node{file: f}, nil
}

// Close closes the database.
func (n *Node) Close() error { return n.file.shut() }

// NextBoot counts this start of the node, on disk before it returns.
//
// SPEC 7.3: "boot = max(stored+1, Unix seconds at start), stored before the
// first hello".
func (n *Node) NextBoot(now time.Time) (boot messages.Boot, err error) {
	stored, err := n.file.get(BucketBoot, []byte(keyBoot))
	if err != nil {
		return 0, err
	}
	if stored != nil && len(stored) != 8 {
		return 0, &Damage{File: n.file.path, Bucket: BucketBoot, Key: []byte(keyBoot), What: "it has another length"}
	}
	if stored != nil {
		boot = messages.Boot(binary.BigEndian.Uint64(stored)) + 1
	}
	boot = max(boot, messages.Boot(max(now.Unix(), 0)))
	return boot, n.Put(BucketBoot, []byte(keyBoot), binary.BigEndian.AppendUint64(nil, uint64(boot)))
}

// Put writes one record, on disk before it returns.
func (n *Node) Put(bucket messages.Bucket, key, value []byte) error {
	if value == nil {
		value = []byte{}
	}
	return n.file.write([]messages.Record{{Bucket: bucket, Key: key, Value: value}})
}

// Delete deletes one record; one that is not there is no error.
func (n *Node) Delete(bucket messages.Bucket, key []byte) error {
	return n.file.write([]messages.Record{{Bucket: bucket, Key: key}})
}

// Get is one record's value, nil if there is none.
func (n *Node) Get(bucket messages.Bucket, key []byte) ([]byte, error) {
	return n.file.get(bucket, key)
}

// PutOnce writes the record only where there is none, in one transaction, and
// returns what is there afterwards (SPEC 14.2: "the first claim is stored").
// Where there is one already, it costs no write.
func (n *Node) PutOnce(bucket messages.Bucket, key, value []byte) (there []byte, err error) {
	if there, err = n.file.get(bucket, key); err != nil || there != nil {
		return there, err
	}
	err = n.file.update(func(c *change) error {
		if there, err = c.get(bucket, key); err != nil || there != nil {
			return err
		}
		there = append([]byte{}, value...)
		return c.put(messages.Record{Bucket: bucket, Key: key, Value: there})
	})
	if err != nil {
		return nil, err
	}
	return there, nil
}

// Records gives all records of a bucket, by key.
func (n *Node) Records(bucket messages.Bucket) iter.Seq2[messages.Record, error] {
	return n.file.records(bucket, nil, 0)
}

// Completed is the counter {boot, n} of the last handshake that the peer has
// completed with us in the context; ok is false before the first (SPEC 7.3).
func (n *Node) Completed(context messages.ContextID, peer messages.AuthorityID) (boot messages.Boot, count uint64, ok bool, err error) {
	stored, err := n.file.get(BucketCompleted, completedKey(context, peer))
	if err != nil || stored == nil {
		return 0, 0, false, err
	}
	if len(stored) != 16 {
		return 0, 0, false, fmt.Errorf("%s: completed counter of %d bytes", n.file.path, len(stored))
	}
	return messages.Boot(binary.BigEndian.Uint64(stored)), binary.BigEndian.Uint64(stored[8:]), true, nil
}

// Complete raises that counter; a smaller one changes nothing.
func (n *Node) Complete(context messages.ContextID, peer messages.AuthorityID, boot messages.Boot, count uint64) error {
	key := completedKey(context, peer)
	value := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, uint64(boot)), count)
	return n.file.update(func(c *change) error {
		there, err := c.get(BucketCompleted, key)
		if err != nil || string(there) >= string(value) {
			return err
		}
		return c.put(messages.Record{Bucket: BucketCompleted, Key: key, Value: value})
	})
}

func completedKey(context messages.ContextID, peer messages.AuthorityID) []byte {
	return append(append([]byte{}, context[:]...), peer[:]...)
}
