package journal

import (
	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

// contentScan bounds how many facts one ReadContent passes over.
const contentScan = 8192

// GiveContent asks the store for application facts, opened, for the host. The
// answer to the host says that reading goes on after Next.
type GiveContent struct {
	Request messages.ContentRequest
	Facts   []messages.FactPlace
	// Cursors are where reading goes on after each of them.
	Cursors []messages.FactCursor
	Next    messages.FactCursor
	// Keys open the bodies. They are secret.
	Keys map[messages.EpochKeyID]membership.EpochKey
	// Failure says why nothing is read: the journal has stopped.
	Failure string
}

func (GiveContent) journalEffect() {}

// content picks the next facts that the host may read, in the order in which
// everything that they stand on and their key was here.
func (s *set) content(read messages.ReadContent) GiveContent {
	s.settle()
	give := GiveContent{Request: read.Request, Next: read.After, Keys: map[messages.EpochKeyID]membership.EpochKey{}}
	scanned, size := 0, 0
	for next, e := range s.reading.after(read.After) {
		if scanned++; scanned > contentScan {
			break
		}
		if (read.Author.IsZero() || read.Author == e.author()) && s.isContent(e) {
			if size += int(e.size); len(give.Facts) > 0 && (len(give.Facts) >= read.MaxFacts || size > read.MaxBytes) {
				break
			}
			give.Facts = append(give.Facts, messages.FactPlace{Place: e.place, Fact: e.id})
			give.Cursors = append(give.Cursors, next)
			give.Keys[e.tenure.keyID] = s.ring.payloads[e.tenure.keyID]
		}
		give.Next = next
	}
	return give
}

// isContent reports whether the fact may be the host's (its type shows when it is
// read), and counts, or will as soon as the rest of what the cut of its epoch names
// is here: it must not be passed over meanwhile. What is said again is content once.
func (s *set) isContent(e *entry) bool {
	if e.body() != nil || s.repeats(e) {
		return false
	}
	if s.counts(e) {
		return true
	}
	if !s.stands(e.tenure) || !s.isClosed(e) {
		return false
	}
	for _, cut := range s.epochs.timeline[e.epoch()+1].change.Cut {
		if end := s.graph.entries[cut.Fact]; cut.Author == e.author() {
			return e.seq < cut.Seq && (end == nil || !end.isWhole())
		}
	}
	return false
}

// passedOver are the cursors behind what the cut of a closed epoch leaves out: who
// reads goes past it. A rival op opens the epoch again, and all that counts; it must
// then be moved back, so that nobody who has gone past it misses it. An epoch is
// opened again at most once.
func (s *set) passedOver(closed *epochState) (cursors []messages.FactCursor) {
	if !s.epochs.onTimeline(closed) || closed == s.epochs.open() {
		return nil
	}
	s.settle()
	for behind, e := range s.reading.after(0) {
		if e.tenure.state == closed && !s.isContent(e) {
			cursors = append(cursors, behind)
		}
	}
	return cursors
}
