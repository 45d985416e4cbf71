package supervision

// Class says what may become of a message that a mailbox has no room for.
type Class int

const (
	// MustDeliver messages are refused with ErrMailboxFull; who tells decides.
	MustDeliver Class = iota
	// LatestWins messages take the place of one with the same key that still
	// waits, so of each key at most one waits.
	LatestWins
	// Droppable messages are lost, and counted, when the mailbox is full; those
	// that wait make room for others.
	Droppable
)

var classNames = [...]string{MustDeliver: "must deliver", LatestWins: "latest wins", Droppable: "droppable"}

// String is the class in words.
func (c Class) String() string { return nameOf(c, classNames[:]) }

// nameOf is the name of a value that may be none of those named, such as the wild
// cards of package chaos.
func nameOf[T ~int](v T, names []string) string {
	if v < 0 || int(v) >= len(names) {
		return "any"
	}
	return names[v]
}

// Sort is the class of one message. The zero Sort is MustDeliver.
type Sort struct {
	Class Class
	Key   string // of LatestWins: which ones replace each other
}
