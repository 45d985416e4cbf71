package journal

import (
	"iter"

	"github.com/waymeet/waymeet/messages"
)

// readingOrder is the facts that are whole, in the order in which they came to that.
// The order of arrival decides it, and it stays, so that a number is all that a
// cursor takes. Only moveBack gives some of them another place, further behind.
type readingOrder struct {
	// entries: nil was moved back; the last one is none of these.
	entries []*entry
}

func (o *readingOrder) append(e *entry) { o.entries = append(o.entries, e) }

// end is the cursor behind all of them.
func (o *readingOrder) end() messages.FactCursor { return messages.FactCursor(len(o.entries)) }

// after gives the entries that come after the cursor, each with the cursor behind it.
func (o *readingOrder) after(cursor messages.FactCursor) iter.Seq2[messages.FactCursor, *entry] {
	return func(yield func(messages.FactCursor, *entry) bool) {
		for at := cursor; at < o.end(); at++ {
			if e := o.entries[at]; e != nil && !yield(at+1, e) {
				return
			}
		}
	}
}

// moveBack puts the entries before those cursors behind all others.
func (o *readingOrder) moveBack(cursors []messages.FactCursor) {
	for _, behind := range cursors {
		o.append(o.entries[behind-1])
		o.entries[behind-1] = nil
	}
}
