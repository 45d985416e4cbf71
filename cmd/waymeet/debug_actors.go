package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/waymeet/waymeet"
)

// patternHelp is what the verbs that take a pattern have in common.
const patternHelp = "a glob over the paths that actors shows (* is any run, / included)"

// planHint is a plan to begin with.
const planHint = `echo "kill * phase before-message nth 3" | waymeet chaos --plan -`

// shownCrashes is how many crashes of an actor people get to see.
const shownCrashes = 3

// onActors is a verb that does something to every actor which a pattern means.
func (c *command) onActors(use, short, done string, do func(*waymeet.Client, context.Context, string) (int, error)) *cobra.Command {
	return &cobra.Command{
		Use:   use + " ACTOR",
		Short: short + ": " + patternHelp,
		Args:  arguments(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			return c.ask(func(ctx context.Context, client *waymeet.Client) error {
				count, err := do(client, ctx, args[0])
				if err != nil {
					return err
				}
				return say(c, map[string]int{done: count}, "%s %d", done, count)
			})
		},
	}
}

func (c *command) debugKill() *cobra.Command {
	return c.onActors("kill", "Make actors panic", "killed", (*waymeet.Client).Kill)
}

func (c *command) debugSuspend() *cobra.Command {
	return c.onActors("suspend", "Let actors wait until resume", "suspended", (*waymeet.Client).Suspend)
}

func (c *command) debugResume() *cobra.Command {
	return c.onActors("resume", "Let actors go on that were suspended", "resumed", (*waymeet.Client).Resume)
}

func (c *command) debugInspect() *cobra.Command {
	return &cobra.Command{
		Use:   "inspect ACTOR",
		Short: "Show one actor, what it did last, and how it crashed",
		Args:  arguments(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			return c.ask(func(ctx context.Context, client *waymeet.Client) error {
				report, err := client.Inspect(ctx, args[0])
				if err != nil {
					return err
				}
				if c.json {
					return say(c, report, "")
				}
				return printActor(c.out, report)
			})
		},
	}
}

func (c *command) debugReport() *cobra.Command {
	return &cobra.Command{
		Use:   "report",
		Short: "Print all that the supervision tree tells of itself, as JSON",
		Args:  noArguments,
		RunE: func(*cobra.Command, []string) error {
			return c.ask(func(ctx context.Context, client *waymeet.Client) error {
				report, err := client.Report(ctx)
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(c.out, "%s\n", report)
				return err
			})
		},
	}
}

// scheduleAnswer is the JSON form of what debug schedule prints.
type scheduleAnswer struct {
	Plan string `json:"plan"`
}

func (c *command) debugSchedule() *cobra.Command {
	return &cobra.Command{
		Use:   "schedule",
		Short: "Print the last kills at work as a plan that chaos --plan follows",
		Long: "Print the last kills at work as a plan that chaos --plan follows.\n\n" +
			"Only a plan kills at work. chaos without one and debug kill hit actors between two messages: there is no step\n" +
			"at which they could be met again. Steps are an actor's own, counted since the node was started: follow the\n" +
			"schedule in a node that was started anew, and let it do the same work.",
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			return c.ask(func(ctx context.Context, client *waymeet.Client) error {
				plan, err := client.Schedule(ctx)
				if err != nil {
					return err
				}
				if plan == "" && !c.json {
					return waymeet.Problem{Code: waymeet.ExitFailed, What: "there is no schedule", Whose: "no plan has killed anybody at work; a storm and debug kill hit actors that are idle", Hint: planHint}
				}
				return say(c, scheduleAnswer{plan}, "%s", strings.TrimSuffix(plan, "\n"))
			})
		},
	}
}

// printActor writes all that is known of an actor, for people.
func printActor(out io.Writer, r waymeet.ActorReport) error {
	t := &table{tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)}
	field := func(name, value string) {
		if value != "" {
			t.row(name, value)
		}
	}
	field("actor", r.Path)
	field("state", stateOf(r.ActorStatus))
	field("life", fmt.Sprintf("%d, %d restarts", r.Incarnation, r.Restarts))
	field("mailbox", mailboxOf(r.ActorStatus))
	field("handling", r.Handling)
	field("generation", generations(r.ActorStatus))
	field("attempts", attemptsOf(r.ActorStatus))
	field("tasks", strings.Join(r.Tasks, ", "))
	if len(r.Last) > 0 {
		t.title("STEP", "PHASE", "MESSAGE")
		t.steps(r.Last)
	}
	if err := t.w.Flush(); err != nil {
		return err
	}
	crashes := r.Crashes
	if earlier := len(crashes) - shownCrashes; earlier > 0 {
		fmt.Fprintf(out, "\n%d earlier crashes: --json has them\n", earlier)
		crashes = crashes[earlier:]
	}
	for _, crash := range crashes {
		if err := printCrash(out, crash); err != nil {
			return err
		}
	}
	return nil
}

func (t *table) steps(steps []waymeet.ActorStep) {
	for _, s := range steps {
		t.row(fmt.Sprint(s.Seq), s.Phase, s.Message)
	}
}

func printCrash(out io.Writer, c waymeet.ActorCrash) error {
	where := c.Phase
	if c.Message != "" {
		where += " " + c.Message
	}
	fmt.Fprintf(out, "\ncrash of life %d at %s, %s: %s\n", c.Incarnation, c.At.Format(time.RFC3339Nano), waymeet.Printable(where), waymeet.Printable(c.Reason))
	t := &table{tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)}
	t.steps(c.Last)
	if err := t.w.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(c.Stack) {
		if _, err := fmt.Fprintf(out, "  %s\n", waymeet.Printable(strings.TrimSuffix(line, "\n"))); err != nil {
			return err
		}
	}
	return nil
}
