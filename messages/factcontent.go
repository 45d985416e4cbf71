package messages

// FactContent is an application fact as the host reads it: what its header
// says, and its body, opened. Its JSON form is what other people's scripts read.
type FactContent struct {
	ID     FactID      `json:"id"`
	Author AuthorityID `json:"author"`
	// Seq counts the facts of the author, of all types.
	Seq  Seq      `json:"seq"`
	Type FactType `json:"type"`
	// Time is when the author appended it, by the author's clock.
	Time  Millis `json:"time_ms"`
	Epoch Epoch  `json:"epoch"`
	// Again is the fact that this one repeats in a later epoch because a change
	// of members had left it out (SPEC 3.4); zero: none. The other one may have
	// been read before.
	Again FactID `json:"again,omitzero"`
	// Size is that of the whole fact, sealed and padded, in bytes.
	Size int `json:"size"`
	// Cursor is where reading goes on after this fact.
	Cursor FactCursor `json:"cursor"`
	Body   []byte     `json:"body"`
}

// FactCursor is a place in the facts of one context as one node came to know
// them: all that it could read before has been given. It outlives restarts, and
// means nothing to another node. A fact that comes late gets a later place, so
// that who goes on from a cursor misses none. The zero cursor is the beginning.
type FactCursor uint64

// ContentRequest names a read of the host's, from 1; the shell numbers them.
type ContentRequest uint64

// ReadContent asks the journal for the next application facts after a cursor.
type ReadContent struct {
	Request ContentRequest
	After   FactCursor
	// Author is whose; zero: everybody's.
	Author AuthorityID
	// MaxFacts and MaxBytes bound the answer; it may be less, or nothing.
	MaxFacts int
	MaxBytes int
}

// FactQuery says which application facts to read. The zero query reads all.
type FactQuery struct {
	// After is where to begin.
	After FactCursor
	// Author picks the facts of one author; zero: of all.
	Author AuthorityID
	// From and To pick a range of types, both included; zero: no bound.
	From, To FactType
	// Follow waits for more when all have been given.
	Follow bool
}

// Wants reports whether a fact of that type is asked for.
func (q FactQuery) Wants(t FactType) bool {
	return t.IsApplication() && q.From <= t && (q.To == 0 || t <= q.To)
}
