package rendezvoustest

import (
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
	slots map[relayKey][32]byte
	// completed keeps the replay counters (SPEC 7.3).
	completed map[channel.Pair]channel.Counter
}

func newDisk() disk {
	return disk{
		journals:  map[messages.ContextID]*database{},
		tickets:   map[messages.TicketHash]messages.StoredTicket{},
		claims:    map[messages.TicketHash]messages.PublicKey{},
		slots:     map[relayKey][32]byte{},
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
	// founded: the context was founded since the process started.
	founded bool
	// pen is who may write.
	pen pen
}

// pen is the right to write a database: a life of its store takes it from the
// one before.
type pen uint64

func (d *database) takePen() pen {
	d.pen++
	return d.pen
}

func newDatabase(records []messages.Record) *database {
	d := &database{buckets: map[messages.Bucket]map[string][]byte{}}
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

// facts reads facts by their ids.
func (d *database) facts(ids []messages.FactID) [][]byte {
	var facts [][]byte
	for _, id := range ids {
		facts = append(facts, d.buckets[messages.BucketFacts][string(id[:])])
	}
	return facts
}
