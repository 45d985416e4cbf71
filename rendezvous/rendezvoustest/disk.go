package rendezvoustest

import (
	"bytes"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/channel"
)

// disk is what a node's process leaves behind: node.db and the journals.
type disk struct {
	boot     messages.Boot
	journals map[messages.ContextID]*database
	tickets  map[messages.TicketHash]messages.StoredTicket
	claims   map[messages.TicketHash]messages.PublicKey
	// slots are the seeds of slot keys, by relay and context (SPEC 11.2).
	slots map[relayKey]messages.SecretKey
	// completed keeps the replay counters (SPEC 7.3).
	completed map[channel.Pair]channel.Counter
}

func newDisk() disk {
	return disk{
		journals:  map[messages.ContextID]*database{},
		tickets:   map[messages.TicketHash]messages.StoredTicket{},
		claims:    map[messages.TicketHash]messages.PublicKey{},
		slots:     map[relayKey]messages.SecretKey{},
		completed: map[channel.Pair]channel.Counter{},
	}
}

// restore is what the inviter begins with.
func (d *disk) restore() messages.RestoreTickets {
	var restore messages.RestoreTickets
	for _, hash := range sortedKeys(d.tickets, compareTickets) {
		restore.Tickets = append(restore.Tickets, d.tickets[hash])
	}
	for _, hash := range sortedKeys(d.claims, compareTickets) {
		restore.Claims = append(restore.Claims, messages.StoredClaim{Ticket: hash, Joiner: d.claims[hash]})
	}
	return restore
}

func compareTickets(a, b messages.TicketHash) int { return slices.Compare(a[:], b[:]) }

// sortedKeys are the keys of a map, in their order.
func sortedKeys[K comparable, V any](m map[K]V, compare func(a, b K) int) []K {
	keys := make([]K, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, compare)
	return keys
}

// database is the journal of one context on disk. It implements
// journal.Source.
type database struct {
	buckets map[messages.Bucket]map[string][]byte
	// facts are those in it, operations those that were done.
	facts      map[messages.FactID]bool
	operations map[messages.OperationID]bool
	// founded: the context was founded since the process started.
	founded bool
	// term is that of the life which may write.
	term term
}

// term numbers the lives of a store: the writes of all but the last are fenced off.
type term uint64

func (d *database) beginTerm() term {
	d.term++
	return d.term
}

func newDatabase(records []messages.Record) *database {
	d := &database{
		buckets: map[messages.Bucket]map[string][]byte{},
		facts:   map[messages.FactID]bool{}, operations: map[messages.OperationID]bool{},
	}
	d.write(records)
	return d
}

// write is one transaction.
func (d *database) write(records []messages.Record) {
	for _, r := range records {
		if d.buckets[r.Bucket] == nil {
			d.buckets[r.Bucket] = map[string][]byte{}
		}
		if r.Value == nil {
			delete(d.buckets[r.Bucket], string(r.Key))
			continue
		}
		d.buckets[r.Bucket][string(r.Key)] = slices.Clone(r.Value)
		d.note(r)
	}
}

// note takes in what the audit asks for.
func (d *database) note(r messages.Record) {
	switch r.Bucket {
	case messages.BucketFacts:
		id, err := messages.FactIDOf(r.Value)
		if err != nil {
			panic("rendezvoustest: " + err.Error()) // the journal wrote it
		}
		d.facts[id] = true
	case messages.BucketOperations:
		d.operations[messages.OperationID(r.Key[len(r.Key)-len(messages.OperationID{}):])] = true
	}
}

// Records gives all records of a bucket, by key.
func (d *database) Records(bucket messages.Bucket) iter.Seq2[messages.Record, error] {
	return func(yield func(messages.Record, error) bool) {
		for _, key := range sortedKeys(d.buckets[bucket], strings.Compare) {
			if !yield(messages.Record{Bucket: bucket, Key: []byte(key), Value: d.buckets[bucket][key]}, nil) {
				return
			}
		}
	}
}

// RecordsFrom gives the records of a bucket from that key on.
func (d *database) RecordsFrom(bucket messages.Bucket, from []byte, _ uint64) iter.Seq2[messages.Record, error] {
	return func(yield func(messages.Record, error) bool) {
		for record, err := range d.Records(bucket) {
			if bytes.Compare(record.Key, from) >= 0 && !yield(record, err) {
				return
			}
		}
	}
}

// Facts reads the facts at those places.
func (d *database) Facts(places []messages.FactPlace) ([][]byte, error) {
	var facts [][]byte
	for _, at := range places {
		raw := d.buckets[messages.BucketFacts][string(at.Place.Key())]
		if id, err := messages.FactIDOf(raw); err != nil || id != at.Fact {
			return nil, fmt.Errorf("fact %s is not at place %d", at.Fact.Short(), at.Place)
		}
		facts = append(facts, raw)
	}
	return facts, nil
}
