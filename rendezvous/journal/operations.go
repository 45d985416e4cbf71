package journal

import (
	"time"

	"github.com/waymeet/waymeet/messages"
)

// Operations are remembered that long; who asks again does so within seconds
// of a crash or a restart.
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
	// order is by age, the oldest first.
	order []messages.OperationID
}

func newOperations() *operations {
	return &operations{results: map[messages.OperationID]storedOperation{}}
}

func (o *operations) has(id messages.OperationID) bool {
	_, known := o.results[id]
	return known
}

// remember notes a result; the records are what must be written for it.
func (o *operations) remember(id messages.OperationID, now messages.Millis, facts []messages.FactID) []messages.Record {
	done := storedOperation{At: now, Facts: facts}
	o.results[id] = done
	o.order = append(o.order, id)
	records := []messages.Record{operationRecord(id, done)}
	for range forgetAtOnce {
		oldest := o.order[0]
		if o.results[oldest].At.Add(rememberOperations) >= now {
			break
		}
		records = append(records, forgottenOperation(oldest, o.results[oldest].At))
		delete(o.results, oldest)
		o.order = o.order[1:]
	}
	return records
}
