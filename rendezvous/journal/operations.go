package journal

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// What was done is remembered that long: as messages.AskWithin has it asked for
// again; by a ticket until a day after it has expired (SPEC 14.2).
const (
	rememberOperations = 2 * messages.AskWithin
	rememberTickets    = messages.MaxTicketLifetime + 24*time.Hour
)

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
	order []rememberedUntil
}

// rememberedUntil is when an operation is forgotten.
type rememberedUntil struct {
	until     messages.Millis
	operation messages.OperationID
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
		var id messages.OperationID
		copy(id[:], record.Key[min(8, len(record.Key)):])
		if err != nil || !bytes.Equal(record.Key, operationKey(id, done.Until)) {
			return fmt.Errorf("%w: operation %x", ErrRecord, record.Key)
		}
		o.results[id] = done
		o.order = append(o.order, rememberedUntil{done.Until, id})
	}
	return nil
}

func (o *operations) has(id messages.OperationID) bool {
	_, known := o.results[id]
	return known
}

// remember notes a result until then. The records are what must be written for it,
// and for what is forgotten now.
func (o *operations) remember(id messages.OperationID, now, until messages.Millis, facts []messages.FactID) []messages.Record {
	done := storedOperation{Until: until, Facts: facts}
	at, _ := slices.BinarySearchFunc(o.order, until+1, func(other rememberedUntil, until messages.Millis) int {
		return cmp.Compare(other.until, until)
	})
	o.order = slices.Insert(o.order, at, rememberedUntil{until, id})
	o.results[id] = done
	records := []messages.Record{operationRecord(id, done)}
	for range forgetAtOnce {
		oldest := o.order[0]
		if oldest.until >= now {
			break
		}
		records = append(records, forgottenOperation(oldest.operation, oldest.until))
		delete(o.results, oldest.operation)
		o.order = o.order[1:]
	}
	return records
}
