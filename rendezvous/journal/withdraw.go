package journal

import (
	"slices"

	"github.com/waymeet/waymeet/messages"
)

// Withdrawn is the refusal of an operation that was withdrawn before it was done.
const Withdrawn = "it was withdrawn before it was done"

// withdraw forgets an operation that waits, in the queue or for the pen. One that
// is being done is answered with its batch, one that was done is answered again.
func (j *Journal) withdraw(operation messages.OperationID) []Effect {
	reply := Reply{Operation: operation, Refusal: Withdrawn}
	isThat := func(event messages.JournalMessage) bool {
		other, asks := operationOf(event)
		return asks && other == operation
	}
	before := len(j.queue) + len(j.held)
	j.queue = slices.DeleteFunc(j.queue, func(q queued) bool { return isThat(q.event) })
	j.held = slices.DeleteFunc(j.held, isThat)
	done, known := j.done.results[operation]
	switch {
	case len(j.queue)+len(j.held) < before:
		delete(j.waiting, operation)
	case j.waiting[operation]:
		return nil
	case j.failed != "":
		reply.Refusal = j.failed
	case known:
		reply.Facts, reply.Refusal = done.Facts, ""
	}
	return []Effect{reply}
}
