package journal

import (
	"maps"
	"slices"

	"github.com/waymeet/waymeet/messages"
)

// A member that was removed and has come back holds facts of epochs whose keys
// it did not have. Its welcome brings them (SPEC 2.3: "so that later members can
// read the whole history").

// giveKeys takes in the keys that a welcome has brought.
func (j *Journal) giveKeys(e messages.GiveKeys, b *batch) {
	var given storedKeys
	for _, record := range e.Records {
		if err := given.read(record); err != nil {
			panic("journal: keys of a welcome: " + err.Error())
		}
	}
	given.since(j.set.last)
	b.put(given.into(j.set.ring)...)
	// Facts that name another key for an epoch whose key is known now do not
	// stand any more.
	j.set.stale, j.set.sifted = true, false
	j.set.unlock(j.set.last + 1)
	b.reply(Reply{Operation: e.Operation})
}

// unlock makes those facts ready whose key was here before the fact at that
// place, but not before they were whole.
func (s *Set) unlock(place messages.Place) {
	var facts []*entry
	for key, locked := range s.locked {
		if s.ring.holdsAt(key, place) {
			facts = append(facts, locked...)
			delete(s.locked, key)
		}
	}
	slices.SortFunc(facts, byHLC)
	s.ready = append(s.ready, facts...)
}

// openable are facts whose body was sealed to us when they came, and is not any
// more.
func (s *Set) openable() []*entry {
	var facts []*entry
	for key, sealed := range s.sealed {
		if _, held := s.ring.payloads[key]; held {
			facts = append(facts, sealed...)
		}
	}
	slices.SortFunc(facts, byHLC)
	return facts
}

// openAgain reads the bodies of those of the facts that can be opened now. An
// epoch may become known by them.
func (j *Journal) openAgain(now messages.Millis, facts map[messages.FactID]messages.Fact, b *batch) {
	epochs := len(j.set.timeline)
	for _, e := range j.set.openable() {
		if fact, here := facts[e.id]; here {
			j.set.reread(e, fact)
			j.changed = true
		}
	}
	j.offer(now, j.released(epochs, b), b)
}

// reread takes in what the body of an entry says, now that it opens.
func (s *Set) reread(e *entry, fact messages.Fact) {
	key := e.tenure.keyID
	s.sealed[key] = slices.DeleteFunc(s.sealed[key], func(sealed *entry) bool { return sealed == e })
	maps.DeleteFunc(s.sealed, func(_ messages.EpochKeyID, sealed []*entry) bool { return len(sealed) == 0 })
	said := s.read(fact)
	said.sealed = false
	e.said = &said
	s.hear(e)
	s.stale = true
	if s.reconsider(e); s.untimed > 0 {
		s.retime()
	}
}
