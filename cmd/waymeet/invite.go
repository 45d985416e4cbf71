package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/waymeet/waymeet"
)

// inviteAnswer is the JSON form of what invite prints.
type inviteAnswer struct {
	Ticket string `json:"ticket"`
}

func (c *command) invite() *cobra.Command {
	var request waymeet.InviteRequest
	verb := &cobra.Command{
		Use:   "invite",
		Short: "Print a ticket that lets one other node join",
		Long: "Print a single-use ticket. Whoever holds it can join, so hand it over as you would a password.\n" +
			"Whoever joins can read the whole history of the context.",
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			if request.Lifetime <= 0 || request.Lifetime > waymeet.MaxTicketLifetime {
				return usage("--expires "+request.Lifetime.String(), "a ticket must live for some time, and a week at most", "--expires 10m")
			}
			return c.ask(func(ctx context.Context, client *waymeet.Client) error {
				ticket, err := client.Invite(ctx, request)
				if err != nil {
					return err
				}
				if err := c.warnOfRelays(ctx, client); err != nil {
					return err
				}
				return told(c, "a ticket is made", "another ticket, with room to write it", inviteAnswer{ticket}, "%s", ticket)
			})
		},
	}
	flags := verb.Flags()
	flags.StringVar(&request.Context, "context", "", "the context to invite into: an `ID`, a unique prefix, or new for a new one\n(default: the only one, or a new one if there is none)")
	request.Lifetime = 10 * time.Minute
	flags.Var(limit{&request.Lifetime}, "expires", "how long the ticket may be used, up to 168h")
	return verb
}

// warnOfRelays says beside a ticket that none of the relays answers: it is good
// only where the node is reached without one.
func (c *command) warnOfRelays(ctx context.Context, client *waymeet.Client) error {
	status, err := client.Status(ctx)
	isRegistered := func(use waymeet.RelayUse) bool { return use.State == waymeet.RelayStateRegistered }
	if err != nil || len(status.Relays) == 0 || slices.ContainsFunc(status.Relays, isRegistered) {
		return err
	}
	fmt.Fprintf(c.err, "waymeet: no relay answers (%s: %s), so the ticket is good only for who reaches this node directly\n",
		waymeet.Printable(status.Relays[0].URL), waymeet.Printable(status.Relays[0].State))
	return nil
}
