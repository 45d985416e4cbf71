package main

import (
	"context"

	"github.com/spf13/cobra"
	"github.com/waymeet/waymeet"
)

func (c *command) debug() *cobra.Command {
	verb := &cobra.Command{
		Use:   "debug",
		Short: "Hurt a running node, to see it recover (needs --unsafe-debug there)",
		Args:  noVerb,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	verb.AddCommand(c.debugKill(), c.debugNetworkChange(), c.debugHoldRelay())
	return verb
}

func (c *command) debugKill() *cobra.Command {
	return &cobra.Command{
		Use:   "kill ACTOR",
		Short: "Make actors panic: a glob over the paths that status shows (* is any run, / included)",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return c.ask(func(ctx context.Context, client *waymeet.Client) error {
				killed, err := client.Kill(ctx, args[0])
				if err != nil {
					return err
				}
				if killed == 0 {
					return waymeet.Problem{Code: waymeet.ExitFailed, What: "nothing was killed", Whose: "no actor's path matches " + args[0], Hint: "waymeet status --actors"}
				}
				return say(c, struct {
					Killed int `json:"killed"`
				}{killed}, "killed %d", killed)
			})
		},
	}
}

func (c *command) debugNetworkChange() *cobra.Command {
	var generation uint64
	verb := &cobra.Command{
		Use:   "network-change",
		Short: "Announce a new network generation",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return c.ask(func(ctx context.Context, client *waymeet.Client) error {
				if err := client.NetworkChange(ctx, waymeet.NetworkGeneration(generation)); err != nil {
					return err
				}
				status, err := client.Status(ctx)
				if err != nil {
					return err
				}
				return say(c, struct {
					NetworkGeneration waymeet.NetworkGeneration `json:"network_generation"`
				}{status.NetworkGeneration}, "network generation %d", status.NetworkGeneration)
			})
		},
	}
	verb.Flags().Uint64Var(&generation, "generation", 0, "the generation to announce, to see an old one ignored (default: the next)")
	return verb
}

func (c *command) debugHoldRelay() *cobra.Command {
	return &cobra.Command{
		Use:       "hold-relay on|off",
		Short:     "Keep every channel on its relay, or let go",
		ValidArgs: []string{"on", "off"},
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		RunE: func(_ *cobra.Command, args []string) error {
			on := args[0] == "on"
			return c.ask(func(ctx context.Context, client *waymeet.Client) error {
				if err := client.HoldRelay(ctx, on); err != nil {
					return err
				}
				return say(c, struct {
					HoldRelay bool `json:"hold_relay"`
				}{on}, "hold-relay %s", args[0])
			})
		},
	}
}
