package rendezvoustest

import (
	"maps"
	"slices"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// Past is what a World leaves behind when all of its processes end: relays and
// nodes, what is on their disks, and what their hosts were told. Worlds with one
// past and one stage are the same.
type Past struct {
	seed   uint64
	at     time.Time
	relays []string
	nodes  []pastNode
	names  names
}

type pastNode struct {
	name          string
	home          home
	number, moved int
	disk          disk
	audit         audit
	errands       errands
}

// At is when it ended.
func (p Past) At() time.Time { return p.at }

// Past is what is left if everything ends now. Nodes behind a NAT are not
// supported.
func (w *World) Past() Past {
	past := Past{seed: w.seed, at: w.now(), names: w.names}
	for _, r := range w.relays {
		past.relays = append(past.relays, r.name)
	}
	for _, n := range w.nodes {
		past.nodes = append(past.nodes, pastNode{
			name: n.name, home: n.home, number: n.number, moved: n.moved,
			disk: n.disk.clone(), audit: n.audit.clone(), errands: n.errands,
		})
	}
	return past
}

// After is a World on another stage that begins where a past has ended: all
// relays and nodes start again.
func (p Past) After(stage Stage) *World {
	w := NewOn(stage, p.seed)
	w.names = names{maps.Clone(p.names.authorities), maps.Clone(p.names.contexts), maps.Clone(p.names.channels), slices.Clone(p.names.replaced)}
	for _, name := range p.relays {
		w.addRelay(name)
	}
	for _, old := range p.nodes {
		n := w.addDormant(old.name, old.home)
		n.number, n.moved, n.disk, n.audit, n.errands = old.number, old.moved, old.disk.clone(), old.audit.clone(), old.errands
		n.start()
	}
	return w
}

func (d disk) clone() disk {
	copied := disk{
		boot: d.boot, journals: map[messages.ContextID]*database{}, tickets: maps.Clone(d.tickets),
		claims: maps.Clone(d.claims), slots: maps.Clone(d.slots), completed: maps.Clone(d.completed),
	}
	for cx, database := range d.journals {
		copied.journals[cx] = database.clone()
	}
	return copied
}

// clone copies the buckets; what is in them is never changed.
func (d *database) clone() *database {
	copied := newDatabase(nil)
	for bucket, records := range d.buckets {
		copied.buckets[bucket] = maps.Clone(records)
	}
	copied.facts, copied.operations = maps.Clone(d.facts), maps.Clone(d.operations)
	return copied
}

func (a audit) clone() audit {
	copied := newAudit()
	for cx, facts := range a.acknowledged {
		copied.acknowledged[cx] = slices.Clip(facts)
	}
	maps.Copy(copied.asked, a.asked)
	maps.Copy(copied.withdrawn, a.withdrawn)
	for cx, numbers := range a.numbers {
		copied.numbers[cx] = maps.Clone(numbers)
	}
	maps.Copy(copied.last, a.last)
	return copied
}
