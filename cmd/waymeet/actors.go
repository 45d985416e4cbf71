package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/waymeet/waymeet"
)

// watchEvery is how often --watch looks again.
const watchEvery = time.Second

func (c *command) actors() *cobra.Command {
	var watch bool
	verb := &cobra.Command{
		Use:   "actors",
		Short: "Show the supervision tree of the running node or relay",
		Long: "Show every actor of the running node or relay, each below its supervisor. Long ids are cut, with a *:\n" +
			"what stands there may be pasted into a pattern of the debug verbs. --json has the whole paths.",
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			return c.ask(func(ctx context.Context, client *waymeet.Client) error {
				if watch {
					return c.watchActors(ctx, client)
				}
				tree, err := client.Actors(ctx)
				if err != nil {
					return err
				}
				return c.printActors(c.out, tree)
			})
		},
	}
	verb.Flags().BoolVar(&watch, "watch", false, "again every second, until interrupted; in place on a terminal")
	return verb
}

func (c *command) printActors(out io.Writer, tree waymeet.ActorTree) error {
	if c.json {
		return say(c, tree, "")
	}
	return printTree(out, tree.Actors)
}

// watchActors shows the tree every second until it is interrupted, which is no
// error.
func (c *command) watchActors(ctx context.Context, client *waymeet.Client) error {
	screen := screenOf(c.out)
	defer screen.leave()
	again := time.NewTicker(watchEvery)
	defer again.Stop()
	for {
		tree, err := client.Actors(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if c.json {
			err = say(c, tree, "")
		} else {
			var page bytes.Buffer
			fmt.Fprintln(&page, time.Now().Format(time.TimeOnly))
			printTree(&page, tree.Actors)
			err = screen.show(page.Bytes())
		}
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-again.C:
		}
	}
}

// printTree writes the actors for people, each indented below its supervisor.
func printTree(out io.Writer, actors []waymeet.ActorStatus) error {
	slices.SortFunc(actors, func(a, b waymeet.ActorStatus) int { return slices.Compare(steps(a.Path), steps(b.Path)) })
	t := &table{tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)}
	t.row("ACTOR", "STATE", "LIFE", "RESTARTS", "MAILBOX", "HANDLING", "GENERATION", "ATTEMPTS")
	for _, a := range actors {
		t.row(treeName(a.Path), stateOf(a), fmt.Sprint(a.Incarnation), fmt.Sprint(a.Restarts), mailboxOf(a), a.Handling, generations(a), attemptsOf(a))
	}
	return t.w.Flush()
}

// steps are the names from the root to an actor.
func steps(path string) []string {
	if path = strings.TrimPrefix(path, "/"); path == "" {
		return nil
	}
	return strings.Split(path, "/")
}

// longID is an id that is too long for a table: its first letters name it, as
// in every other verb.
var longID = regexp.MustCompile(`\b([a-z]{2}-[a-z2-7]{8})[a-z2-7]{20,}`)

// treeName is the actor's own name under those above it.
func treeName(path string) string {
	names := steps(path)
	if len(names) == 0 {
		return "/"
	}
	return strings.Repeat("  ", len(names)-1) + "/" + longID.ReplaceAllString(names[len(names)-1], "$1*")
}

func stateOf(a waymeet.ActorStatus) string {
	if a.Suspended {
		return a.State + ", suspended"
	}
	return a.State
}

func mailboxOf(a waymeet.ActorStatus) string {
	if a.Supervisor {
		return ""
	}
	text := fmt.Sprint(a.Mailbox)
	if lost := a.Refused + a.Dropped; lost > 0 {
		text += fmt.Sprintf(" (%d lost)", lost)
	}
	return text
}

func generations(a waymeet.ActorStatus) string {
	var words []string
	if a.NetworkGeneration != 0 {
		words = append(words, fmt.Sprintf("network %d", a.NetworkGeneration))
	}
	if a.CandidateGeneration != 0 {
		words = append(words, fmt.Sprintf("candidates %d", a.CandidateGeneration))
	}
	return strings.Join(words, ", ")
}

func attemptsOf(a waymeet.ActorStatus) string {
	if a.Attempts == nil {
		return ""
	}
	return a.Attempts.String()
}
