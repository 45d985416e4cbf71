package messages

// ExitCode says how a command ended. Scripts rely on the numbers.
type ExitCode int

// The exit codes.
const (
	ExitDone ExitCode = 0
	// ExitFailed: it was tried and did not work.
	ExitFailed ExitCode = 1
	// ExitUsage: what was asked for makes no sense as it was written.
	ExitUsage ExitCode = 2
	// ExitWaiting: timed out, or waiting for others.
	ExitWaiting ExitCode = 3
	// ExitNoNode: no node runs there, or one runs already.
	ExitNoNode ExitCode = 4
	// ExitGaveUp: it ran, and stopped by itself because it could not go on.
	ExitGaveUp ExitCode = 5
)

// Problem is an error for people and scripts: what failed, whose fault it is,
// what to do about it. It carries no secret, no plaintext and no id of another
// context (SPEC 15.2), and crosses the admin socket as it is.
type Problem struct {
	Code ExitCode `json:"code"`
	// What failed: "cannot listen on 127.0.0.1:7342".
	What string `json:"what"`
	// Whose fault it is, and why: "the port is in use by another process".
	Whose string `json:"whose"`
	// Hint says what to do: "choose another --listen".
	Hint string `json:"hint"`
}

// Error is the one line of all three: "WHAT: WHOSE. Try: HINT". Parts that are
// missing leave nothing behind.
func (p Problem) Error() string {
	line := p.What
	if p.Whose != "" {
		line += ": " + p.Whose
	}
	if p.Hint != "" {
		line += ". Try: " + p.Hint
	}
	return line
}
