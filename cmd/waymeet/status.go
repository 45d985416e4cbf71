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

func (c *command) status() *cobra.Command {
	var actors bool
	verb := &cobra.Command{
		Use:   "status",
		Short: "Show how things stand at the running node or relay",
		Args:  noArguments,
		RunE: func(*cobra.Command, []string) error {
			return c.ask(func(ctx context.Context, client *waymeet.Client) error {
				if client.Role() == waymeet.RoleRelay {
					return c.relayStatus(ctx, client)
				}
				status, err := client.Status(ctx)
				if err != nil {
					return err
				}
				if c.json {
					return say(c, status, "")
				}
				return printStatus(c.out, status, actors, time.Now())
			})
		},
	}
	verb.Flags().BoolVar(&actors, "actors", false, "list every actor, without supervisors; waymeet actors draws the tree")
	return verb
}

func (c *command) relayStatus(ctx context.Context, client *waymeet.Client) error {
	status, err := client.RelayStatus(ctx)
	if err != nil {
		return err
	}
	return say(c, status, "relay %s\n%d slots, %d sessions, %s forwarded",
		waymeet.Printable(status.Key), status.Slots, status.Sessions, size(status.ForwardedBytes))
}

// printStatus writes tables for people. Everything that a peer or the network
// named is escaped.
func printStatus(out io.Writer, s waymeet.Status, actors bool, now time.Time) error {
	fmt.Fprintf(out, "authority %s\nlistening on %s, network generation %d\n", s.Authority, s.Listen, s.NetworkGeneration)
	t := &table{tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)}
	t.relays(s.Relays)
	t.contexts(s.Contexts)
	t.peers(s.Peers, now)
	t.warnings(s)
	t.actors(s.Actors, actors)
	return t.w.Flush()
}

// warnings are what somebody should do something about.
func (t *table) warnings(s waymeet.Status) {
	var warnings []string
	for _, c := range s.Contexts {
		if c.Removed {
			warnings = append(warnings, c.Context.Short()+": this node was removed: nobody gets what it appends, and it gets no more. A new ticket lets it come back")
		}
		if c.Forked {
			warnings = append(warnings, c.Context.Short()+": this node has signed two facts with one number: it was restored from a backup, or it runs twice. The others see it. See that it runs once")
		}
		if c.Conflict {
			warnings = append(warnings, fmt.Sprintf("%s: rival changes of members or keys close epoch %d: none of them holds, "+
				"nor will any later one, for the founder made them in two places. Found another context", c.Context.Short(), c.Epoch))
		}
		if c.Waiting > 0 {
			warnings = append(warnings, fmt.Sprintf("%s: %d facts wait for others that are not here yet", c.Context.Short(), c.Waiting))
		}
	}
	for _, p := range s.Peers {
		if p.Forked {
			warnings = append(warnings, p.Context.Short()+": "+p.Peer.Short()+" has signed two facts with one number: it was restored from a backup, runs twice, or lies")
		}
	}
	if len(warnings) == 0 {
		return
	}
	t.title("WARNING")
	for _, warning := range warnings {
		t.row(warning)
	}
}

// table lays out rows of cells.
type table struct{ w *tabwriter.Writer }

// row writes one row; each cell is made safe for a terminal.
func (t *table) row(cells ...string) {
	for i, cell := range cells {
		cells[i] = waymeet.Printable(cell)
	}
	fmt.Fprintln(t.w, strings.Join(cells, "\t"))
}

// title separates one table from the one before.
func (t *table) title(cells ...string) {
	t.w.Flush()
	fmt.Fprintln(t.w)
	t.row(cells...)
}

func (t *table) relays(relays []waymeet.RelayUse) {
	if len(relays) == 0 {
		return
	}
	t.title("RELAY", "CONTEXT", "STATE", "SEES US AS")
	for _, r := range relays {
		context := "-"
		if !r.Context.IsZero() {
			context = r.Context.Short()
		}
		t.row(r.URL, context, r.State, r.Observed)
	}
}

func (t *table) contexts(contexts []waymeet.ContextStatus) {
	if len(contexts) == 0 {
		t.w.Flush()
		fmt.Fprintln(t.w, "\nno context yet: waymeet invite makes one, waymeet join enters one")
		return
	}
	t.title("CONTEXT", "EPOCH", "MEMBERS", "FACTS", "FINGERPRINT")
	for _, c := range contexts {
		t.row(c.Context.Short(), fmt.Sprint(c.Epoch), fmt.Sprint(c.Members), fmt.Sprint(c.Facts), c.Fingerprint[:min(16, len(c.Fingerprint))])
	}
}

func (t *table) peers(peers []waymeet.PeerStatus, now time.Time) {
	if len(peers) == 0 {
		return
	}
	t.title("PEER", "CONTEXT", "PATH", "FOR", "RTT", "SENT", "RECEIVED", "AGREED", "ATTEMPTS", "WHY")
	for _, p := range peers {
		name := p.Peer.Short()
		if p.Nickname != "" {
			name += " (" + p.Nickname + ")"
		}
		kind, since, rtt, agreement := "-", "-", "-", "-"
		if p.Agreement != 0 {
			agreement = p.Agreement.String()
		}
		if p.Path.Kind != 0 {
			kind = p.Path.Kind.String()
			since = now.Sub(p.Path.Since.Time()).Round(time.Second).String()
			rtt = fmt.Sprintf("%.1f ms", p.RTTMillis)
		}
		t.row(name, p.Context.Short(), kind, since, rtt, size(p.BytesSent), size(p.BytesReceived), agreement, p.Attempts.String(), p.Path.Reason)
	}
}

func (t *table) actors(actors []waymeet.ActorStatus, list bool) {
	if !list {
		var restarts uint64
		for _, a := range actors {
			restarts += a.Restarts
		}
		t.w.Flush()
		fmt.Fprintf(t.w, "\n%d actors, %d restarts\n", len(actors), restarts)
		return
	}
	t.title("ACTOR", "INCARNATION", "RESTARTS")
	for _, a := range actors {
		t.row(a.Path, fmt.Sprint(a.Incarnation), fmt.Sprint(a.Restarts))
	}
}

// size is a count of bytes for people: "1.5 MB".
func size(bytes uint64) string {
	units := []string{"B", "kB", "MB", "GB", "TB"}
	value, unit := float64(bytes), 0
	for value >= 1000 && unit < len(units)-1 {
		value, unit = value/1000, unit+1
	}
	if unit == 0 {
		return fmt.Sprintf("%d B", bytes)
	}
	return fmt.Sprintf("%.1f %s", value, units[unit])
}
