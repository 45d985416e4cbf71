package main

import (
	"context"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/waymeet/waymeet"
)

// maxTicket bounds what is read from stdin as a ticket.
const maxTicket = 16 << 10

func (c *command) join() *cobra.Command {
	var timeout time.Duration
	verb := &cobra.Command{
		Use:   "join TICKET",
		Short: "Join with a ticket; - reads it from stdin",
		Long: "Join the context of the node that made the ticket. Everyone on this machine can see the arguments\n" +
			"of a running program, so prefer to hand the ticket over on stdin: waymeet join -",
		Args: arguments(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			ticket, err := c.ticket(args[0])
			if err != nil {
				return err
			}
			return c.ask(func(ctx context.Context, client *waymeet.Client) error {
				ctx, cancel := limited(ctx, timeout)
				defer cancel()
				joined, err := client.Join(ctx, ticket)
				if err != nil {
					return err
				}
				return told(c, joined.Context.String()+" is joined", "", joined, "joined %s, invited by %s", joined.Context, joined.Peer)
			})
		},
	}
	timeoutFlag(verb, &timeout, time.Minute)
	return verb
}

// ticket is the argument, or what stdin holds where the argument is "-".
func (c *command) ticket(argument string) (string, error) {
	if argument != "-" {
		return argument, nil
	}
	text, err := io.ReadAll(io.LimitReader(c.in, maxTicket))
	if err != nil {
		return "", failed("no ticket", err, "waymeet join - < FILE")
	}
	ticket := strings.TrimSpace(string(text))
	if ticket == "" {
		return "", usage("no ticket", "stdin is empty", "waymeet join - < FILE")
	}
	return ticket, nil
}

// limited ends after the timeout, if there is one.
func limited(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	if timeout == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, timeout)
}
