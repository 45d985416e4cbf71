package journal

import (
	"time"

	"github.com/waymeet/waymeet/messages"
)

// batch is one transaction and what follows it.
type batch struct {
	records []messages.Record
	bytes   int
	// unsigned are our own facts in it.
	unsigned []unsigned
	// published is the view as it is with this batch, effects are the answers;
	// they go out after Written.
	published []Effect
	effects   []Effect
	// operations and the peers that offered facts are told if the write fails.
	operations []messages.OperationID
	offers     []messages.FactsOffered
}

func (b *batch) put(records ...messages.Record) {
	for _, record := range records {
		b.bytes += len(record.Key) + len(record.Value)
	}
	b.records = append(b.records, records...)
}

func (b *batch) reply(reply Reply) {
	b.operations = append(b.operations, reply.Operation)
	b.effects = append(b.effects, reply)
}

// mayForm reports whether a commit can be done while a Write is under way.
// Nothing is overtaken: what waits in the queue comes first.
func (j *Journal) mayForm() bool {
	return j.flight != nil && len(j.queue) == 0 && len(j.held) == 0 &&
		(j.next == nil || len(j.next.operations) < maxBatchMessages && j.next.bytes < maxBatchBytes)
}

// form does a commit in the next batch.
func (j *Journal) form(now time.Time, commit messages.Commit) {
	if !j.isNews(commit) {
		return
	}
	if j.next == nil {
		j.next = &batch{}
	}
	j.take(now, queued{event: commit}, j.next)
	if len(j.next.unsigned) >= signAhead {
		j.sign(j.next)
	}
}

// send completes a batch and has it written. One without records ends at once.
func (j *Journal) send(now time.Time, b *batch) []Effect {
	j.sign(b)
	b.put(j.set.ring.takeLearned()...)
	b.put(j.index.take()...)
	j.changed = j.changed || len(b.records) > 0
	b.published = j.publication()
	if len(b.records) == 0 {
		return j.finish(now, b)
	}
	j.last++
	j.flight = b
	return []Effect{Write{Batch: j.last, Records: b.records}}
}

// written ends the batch that was under way.
func (j *Journal) written(now time.Time, e messages.Written) []Effect {
	if j.flight == nil || e.Batch != j.last {
		return nil
	}
	b := j.flight
	j.flight = nil
	if e.Failure == "" {
		return j.finish(now, b)
	}
	return append(j.stop("a write failed: "+e.Failure), j.refuse(b)...)
}

// refuse answers everything in a batch that will never be on disk.
func (j *Journal) refuse(b *batch) (effects []Effect) {
	for _, operation := range b.operations {
		effects = append(effects, Reply{Operation: operation, Refusal: j.failed})
	}
	for _, offer := range b.offers {
		effects = append(effects, TellSync{messages.FactsOffered{Session: offer.Session, Peer: offer.Peer, Failure: j.failed}})
	}
	return effects
}

// stop ends all writing for good.
func (j *Journal) stop(why string) []Effect {
	j.failed = "the journal has stopped, " + why
	return []Effect{Stopped{Reason: why}}
}

// finish publishes what is durable now, then answers, then looks for what there
// is to do besides.
func (j *Journal) finish(now time.Time, b *batch) []Effect {
	for _, operation := range b.operations {
		delete(j.waiting, operation)
	}
	effects := append(b.published, b.effects...)
	return append(effects, j.errands(now)...)
}

// publication is what there is to publish when all that is in the set is on disk.
func (j *Journal) publication() []Effect {
	if !j.changed {
		return nil
	}
	j.changed = false
	view := j.View()
	effects := []Effect{Publish{View: view, State: journalState(j.set, view)}}
	return append(effects, j.tellForks(view.Equivocated)...)
}
