package supervision

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Incarnation numbers the lives of actors. It grows over the whole tree: a
// later life has the greater number, also when the path was removed and spawned
// again. Zero is no life.
type Incarnation uint64

// After reports whether n is a later life than m.
func (n Incarnation) After(m Incarnation) bool { return n > m }

// Reason says why a life ended.
type Reason int

const (
	// ReasonNormal: the actor ended itself by StopSelf.
	ReasonNormal Reason = iota
	// ReasonShutdown: it was asked to stop, by its supervisor or through the tree.
	ReasonShutdown
	// ReasonCrash: a panic, a Goexit, a panic in a task, or a kill.
	ReasonCrash
	// ReasonStart: Start returned an error, or no acknowledgement came in time.
	ReasonStart
	// ReasonIntensity: a supervisor had more restarts than its intensity allows, or
	// more children in quarantine.
	ReasonIntensity
	// ReasonSignificant: a significant child failed for good, and its supervisor
	// went with it.
	ReasonSignificant
	// ReasonStuck: it did not stop within its deadline and was abandoned.
	ReasonStuck
	// ReasonNoActor: nothing lives at the path (only in answer to Monitor).
	ReasonNoActor
)

var reasonNames = [...]string{
	ReasonNormal:      "ended",
	ReasonShutdown:    "was stopped",
	ReasonCrash:       "crashed",
	ReasonStart:       "could not start",
	ReasonIntensity:   "gave up",
	ReasonSignificant: "went with a significant child",
	ReasonStuck:       "did not stop",
	ReasonNoActor:     "does not exist",
}

// String is the reason as the verb of a sentence about the actor.
func (r Reason) String() string { return reasonNames[r] }

// Failure reports whether a transient child is restarted after this reason.
func (r Reason) Failure() bool { return r != ReasonNormal && r != ReasonShutdown }

// Exit tells how a life ended, and by its Cause what led to it: the chain runs
// from the supervisor that gave up down to the actor that crashed first. It is
// an error; errors.As and errors.Is walk the chain.
type Exit struct {
	Path        string
	Incarnation Incarnation
	Reason      Reason
	Detail      string // a few words more, or empty
	Crash       *Crash // set when Reason is ReasonCrash, or when Start panicked
	Cause       error  // the *Exit of a child, or the error of Start; else nil
}

// Error is the chain in one line, outermost actor first.
func (e *Exit) Error() string {
	text := e.Path + " " + e.Reason.String()
	if e.Detail != "" {
		text += " (" + e.Detail + ")"
	}
	switch {
	case e.Cause != nil:
		text += ": " + textOf(e.Cause)
	case e.Crash != nil:
		text += ": " + e.Crash.Text
	}
	return text
}

// Unwrap returns the cause.
func (e *Exit) Unwrap() error { return e.Cause }

// Crash is the report of one crash. It names the type of the message at hand
// and never holds the message; but Text is what the panic or the error says, so
// neither may say what must stay secret.
type Crash struct {
	Path        string      `json:"path"`
	Incarnation Incarnation `json:"incarnation"`
	At          time.Time   `json:"at"`
	Phase       Phase       `json:"phase"`
	Step        uint64      `json:"step,omitempty"`    // of the actor's own steps, counted through all its lives; 0: idle
	Message     string      `json:"message,omitempty"` // type of the message or effect at hand, "task NAME", or empty
	Depth       int         `json:"mailbox"`           // user messages that waited in the mailbox
	Text        string      `json:"reason"`            // of an error or a string: the panic value; else its type
	Killed      bool        `json:"killed,omitempty"`  // by Tree.Kill or by chaos
	Last        Steps       `json:"last"`              // what the actor did last
	Stack       Stack       `json:"stack,omitempty"`   // of the goroutine that panicked; empty when Start returned an error
}

// Stack is where a goroutine stood. It costs little until somebody reads it.
type Stack []uintptr

// maxFrames bounds a Stack.
const maxFrames = 32

// String is one line for each frame, the innermost first: function, file, line.
func (s Stack) String() string {
	if len(s) == 0 {
		return ""
	}
	var text strings.Builder
	frames := runtime.CallersFrames(s)
	for {
		frame, more := frames.Next()
		fmt.Fprintf(&text, "%s (%s:%d)\n", frame.Function, filepath.Base(frame.File), frame.Line)
		if !more {
			return text.String()
		}
	}
}

// MarshalText is String.
func (s Stack) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue is String, made only for a handler that wants it.
func (s Stack) LogValue() slog.Value { return slog.StringValue(s.String()) }

// here is the stack of the caller's caller.
func here() Stack {
	var frames [maxFrames]uintptr
	return slices.Clone(frames[:runtime.Callers(3, frames[:])])
}

// goexit is the value reported for an actor that called runtime.Goexit, which
// unwinds like a panic and leaves nothing to recover.
type goexit struct{}

func (goexit) Error() string { return "runtime.Goexit was called in an actor" }

// newCrash makes the report of a panic with value v. It must be called by the
// deferred function that recovered, so that the stack still shows the panic.
func newCrash(v any) *Crash {
	if v == nil {
		v = goexit{}
	}
	_, isKill := v.(killed)
	return &Crash{Text: panicText(v), Stack: here(), Killed: isKill}
}

// textOf is the text of an error that somebody else made: making it may panic.
func textOf(err error) (text string) {
	defer func() {
		if recover() != nil {
			text = fmt.Sprintf("an error of type %T, whose text cannot be made", err)
		}
	}()
	return err.Error()
}

// panicText renders errors and strings; of other values only the type, since a
// panic value may be a message.
func panicText(v any) string {
	switch v := v.(type) {
	case error:
		return textOf(v)
	case string:
		return v
	}
	return fmt.Sprintf("panic with a %T", v)
}

// typeName is the type of a message or effect, as reports show it.
func typeName(v any) string {
	if v == nil {
		return ""
	}
	return reflect.TypeOf(v).String()
}
