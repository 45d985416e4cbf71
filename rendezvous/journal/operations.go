package journal

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// Operations are remembered that long after they were done: who asks again does so
// within seconds of a crash or a restart. A ticket asks until a day after it has
// expired (SPEC 14.2), so for what it asks for the time begins when none can be
// open any more.
const rememberOperations = 24 * time.Hour

// forgetAtOnce bounds how many old operations one batch forgets.
const forgetAtOnce = 64

// operationOf is the operation that an event asks for, if it asks for one. It is
// answered with one Reply, however often it is asked for before.
func operationOf(event messages.JournalMessage) (operation messages.OperationID, asks bool) {
	switch e := event.(type) {
	case messages.Commit:
		return e.Operation, true
	case messages.AddMember:
		return e.Operation, true
	case messages.RemoveMember:
		return e.Operation, true
	case messages.AdvanceEpoch:
		return e.Operation, true
	case messages.GiveKeys:
		return e.Operation, true
	}
	return operation, false
}

// operations remembers what was done, by operation id.
type operations struct {
	results map[messages.OperationID]storedOperation
	// order is that in which they are forgotten.
	order []messages.OperationID
}

func newOperations() *operations {
	return &operations{results: map[messages.OperationID]storedOperation{}}
}

// load takes in what is remembered on disk, in the order in which it is forgotten.
func (o *operations) load(source Source) error {
	for record, err := range source.Records(messages.BucketOperations) {
		if err != nil {
			return err
		}
		done, err := messages.Decode[storedOperation](record.Value)
		if err != nil || len(record.Key) != len(operationKey(messages.OperationID{}, 0)) {
			return fmt.Errorf("%w: operation %x", ErrRecord, record.Key)
		}
		id := messages.OperationID(record.Key[8:])
		o.results[id] = done
		o.order = append(o.order, id)
	}
	return nil
}

func (o *operations) has(id messages.OperationID) bool {
	_, known := o.results[id]
	return known
}

// remember notes a result, for rememberOperations from then on. The records are
// what must be written for it.
func (o *operations) remember(id messages.OperationID, now, from messages.Millis, facts []messages.FactID) []messages.Record {
	done := storedOperation{From: from, Facts: facts}
	at, _ := slices.BinarySearchFunc(o.order, from+1, func(other messages.OperationID, from messages.Millis) int {
		return cmp.Compare(o.results[other].From, from)
	})
	o.order = slices.Insert(o.order, at, id)
	o.results[id] = done
	records := []messages.Record{operationRecord(id, done)}
	for range forgetAtOnce {
		oldest := o.order[0]
		if o.results[oldest].From.Add(rememberOperations) >= now {
			break
		}
		records = append(records, forgottenOperation(oldest, o.results[oldest].From))
		delete(o.results, oldest)
		o.order = o.order[1:]
	}
	return records
}
