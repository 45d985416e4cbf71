package main

import (
	"context"

	"github.com/spf13/cobra"
	"github.com/waymeet/waymeet"
)

func (c *command) debug() *cobra.Command {
	return group(&cobra.Command{
		Use:   "debug VERB",
		Short: "Hurt a running node or look into it (needs --unsafe-debug there)",
	}, c.debugKill(), c.debugSuspend(), c.debugResume(), c.debugInspect(), c.debugReport(), c.debugSchedule(),
		c.debugNetworkChange(), c.debugHoldRelay())
}

// networkChangeAnswer is the JSON form of what debug network-change prints.
type networkChangeAnswer struct {
	NetworkGeneration waymeet.NetworkGeneration `json:"network_generation"`
}

func (c *command) debugNetworkChange() *cobra.Command {
	var generation waymeet.NetworkGeneration
	verb := &cobra.Command{
		Use:   "network-change",
		Short: "Announce a new network generation",
		Args:  noArguments,
		RunE: func(*cobra.Command, []string) error {
			return c.ask(func(ctx context.Context, client *waymeet.Client) error {
				if err := client.NetworkChange(ctx, generation); err != nil {
					return err
				}
				status, err := client.Status(ctx)
				if err != nil {
					return err
				}
				return say(c, networkChangeAnswer{status.NetworkGeneration}, "network generation %d", status.NetworkGeneration)
			})
		},
	}
	verb.Flags().Var(number[waymeet.NetworkGeneration]{&generation}, "generation", "the `number` to announce, to see an old one ignored (default: the next)")
	return verb
}

// holdRelayAnswer is the JSON form of what debug hold-relay prints.
type holdRelayAnswer struct {
	HoldRelay bool `json:"hold_relay"`
}

func (c *command) debugHoldRelay() *cobra.Command {
	return &cobra.Command{
		Use:       "hold-relay on|off",
		Short:     "Keep every channel on its relay, or let go",
		ValidArgs: []string{"on", "off"},
		Args:      cobra.MatchAll(arguments(1, 1), cobra.OnlyValidArgs),
		RunE: func(_ *cobra.Command, args []string) error {
			on := args[0] == "on"
			return c.ask(func(ctx context.Context, client *waymeet.Client) error {
				if err := client.HoldRelay(ctx, on); err != nil {
					return err
				}
				return say(c, holdRelayAnswer{on}, "hold-relay %s", args[0])
			})
		},
	}
}
