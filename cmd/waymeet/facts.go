package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/waymeet/waymeet"
)

func (c *command) facts() *cobra.Command {
	var request waymeet.FactsRequest
	verb := &cobra.Command{
		Use:   "facts",
		Short: "Read the facts that programs have appended",
		Long: "Read the facts that programs have appended to a context, in the order in which this node came to know\n" +
			"them. The number in front is the cursor: --after goes on behind it, also after a restart, and misses\n" +
			"no fact that comes late. What a fact says is escaped, a backslash too; --json prints one object a line, its body in base64.",
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			if from, to := request.Query.From, request.Query.To; to != 0 && to < from {
				return usage(fmt.Sprintf("--from %d --to %d", from, to), "no type is in that range", "the lower one as --from")
			}
			return c.ask(func(ctx context.Context, client *waymeet.Client) error {
				for fact, err := range client.Facts(ctx, request) {
					if err == nil {
						err = c.printFact(fact)
					}
					if err != nil && request.Query.Follow && ctx.Err() != nil {
						return nil // interrupted, which is how following ends
					}
					if err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
	flags := verb.Flags()
	contextFlag(verb, &request.Context)
	flags.StringVar(&request.Author, "author", "", "only the facts of one `member`: an id, a unique prefix, or a unique nickname")
	flags.Var(number[waymeet.FactCursor]{&request.Query.After}, "after", "go on behind this `cursor`")
	flags.Var(number[waymeet.FactType]{&request.Query.From}, "from", "only facts of this `type` or above")
	flags.Var(number[waymeet.FactType]{&request.Query.To}, "to", "only facts of this `type` or below")
	flags.BoolVarP(&request.Query.Follow, "follow", "f", false, "wait for more")
	return verb
}

func (c *command) printFact(fact waymeet.Fact) error {
	if c.json {
		return json.NewEncoder(c.out).Encode(fact)
	}
	_, err := fmt.Fprintf(c.out, "%d  %s  %s  %d  %s\n", fact.Cursor, fact.Time.Time().UTC().Format(time.RFC3339),
		fact.Author.Short(), fact.Type, escaped(fact.Body))
	return err
}

// escaped is a body on one line that is safe for a terminal. A backslash is written
// twice, so that the body can be told from the line.
func escaped(body []byte) string {
	return waymeet.Printable(strings.ReplaceAll(string(body), `\`, `\\`))
}

func (c *command) append() *cobra.Command {
	var request waymeet.AppendRequest
	var file string
	var timeout time.Duration
	verb := &cobra.Command{
		Use:   "append",
		Short: "Append a fact; done when it is on disk",
		Long: "Append a fact to a context; what it says is read from stdin, or from a file. It is done when it is on\n" +
			"disk here; the other members get it as they can be reached.",
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			body, err := c.readAll(file)
			if err != nil {
				return err
			}
			return c.ask(func(ctx context.Context, client *waymeet.Client) error {
				ctx, cancel := limited(ctx, timeout)
				defer cancel()
				appended, err := client.Append(ctx, request, body)
				if err != nil {
					return err
				}
				return told(c, fmt.Sprintf("the fact %s is appended", appended.Fact), "", appended, "%s", appended.Fact)
			})
		},
	}
	contextFlag(verb, &request.Context)
	timeoutFlag(verb, &timeout, 0)
	request.Type = waymeet.FactApplication
	verb.Flags().Var(number[waymeet.FactType]{&request.Type}, "type", "the `type` of the fact, the program's own number")
	verb.Flags().StringVar(&file, "file", "-", "the `file` to read; - is stdin")
	return verb
}

// readAll is all of a file that can be a fact; - is stdin.
func (c *command) readAll(path string) ([]byte, error) {
	from, err := c.source("--file", path)
	if err != nil {
		return nil, err
	}
	defer from.Close()
	body, err := io.ReadAll(io.LimitReader(from, waymeet.MaxFactBody+1))
	switch {
	case err != nil:
		return nil, unreadable(path, err)
	case len(body) > waymeet.MaxFactBody:
		return nil, usage("cannot append "+named(path), fmt.Sprintf("a fact has at most %d bytes", waymeet.MaxFactBody), "waymeet send, for files")
	}
	return body, nil
}
