package supervision

import (
	"log/slog"
	"time"
)

// Event is something that happened in the tree, for Config.Events.
type Event interface {
	isEvent()
	// log returns the line for Config.Logger. Spans of time are text in it, "1.5s":
	// as a slog.Duration they would be nanoseconds in JSON.
	log() (slog.Level, string, []slog.Attr)
}

type (
	// Started: a life has acknowledged. Restarts counts earlier lives at this
	// place in the tree.
	Started struct {
		Path        string
		Incarnation Incarnation
		Restarts    uint64
	}
	// Stopped: a life ended cleanly, by StopSelf or because it was asked to; or
	// a child that was spawned went before its first life.
	Stopped struct{ Exit *Exit }
	// Ended: a child ended by itself and does not come back: a transient one
	// without failure, or a temporary one. It still has its place. Its supervisor
	// may be on its way down.
	Ended struct{ Exit *Exit }
	// Crashed: a life ended by a crash, or by an error of Start.
	Crashed struct{ Crash *Crash }
	// Restarting: another life will begin after Delay. Incarnation is the one
	// that ended. Those that go with it by the strategy are not reported.
	Restarting struct {
		Path        string
		Incarnation Incarnation
		Delay       time.Duration
		Exit        *Exit
	}
	// Quarantined: a dynamic child exceeded its intensity, or crashed again before
	// it was healthy. It keeps its place and its mailbox, and one life is tried
	// after For. Incarnation is the one that ended.
	Quarantined struct {
		Path        string
		Incarnation Incarnation
		For         time.Duration
		Exit        *Exit
	}
	// Escalated: restarts exceeded an intensity. Exit.Path is the supervisor
	// that ends itself.
	Escalated struct{ Exit *Exit }
	// Stuck: an actor did not react within Waited and was abandoned. Tasks
	// names those of its tasks that still run.
	Stuck struct {
		Path        string
		Incarnation Incarnation
		Waited      time.Duration
		Tasks       []string
		Last        Steps // what it did last
	}
	// Blocked: an actor has been at one step for so long. It is told once a step,
	// and nothing is done about it.
	Blocked struct {
		Path        string
		Incarnation Incarnation
		Phase       Phase
		Message     string // type of the message or effect at hand
		For         time.Duration
	}
	// Overloaded: a mailbox is full. It is told again only after the mailbox was
	// half empty; Inspect counts what was lost.
	Overloaded struct {
		Path        string
		Incarnation Incarnation
		Limit       int // of the mailbox, in messages
	}
)

func (Started) isEvent()     {}
func (Stopped) isEvent()     {}
func (Ended) isEvent()       {}
func (Crashed) isEvent()     {}
func (Restarting) isEvent()  {}
func (Quarantined) isEvent() {}
func (Escalated) isEvent()   {}
func (Stuck) isEvent()       {}
func (Blocked) isEvent()     {}
func (Overloaded) isEvent()  {}

func (e Blocked) log() (slog.Level, string, []slog.Attr) {
	return slog.LevelWarn, "actor is blocked", []slog.Attr{
		slog.String("actor", e.Path), slog.Uint64("incarnation", uint64(e.Incarnation)),
		slog.String("phase", e.Phase.String()), slog.String("message", e.Message), slog.String("for", e.For.String()),
	}
}

func (e Overloaded) log() (slog.Level, string, []slog.Attr) {
	return slog.LevelWarn, "mailbox is full", []slog.Attr{
		slog.String("actor", e.Path), slog.Uint64("incarnation", uint64(e.Incarnation)), slog.Int("limit", e.Limit),
	}
}

func (e Started) log() (slog.Level, string, []slog.Attr) {
	return slog.LevelDebug, "actor started", []slog.Attr{
		slog.String("actor", e.Path), slog.Uint64("incarnation", uint64(e.Incarnation)), slog.Uint64("restarts", e.Restarts),
	}
}

func (e Stopped) log() (slog.Level, string, []slog.Attr) {
	return slog.LevelDebug, "actor stopped", []slog.Attr{
		slog.String("actor", e.Exit.Path), slog.Uint64("incarnation", uint64(e.Exit.Incarnation)),
	}
}

func (e Ended) log() (slog.Level, string, []slog.Attr) {
	return slog.LevelDebug, "actor ended for good", []slog.Attr{
		slog.String("actor", e.Exit.Path), slog.Uint64("incarnation", uint64(e.Exit.Incarnation)),
		slog.String("reason", e.Exit.Error()),
	}
}

func (e Crashed) log() (slog.Level, string, []slog.Attr) {
	c := e.Crash
	return slog.LevelError, "actor crashed", []slog.Attr{
		slog.String("actor", c.Path), slog.Uint64("incarnation", uint64(c.Incarnation)),
		slog.String("phase", c.Phase.String()), slog.String("message", c.Message), slog.Int("mailbox", c.Depth),
		slog.Bool("killed", c.Killed), slog.String("reason", c.Text), slog.Any("stack", c.Stack),
	}
}

func (e Restarting) log() (slog.Level, string, []slog.Attr) {
	return slog.LevelWarn, "actor restarts", []slog.Attr{
		slog.String("actor", e.Path), slog.String("delay", e.Delay.String()), slog.String("reason", e.Exit.Error()),
	}
}

func (e Quarantined) log() (slog.Level, string, []slog.Attr) {
	return slog.LevelError, "actor is quarantined", []slog.Attr{
		slog.String("actor", e.Path), slog.Uint64("incarnation", uint64(e.Incarnation)),
		slog.String("for", e.For.String()), slog.String("reason", e.Exit.Error()),
	}
}

func (e Escalated) log() (slog.Level, string, []slog.Attr) {
	return slog.LevelError, "restart intensity exceeded", []slog.Attr{
		slog.String("actor", e.Exit.Path), slog.String("reason", e.Exit.Error()),
	}
}

func (e Stuck) log() (slog.Level, string, []slog.Attr) {
	return slog.LevelError, "actor is stuck and was abandoned", []slog.Attr{
		slog.String("actor", e.Path), slog.Uint64("incarnation", uint64(e.Incarnation)),
		slog.String("waited", e.Waited.String()), slog.Any("tasks", e.Tasks),
	}
}
