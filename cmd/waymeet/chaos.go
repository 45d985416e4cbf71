package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/waymeet/waymeet"
)

const (
	// maxPlan bounds the text of a plan, in bytes.
	maxPlan = 32 << 10
	// calmLimit is how long the last word of a storm may take after an interrupt.
	calmLimit = 10 * time.Second
)

func (c *command) chaos() *cobra.Command {
	var request waymeet.StormRequest
	var plan string
	verb := &cobra.Command{
		Use:   "chaos",
		Short: "Kill the actors of a running node in turn, or follow a plan (needs --unsafe-debug there)",
		Long: "Kill the actors of a running node in turn, all but the root, and say each second how soon they are back.\n" +
			"With --plan do what the rules of a file say instead. An interrupt ends it, with the summary.\n\n" +
			"A supervisor gives up after 3 restarts in a minute, and so does the node in the end: start it with\n" +
			"--unsafe-intensity as high as what it is to live through. Exit code 1 if somebody did not come back, or\n" +
			"the node ended meanwhile.",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if plan != "" {
				if !cmd.Flags().Changed("rate") {
					request.Rate = 0
				}
				if request.Plan, err = c.readPlan(plan); err != nil {
					return err
				}
			}
			if cmd.Flags().Changed("actors") && request.Actors == "" {
				return usage("--actors", "an empty pattern means nobody", "--actors '*', or no --actors for everybody but the root")
			}
			if err := request.Check(); err != nil {
				return err
			}
			return c.ask(func(ctx context.Context, client *waymeet.Client) error { return c.storm(ctx, client, request) })
		},
	}
	flags := verb.Flags()
	flags.Float64Var(&request.Rate, "rate", 100, "kills a second")
	request.For = time.Minute
	flags.Var(limit{&request.For}, "for", "how long")
	flags.StringVar(&request.Actors, "actors", "", "whom: "+patternHelp+" (default: everybody but the root)")
	flags.StringVar(&plan, "plan", "", "the `file` of a plan, as debug schedule prints one; - is standard input")
	return verb
}

// readPlan reads the file of a plan.
func (c *command) readPlan(file string) (string, error) {
	from, err := c.source("--plan", file)
	if err != nil {
		return "", err
	}
	defer from.Close()
	text, err := io.ReadAll(io.LimitReader(from, maxPlan+1))
	switch {
	case err != nil:
		return "", unreadable(file, err)
	case len(text) > maxPlan:
		return "", usage("--plan "+file, fmt.Sprintf("it is longer than %d bytes", maxPlan), "fewer rules")
	case strings.TrimSpace(string(text)) == "":
		return "", usage("--plan "+file, "there is no rule in it", planHint)
	}
	return string(text), nil
}

// storm asks for a storm and tells how it goes. When ctx ends, the storm is
// ended and its last word told.
func (c *command) storm(ctx context.Context, client *waymeet.Client, request waymeet.StormRequest) error {
	whole, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	news, err := client.Storm(whole, request)
	if err != nil {
		return err
	}
	interrupted := ctx.Done()
	var limit <-chan time.Time
	for {
		select {
		case <-interrupted:
			interrupted, limit = nil, time.After(calmLimit)
			if err := client.Calm(whole); err != nil {
				return err
			}
		case <-limit:
			return waymeet.Problem{Code: waymeet.ExitFailed, What: "the storm does not end", Whose: "the node said no last word within " + calmLimit.String(), Hint: "its log"}
		case status, ok := <-news:
			if !ok {
				return waymeet.Problem{
					Code: waymeet.ExitNoNode, What: "the node hung up during the storm", Whose: "it stopped, was stopped, or gave up after too many restarts",
					Hint: "waymeet up --unsafe-debug --unsafe-intensity N",
				}
			}
			if err := c.stormNews(status); err != nil {
				return err
			}
			if status.Over {
				return stormProblem(status)
			}
		}
	}
}

// stormNews prints one line, or the summary.
func (c *command) stormNews(s waymeet.StormStatus) error {
	if !s.Over {
		return say(c, s, "%4ds  %6d kills of %d actors%s, back after p50 %.2f ms, p99 %.2f ms",
			s.Millis/1000, s.Kills, len(s.ByPath), strikeCounts(s), s.P50Millis, s.P99Millis)
	}
	if !c.json {
		if err := printStorm(c.out, s.ByPath); err != nil {
			return err
		}
	}
	return say(c, s, "chaos: kills=%d actors=%d%s lost=%d gone=%d p50_ms=%.2f p99_ms=%.2f",
		s.Kills, len(s.ByPath), strikeCounts(s), len(s.Lost), len(s.Gone), s.P50Millis, s.P99Millis)
}

// printStorm writes what was done to each actor, for people.
func printStorm(out io.Writer, actors map[string]waymeet.StormActor) error {
	t := &table{tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)}
	t.row("ACTOR", "KILLS", "P50", "P99")
	for _, path := range slices.Sorted(maps.Keys(actors)) {
		a := actors[path]
		t.row(longID.ReplaceAllString(path, "$1*"), fmt.Sprint(a.Kills), fmt.Sprintf("%.2f ms", a.P50Millis), fmt.Sprintf("%.2f ms", a.P99Millis))
	}
	return t.w.Flush()
}

// strikeCounts is what a plan did beside killing.
func strikeCounts(s waymeet.StormStatus) string {
	var text strings.Builder
	for _, action := range slices.Sorted(maps.Keys(s.Strikes)) {
		if action != "kill" {
			fmt.Fprintf(&text, " %s=%d", action, s.Strikes[action])
		}
	}
	return text.String()
}

// stormProblem is nil if the node lived through the storm and everybody came
// back.
func stormProblem(s waymeet.StormStatus) error {
	switch {
	case s.Problem != nil:
		return *s.Problem
	case len(s.Lost) == 0:
		return nil
	}
	return waymeet.Problem{
		Code: waymeet.ExitFailed, What: fmt.Sprintf("%d actors did not come back", len(s.Lost)), Whose: strings.Join(s.Lost, ", "),
		Hint: "waymeet debug inspect ACTOR; a node with a higher --unsafe-intensity restarts more often",
	}
}
