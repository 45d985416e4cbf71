package supervision

// Restart says when an ended child is started again.
type Restart int

const (
	// Permanent children are always restarted.
	Permanent Restart = iota
	// Transient children are restarted after a failure, not after a normal end.
	Transient
	// Temporary children are never restarted.
	Temporary
)

// after reports whether a child of this kind is restarted after reason.
func (r Restart) after(reason Reason) bool {
	switch r {
	case Permanent:
		return true
	case Transient:
		return reason.Failure()
	}
	return false
}

// Strategy says who is restarted together with a child that is.
type Strategy int

const (
	// OneForOne restarts the child alone.
	OneForOne Strategy = iota
	// RestForOne stops the children after it in reverse order, then starts it
	// and them in order: for children that build on those before them.
	RestForOne
	// AllForOne stops and starts all children: for children that share a state.
	AllForOne
	// Dynamic supervisors begin without children and get them by Tree.Spawn.
	// The children are independent; all are stopped at once.
	Dynamic
)

// takes reports whether the child at position i is stopped and started again
// because the one at position failed is.
func (s Strategy) takes(failed, i int) bool {
	switch s {
	case RestForOne:
		return i > failed
	case AllForOne:
		return i != failed
	}
	return false
}

// ordered reports whether children after the first start still wait for those
// before them.
func (s Strategy) ordered() bool { return s == RestForOne || s == AllForOne }
