package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"github.com/waymeet/waymeet"
)

// command is what every verb shares: the flags that all of them take, and
// where they print.
type command struct {
	stateDir string
	// stateGiven: the command line names a state directory, even an empty one.
	stateGiven func() bool
	json       bool
	verbose    int

	in  io.Reader
	out output
	err io.Writer
}

// run is main without the process: it returns the exit code.
func run(args []string, in io.Reader, out, err io.Writer) int {
	c := &command{in: in, out: output{out}, err: err}
	root := c.root()
	root.SetArgs(args)
	var help bytes.Buffer // cobra says nothing when it cannot print it
	root.SetOut(&help)
	root.SetErr(err)
	verb, failure := root.ExecuteC()
	if failure == nil && verb.HasSubCommands() {
		failure = noVerb(verb, verb.Flags().Args()) // beside --help cobra does not look at them
	}
	if problem := (waymeet.Problem{}); failure != nil && !errors.As(failure, &problem) {
		failure = misread(verb, failure) // the verbs themselves return nothing but Problems
	}
	if help.Len() > 0 && failure == nil {
		_, failure = c.out.Write(help.Bytes())
	}
	return c.exit(failure, args)
}

func (c *command) root() *cobra.Command {
	root := group(&cobra.Command{
		Use:   "waymeet VERB",
		Short: "Private rendezvous: relay first, then direct",
		Long: "waymeet runs a node that meets others in private contexts: over a relay at once,\n" +
			"over a direct path when one can be had.\n\n" +
			"Exit codes: 0 done, 1 failed, 2 usage, 3 timed out or waiting for others,\n" +
			"4 no running node, or one that is running already, 5 it ran and gave up.",
		Version:       versionLine(),
		SilenceErrors: true,
		SilenceUsage:  true,
	}, c.up(), c.relay(), c.id(), c.invite(), c.join(), c.remove(), c.rotate(), c.append(), c.facts(), c.journal(), c.status(),
		c.actors(), c.send(), c.debug(), c.chaos(), c.demo(), c.completion(), c.version())
	root.SetHelpCommand(c.help())
	root.SetUsageTemplate(usageForm)
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetFlagErrorFunc(flagError)
	root.CompletionOptions.DisableDefaultCmd = true
	root.Flags().Bool("version", false, "print the version, as the verb does")
	flags := root.PersistentFlags()
	flags.BoolP("help", "h", false, "say what a verb does and which flags it takes")
	flags.StringVar(&c.stateDir, "state", "", "state `directory` (default $XDG_STATE_HOME/waymeet, or ~/.local/state/waymeet)")
	c.stateGiven = func() bool { return flags.Changed("state") }
	flags.BoolVar(&c.json, "json", false, "print JSON, errors too")
	flags.CountVarP(&c.verbose, "verbose", "v", "log more (-v: what happens, -vv: all)")
	return root
}

// state is the state directory that the flags or the environment name.
func (c *command) state() (string, error) {
	if c.stateDir != "" {
		return filepath.Abs(c.stateDir)
	}
	if c.stateGiven() {
		return "", usage("--state is empty", "it names no directory, as a variable does that is not set", "--state DIR, or no --state for the default")
	}
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "waymeet"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", waymeet.Problem{Code: waymeet.ExitUsage, What: "no state directory", Whose: "neither XDG_STATE_HOME nor HOME is set", Hint: "--state DIR"}
	}
	return filepath.Join(home, ".local", "state", "waymeet"), nil
}

// client connects to whatever runs in the state directory.
func (c *command) client() (*waymeet.Client, error) {
	dir, err := c.state()
	if err != nil {
		return nil, err
	}
	return waymeet.Connect(dir)
}

// ask is the whole of a verb that asks the running node one thing.
func (c *command) ask(question func(context.Context, *waymeet.Client) error) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, stop := interruptible()
	defer stop()
	return question(ctx, client)
}

// logger writes JSON lines to stderr: what went wrong, or more with -v.
func (c *command) logger() *slog.Logger {
	level := slog.LevelWarn
	switch {
	case c.verbose == 1:
		level = slog.LevelInfo
	case c.verbose > 1:
		level = slog.LevelDebug
	}
	return slog.New(slog.NewJSONHandler(c.err, &slog.HandlerOptions{Level: level}))
}

// told prints what a verb has done, as say does. What cannot be printed is done all the
// same, and the Problem says so: who takes it for a failure does it twice.
func told[V any](c *command, done, hint string, value V, format string, args ...any) error {
	err := say(c, value, format, args...)
	var problem waymeet.Problem
	if !errors.As(err, &problem) {
		return err
	}
	return waymeet.Problem{Code: problem.Code, What: done + ", which cannot be printed", Whose: problem.Whose, Hint: hint}
}

// say prints a line for people, or the value as one line of JSON.
func say[V any](c *command, value V, format string, args ...any) error {
	if c.json {
		return json.NewEncoder(c.out).Encode(value)
	}
	_, err := fmt.Fprintf(c.out, format+"\n", args...)
	return err
}
