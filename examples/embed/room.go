package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/waymeet/waymeet/supervision"
)

// roomMessage is the inbox of the room.
type roomMessage interface{ roomMessage() }

type (
	// heard: somebody said this line.
	heard struct{ line string }
	// count: how many lines do you know?
	count struct{ reply supervision.Reply[int] }
)

func (heard) roomMessage() {}
func (count) roomMessage() {}

// room is the actor that hears what is said. The lines are in a file, outside of
// the actor: it writes a line down before it does anything with it, and a new
// life begins by reading them.
type room struct {
	out  io.Writer
	path string
	told int
}

func roomChild(out io.Writer, path string) supervision.Child {
	return supervision.WorkerSpec[roomMessage]{
		Name: "room",
		New:  func() supervision.Actor[roomMessage] { return &room{out: out, path: path} },
	}.Child()
}

// Start implements supervision.Actor. An error would be a crash: the supervisor
// tries again, later each time.
func (r *room) Start(*supervision.Context[roomMessage]) error {
	known, err := os.ReadFile(r.path)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	if r.told = strings.Count(string(known), "\n"); r.told > 0 {
		fmt.Fprintf(r.out, "the room is back and knows %d lines\n", r.told)
	}
	return nil
}

// Receive implements supervision.Actor.
func (r *room) Receive(_ *supervision.Context[roomMessage], message roomMessage) {
	switch m := message.(type) {
	case heard:
		if err := write(r.path, m.line); err != nil {
			panic(err) // a disk that fails is for the supervisor
		}
		r.told++
		fmt.Fprintf(r.out, "anna heard: %s\n", m.line)
		r.split(m.line)
	case count:
		m.reply.Send(r.told)
	}
}

// Stop implements supervision.Actor. After a crash it is not called, so nothing
// may depend on it.
func (*room) Stop(*supervision.Context[roomMessage]) {}

// write appends a line to a file.
func write(path, line string) error {
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(file, line)
	return errors.Join(err, file.Close())
}

// split answers "split 90 by 3". It forgets that nobody may be there to pay.
func (r *room) split(line string) {
	var bill, guests int
	if n, _ := fmt.Sscanf(line, "split %d by %d", &bill, &guests); n == 2 {
		fmt.Fprintf(r.out, "each pays %d\n", bill/guests)
	}
}
