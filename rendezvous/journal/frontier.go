package journal

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/waymeet/waymeet/messages"
)

const (
	// maxAuthors bounds the frontier in a frame.
	maxAuthors = 4096
	// A row of the frontier is author[:8] ‖ head 4 ‖ last 4.
	prefixSize   = len(messages.AuthorPrefix{})
	frontierSize = prefixSize + 4 + 4
)

// shown is what one side shows of its journal in one round.
type shown struct {
	count       uint64
	fingerprint [32]byte
	chains      map[messages.AuthorPrefix]extent
}

// extent is how far one author's facts are held: without a gap up to head, and
// up to last with gaps.
type extent struct{ head, last messages.Seq }

// sameAs reports whether both sides hold the same set.
func (s *shown) sameAs(other *shown) bool {
	return s.count == other.count && s.fingerprint == other.fingerprint
}

// showState is what the state shows.
func showState(state messages.JournalState) *shown {
	return readShown(state.Count, state.Fingerprint, frontierOf(state))
}

// readShown reads what a frame shows; its frontier was checked.
func readShown(count uint64, fingerprint [32]byte, frontier []byte) *shown {
	s := &shown{count: count, fingerprint: fingerprint, chains: map[messages.AuthorPrefix]extent{}}
	for ; len(frontier) > 0; frontier = frontier[frontierSize:] {
		s.chains[messages.AuthorPrefix(frontier[:prefixSize])] = extent{
			head: messages.Seq(binary.BigEndian.Uint32(frontier[prefixSize:])),
			last: messages.Seq(binary.BigEndian.Uint32(frontier[prefixSize+4:])),
		}
	}
	return s
}

// frontierOf is the table of what is held, sorted, a row an author. Authors are
// sorted in the state.
func frontierOf(state messages.JournalState) []byte {
	table := make([]byte, 0, frontierSize*len(state.Authors))
	for _, author := range state.Authors {
		table = append(table, author.Author[:prefixSize]...)
		table = binary.BigEndian.AppendUint32(table, uint32(author.Head))
		table = binary.BigEndian.AppendUint32(table, uint32(author.Last))
	}
	return table
}

// checkFrontier refuses a table whose rows are not whole, sorted and distinct.
func checkFrontier(table []byte) error {
	if len(table)%frontierSize != 0 || len(table) > frontierSize*maxAuthors {
		return fmt.Errorf("%w: frontier of %d bytes", messages.ErrEncoding, len(table))
	}
	for at := frontierSize; at < len(table); at += frontierSize {
		if bytes.Compare(table[at-frontierSize:at-frontierSize+prefixSize], table[at:at+prefixSize]) >= 0 {
			return fmt.Errorf("%w: frontier out of order", messages.ErrEncoding)
		}
	}
	return nil
}
