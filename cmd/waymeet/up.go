package main

import (
	"context"
	"net/netip"

	"github.com/spf13/cobra"
	"github.com/waymeet/waymeet"
)

// upAnswer is the JSON form of what up prints when the node is ready.
type upAnswer struct {
	Authority waymeet.AuthorityID `json:"authority"`
	Listen    netip.AddrPort      `json:"listen"`
}

func (c *command) up() *cobra.Command {
	var config waymeet.Config
	var listen string
	var noLAN, noPortmap bool
	verb := &cobra.Command{
		Use:   "up",
		Short: "Run a node",
		Long: "Run a node until it is told to stop (SIGINT, SIGTERM). Prints a line that starts with \"up \"\n" +
			"when it is ready (with --json an object); logs JSON lines on stderr.",
		Args: noArguments,
		RunE: func(*cobra.Command, []string) (err error) {
			if config.StateDir, err = c.state(); err != nil {
				return err
			}
			if config.Listen, err = listenAddress(listen); err != nil {
				return err
			}
			config.Logger = c.logger()
			return serve(
				func(ctx context.Context) (*waymeet.Node, error) { return waymeet.Start(ctx, config) },
				func(n *waymeet.Node) error {
					return say(c, upAnswer{n.Authority(), n.Addr()}, "up %s on %s", n.Authority(), n.Addr())
				})
		},
	}
	flags := verb.Flags()
	flags.StringVar(&listen, "listen", "", "`IP:PORT` of the UDP socket (default: all addresses, a port chosen at the first start and kept)")
	flags.StringArrayVar(&config.Relays, "relay", nil, "`URL` of a relay to register at; may be repeated")
	flags.StringArrayVar(&config.STUN, "stun", nil, "`HOST:PORT` of a STUN server beside the relays; may be repeated")
	flags.StringVar(&config.Nickname, "nickname", "", "the `name` that others may call this node by")
	flags.BoolVar(&noLAN, "no-lan", false, "do not look for nodes in the local network; none does yet")
	flags.BoolVar(&noPortmap, "no-portmap", false, "do not ask the router for a port; none does yet")
	flags.BoolVar(&config.UnsafeDebug, "unsafe-debug", false, "allow the debug verbs: tests only")
	flags.IntVar(&config.UnsafeIntensity, "unsafe-intensity", 0, "how many restarts a minute each supervisor allows, with --unsafe-debug: tests only (default 3)")
	return verb
}
