package rendezvoustest

import (
	"fmt"
	"strings"
	"time"
)

// log gathers what happens during one command, one line each.
type log struct {
	world *World
	began time.Time
	lines []string
	// silent: nobody will read it.
	silent bool
}

// Silence lets the world keep no log.
func (w *World) Silence() { w.log.silent = true }

// Log is what has happened since the last command.
func (w *World) Log() []string { return w.log.lines }

// begin starts the log of a command.
func (l *log) begin() { l.began, l.lines = l.world.now(), nil }

// event notes what happened at a node or relay. Ids in the text become names.
func (l *log) event(who, format string, values ...any) {
	if l.silent {
		return
	}
	text := l.world.names.replace(fmt.Sprintf(format, values...))
	since := l.world.now().Sub(l.began)
	l.lines = append(l.lines, fmt.Sprintf("%8s  %-6s %s", since.Truncate(time.Millisecond).String(), who, text))
}

// print notes what a command shows.
func (l *log) print(format string, values ...any) {
	text := l.world.names.replace(fmt.Sprintf(format, values...))
	l.lines = append(l.lines, strings.Split(strings.TrimRight(text, "\n"), "\n")...)
}
