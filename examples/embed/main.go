// Embed is a program with two nodes of its own, which meet through a relay, and
// with actors of its own beside those of a node, in the same supervision tree.
// Ben says lines to anna's room:
//
//	go run ./examples/embed "hello, anna" "split 90 by 3"
//
// The room has a defect. "split 90 by 0" kills it, and nobody else: not the
// program, not the node, not the stream on which the line came. It lives again
// and knows every line.
//
// It is what a host program does, and no more: start reading at talk, then
// room.go, the actor that keeps something; door.go, which waits for the network;
// meter.go, which looks after the others.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/waymeet/waymeet"
	"github.com/waymeet/waymeet/supervision"
)

// stopWithin is how long each stop may take. It has a context of its own: that
// of the talk may be over by then.
const stopWithin = 10 * time.Second

// protocol names the streams on which lines are said.
const protocol = "lines/1"

func main() {
	lines := []string{"hello, anna", "split 90 by 3", "split 90 by 0", "are you there?"}
	if len(os.Args) > 1 {
		lines = os.Args[1:]
	}
	if err := run(os.Stdout, lines); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run keeps everything in a directory that it removes, and on loopback.
func run(out io.Writer, lines []string) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	out = &screen{out: out}
	dir, err := os.MkdirTemp("", "embed")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	loopback := netip.MustParseAddrPort("127.0.0.1:0")
	relay, err := waymeet.StartRelay(ctx, waymeet.RelayConfig{StateDir: filepath.Join(dir, "relay"), Listen: loopback})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop(relay.Stop)) }()
	var nodes [2]*waymeet.Node
	for i, name := range []string{"anna", "ben"} {
		nodes[i], err = waymeet.Start(ctx, waymeet.Config{
			StateDir: filepath.Join(dir, name), Listen: loopback, Relays: []string{relay.URL()}, Nickname: name,
		})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, stop(nodes[i].Stop)) }()
	}
	return talk(ctx, out, dir, nodes[0], nodes[1], lines)
}

// screen is where several actors write.
type screen struct {
	mu  sync.Mutex
	out io.Writer
}

// Write implements io.Writer.
func (s *screen) Write(text []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.Write(text)
}

// stop stops a node or a relay, and gives it time for that.
func stop(stop func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	return stop(ctx)
}

// talk founds a context at anna, lets ben join it and say some lines to anna's
// room, and asks the room what it knows.
func talk(ctx context.Context, out io.Writer, dir string, anna, ben *waymeet.Node, lines []string) error {
	family, err := anna.Found(ctx)
	if err != nil {
		return err
	}
	ticket, err := family.Invite(ctx, 0)
	if err != nil {
		return err
	}
	// The ticket is a secret, and good for one: hand it over as you would a key.
	joined, err := ben.Join(ctx, ticket)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "ben joined %s\n", joined.ID())

	// From here on anna's actors live beside those of her node, in one tree.
	log := filepath.Join(dir, "room.log")
	for _, child := range []supervision.Child{
		roomChild(out, log), doorChild(anna, family.Peer(ben.Authority())), meterChild(out, anna),
	} {
		if err := anna.Supervise(child); err != nil {
			return err
		}
	}
	if err := say(ctx, joined.Peer(anna.Authority()), lines); err != nil {
		return err
	}
	return inspect(ctx, out, anna)
}

// say sends lines and returns when the other end has taken them all.
func say(ctx context.Context, to waymeet.Peer, lines []string) error {
	stream, err := to.OpenStream(ctx, protocol)
	if err != nil {
		return err
	}
	defer stream.Close()
	for _, line := range lines {
		if _, err := fmt.Fprintln(stream, line); err != nil {
			return err
		}
	}
	if err := stream.CloseWrite(); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, stream) // until the other end closes, too
	return err
}

// answerWithin is how long a question waits. An actor in quarantine hears it only
// when its next life is tried.
const answerWithin = 3 * time.Second

// inspect asks two of anna's actors how things are. Only a goroutine that may
// wait asks; actors tell each other.
func inspect(ctx context.Context, out io.Writer, anna *waymeet.Node) error {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	lines, err := supervision.Ask(ctx, waymeet.Actor[roomMessage](anna, "room"),
		func(r supervision.Reply[int]) roomMessage { return count{r} })
	if err != nil {
		return err
	}
	readings, err := supervision.Ask(ctx, waymeet.Actor[meterMessage](anna, "meter"),
		func(r supervision.Reply[readings]) meterMessage { return read{r} })
	if err != nil {
		return err
	}
	for _, crash := range readings.crashes {
		fmt.Fprintln(out, crash)
	}
	_, err = fmt.Fprintf(out, "the room knows %d lines; the tree had %d lives, %d crashes and at most %d messages that waited\n",
		lines, readings.totals.Lives, readings.totals.Crashes, readings.peak)
	return err
}
