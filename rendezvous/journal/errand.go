package journal

import (
	"time"

	"github.com/waymeet/waymeet/messages"
)

// errandFacts bounds how many facts an errand reads at once.
const errandFacts = 128

// errands has facts read that this journal holds and has to look at again: to say
// again what a cut has left out, to prove a fork. There is one errand at a time,
// the most urgent first. It makes facts of ours, and so waits until our chain may
// be written, as commits do: the Step in which it may again looks for errands,
// too.
func (j *Journal) errands(now time.Time) []Effect {
	if j.reading || j.flight != nil || j.failed != "" {
		return nil
	}
	if _, reason := j.ownKeys(); reason != "" || !j.mayWrite(now) {
		return nil
	}
	facts := j.set.unsaid()
	if len(facts) == 0 {
		facts = j.set.unproven()
	}
	if len(facts) == 0 {
		return nil
	}
	j.reading = true
	return []Effect{ReadFacts{Facts: placesOf(facts[:min(len(facts), errandFacts)])}}
}

// errand does what the facts were read for. A peer may have shown more of our
// chain while they were, or the founder have removed us.
func (j *Journal) errand(now time.Time, read messages.FactsRead, b *batch) {
	j.reading = false
	facts := map[messages.FactID]messages.Fact{}
	for _, raw := range read.Facts {
		fact, err := messages.ParseFact(raw)
		if err != nil {
			panic("journal: a fact from the store: " + err.Error())
		}
		facts[fact.ID()] = fact
	}
	millis := messages.MillisOf(now)
	if keys, reason := j.ownKeys(); reason == "" && j.mayWrite(now) {
		j.appendAgain(millis, facts, keys, b)
		j.accuse(millis, facts, keys, b)
	}
}

func placesOf(facts []*entry) []messages.FactPlace {
	places := make([]messages.FactPlace, len(facts))
	for at, e := range facts {
		places[at] = messages.FactPlace{Place: e.place, Fact: e.id}
	}
	return places
}
