package journal

import (
	"cmp"
	"iter"
	"slices"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// arrive examines what a peer sent, on its arrival: what takes long is done
// while the disk writes the batch before.
func (j *Journal) arrive(e messages.OfferFacts) []candidate {
	facts := make([]candidate, len(e.Facts))
	for at, raw := range e.Facts {
		facts[at] = candidate{from: e.From, raw: raw}
	}
	j.examine(facts)
	return facts
}

// examine looks at many facts at once.
func (j *Journal) examine(facts []candidate) {
	j.config.Parallel(len(facts), func(at int) { j.set.examine(&facts[at]) })
}

// offerFrom admits what a peer sent, and answers.
func (j *Journal) offerFrom(now messages.Millis, e messages.OfferFacts, facts []candidate, b *batch) {
	result := j.offer(now, e.From, facts, b)
	result.Session, result.Peer = e.Session, e.From
	b.offers = append(b.offers, result)
	b.effects = append(b.effects, TellSync{result})
}

// offer admits facts in their order, and then those that waited for an epoch or
// a key which thereby became known. It ends: every round adds one. The result is
// about what that sender has sent, now or before: nobody answers for what another
// one's facts turn out to be. What waited and goes on waiting is not counted again.
func (j *Journal) offer(now messages.Millis, from messages.AuthorityID, facts []candidate, b *batch) (result messages.FactsOffered) {
	var ofOthers messages.FactsOffered
	waiting := 0
	for round := 0; len(facts) > 0; round++ {
		before := j.set.known()
		for at := range facts {
			count := &result
			if facts[at].from != from {
				count = &ofOthers
			}
			j.offerOne(now, &facts[at], count, b)
		}
		if round == 0 {
			waiting = result.Waiting
		}
		facts = j.released(before, b)
	}
	result.Waiting = waiting
	return result
}

// known is how many epochs are known, and how many keys.
type known struct{ epochs, keys int }

func (s *set) known() known { return known{len(s.epochs.opened), len(s.ring.names)} }

// released is what waited for an epoch or its key, if one became known since.
func (j *Journal) released(before known, b *batch) []candidate {
	if j.set.known() == before {
		return nil
	}
	j.warnSecrets(before.epochs, b)
	return j.pending()
}

// pending is what waits for an epoch or its key, to be offered again.
func (j *Journal) pending() []candidate {
	facts := j.aside.takePending()
	j.examine(facts)
	return facts
}

func (j *Journal) offerOne(now messages.Millis, c *candidate, result *messages.FactsOffered, b *batch) {
	refusal := j.set.admit(now, c)
	switch {
	case refusal.admits():
		j.accept(c.fact, c.id, len(c.raw))
		b.put(factRecord(j.set.last, c.raw))
		j.recognize(now, c)
		result.Admitted++
	case refusal.waits():
		result.Waiting++
		isNew := j.aside.await(refusal.check, c)
		if isNew {
			j.recognize(now, c)
		}
		if refusal.check == clockCheck && isNew {
			ahead := messages.Window{From: now, Until: c.fact.Header.HLC.Millis()}.Length()
			b.effects = append(b.effects, ClockAhead{Author: c.fact.Header.Author, Ahead: ahead.Round(time.Second)})
		}
	case refusal.check == heldCheck:
		result.Held++
	default:
		result.Refused++
		if refusal.isFault() && result.Fault == "" {
			result.Fault = refusal.String()
		}
	}
}

// warnSecrets tells of epochs, from the given one on, whose secret is not what
// the op says, though we are in them.
func (j *Journal) warnSecrets(from int, b *batch) {
	for _, state := range j.set.epochs.opened[from:] {
		if err := j.set.ring.refused[state.id]; err != nil && state.roster.Has(j.config.Identity.Authority()) {
			b.effects = append(b.effects, SecretRefused{Epoch: state.number, Reason: err.Error()})
		}
	}
}

// reads answers, before the next batch, what sync sessions and the host ask for:
// all facts that are held are on disk then.
func (j *Journal) reads() []Effect {
	var effects []Effect
	rest := j.queue[:0:0]
	for _, waiting := range j.queue {
		switch e := waiting.event.(type) {
		case messages.ReadRanges:
			effects = append(effects, ReadFacts{Session: e.Session, Facts: j.set.inOrder(e)})
		case messages.CompareRanges:
			effects = append(effects, TellSync{j.set.compare(e)})
		case messages.ReadContent:
			effects = append(effects, j.set.content(e))
		default:
			rest = append(rest, waiting)
		}
	}
	j.queue = rest
	return effects
}

// inOrder picks the first facts of the ranges in HLC order, which is causal
// order: an epoch op comes before any fact of the epoch that it opens; and then
// the single facts that are held.
func (s *set) inOrder(read messages.ReadRanges) (facts []messages.FactPlace) {
	size := 0
	for e := range s.merged(read) {
		if size += int(e.size); len(facts) > 0 && (len(facts) >= read.MaxFacts || size > read.MaxBytes) {
			break
		}
		facts = append(facts, messages.FactPlace{Place: e.place, Fact: e.id})
	}
	return facts
}

func (s *set) merged(read messages.ReadRanges) iter.Seq[*entry] {
	var streams [][]*entry
	for _, r := range read.Ranges {
		if entries := s.between(r); len(entries) > 0 {
			streams = append(streams, entries)
		}
	}
	return func(yield func(*entry) bool) {
		for len(streams) > 0 {
			first := 0
			for at := range streams {
				if byHLC(streams[at][0], streams[first][0]) < 0 {
					first = at
				}
			}
			if !yield(streams[first][0]) {
				return
			}
			if streams[first] = streams[first][1:]; len(streams[first]) == 0 {
				streams = slices.Delete(streams, first, first+1)
			}
		}
		for _, id := range read.Facts {
			if e := s.graph.entries[id]; e != nil && !yield(e) {
				return
			}
		}
	}
}

// between is the part of a chain that the range names.
func (s *set) between(r messages.FactRange) []*entry {
	c := s.chains[r.Author]
	if c == nil {
		return nil
	}
	from, found := slices.BinarySearchFunc(c.entries, r, func(e *entry, r messages.FactRange) int {
		return e.position().compare(position{seq: r.After, id: r.AfterFact})
	})
	if found {
		from++
	}
	to, _ := slices.BinarySearchFunc(c.entries, r.To+1, func(e *entry, seq messages.Seq) int {
		return cmp.Compare(e.seq, seq)
	})
	if from >= to {
		return nil
	}
	return c.entries[from:to]
}

func byHLC(a, b *entry) int {
	return cmp.Or(cmp.Compare(a.hlc, b.hlc), a.id.Compare(b.id))
}
