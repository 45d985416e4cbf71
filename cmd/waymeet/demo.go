package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/waymeet/waymeet"
)

const (
	// demoLimit ends a demo that hangs; a good one takes less than 30 s. A large
	// file gets the time of demoCopies more, one after the other.
	demoLimit  = 2 * time.Minute
	demoCopies = 16
	// ballastSize is how large a second file is that goes along with a small
	// one: 50 MB in two seconds are too many turns of a file of a few bytes.
	ballastSize = 8 << 20
)

func (c *command) demo() *cobra.Command {
	var file, tap string
	var holdRelay bool
	verb := &cobra.Command{
		Use:   "demo",
		Short: "Play the whole story: a relay and two nodes, in real processes, on loopback",
		Long: "Start a relay and two nodes on loopback, let them meet, send a file both ways again and again,\n" +
			"and hurt them meanwhile. Exit code 0 only if every invariant held.",
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			ctx, stop := interruptible()
			defer stop()
			return c.play(ctx, file, tap, holdRelay)
		},
	}
	verb.Flags().StringVar(&file, "file", "", "the `file` to send (default: this program itself)")
	verb.Flags().StringVar(&tap, "tap", "", "let the relay write every datagram to this `file`")
	verb.Flags().BoolVar(&holdRelay, "hold-relay", false, "stay on the relay to the end: no direct path, no proof of one")
	return verb
}

// play is the demo: it sets the stage, plays the acts, and clears the stage
// whatever happened.
func (c *command) play(ctx context.Context, file, tap string, holdRelay bool) error {
	report := newReport(c.out, c.json)
	program, err := os.Executable()
	if err != nil {
		return failed("the demo does not find itself", err, "a path to waymeet")
	}
	dir, err := stageDir()
	if err != nil {
		return failed("no directory for the demo", err, "TMPDIR=/tmp")
	}
	if tap != "" {
		if tap, err = filepath.Abs(tap); err != nil {
			return failed("--tap", err, "a whole path")
		}
	}
	payload, err := choosePayload(cmp.Or(file, program), dir)
	if err != nil {
		os.RemoveAll(dir)
		return err
	}
	p := &play{report: report, stage: newStage(program, dir, tap, report), payload: payload, holdRelay: holdRelay}
	ctx, cancel := context.WithTimeout(ctx, demoLimit+demoCopies*payload.flow())
	defer cancel()
	act, err := p.run(ctx)
	p.stage.clear()
	if err != nil {
		report.fail(act, err)
		return waymeet.Problem{
			Code: waymeet.ExitFailed, What: "the demo failed in " + act, Whose: err.Error(), Hint: "the logs in " + dir,
		}
	}
	report.pass(p.skipped)
	return os.RemoveAll(dir)
}

// stageDir is a new directory with a path short enough for admin sockets.
func stageDir() (string, error) {
	dir, err := os.MkdirTemp("", "waymeet-demo-")
	if err == nil && len(dir) > 80 {
		os.RemoveAll(dir)
		return os.MkdirTemp("/tmp", "waymeet-demo-")
	}
	return dir, err
}

// choosePayload lists what is sent in turn: the file, and ballast if it is
// small.
func choosePayload(file, dir string) (payloads, error) {
	chosen, err := readPayload(file)
	if err != nil {
		return nil, err
	}
	if chosen.size >= ballastSize/2 {
		return payloads{chosen}, nil
	}
	path := filepath.Join(dir, "ballast")
	ballast, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, failed("no ballast", err, "TMPDIR=/tmp")
	}
	defer ballast.Close()
	if _, err := io.CopyN(ballast, rand.Reader, ballastSize); err != nil {
		return nil, failed("no ballast", err, "TMPDIR=/tmp")
	}
	second, err := readPayload(path)
	return payloads{chosen, second}, err
}
