package main

import (
	"context"

	"github.com/spf13/cobra"
	"github.com/waymeet/waymeet"
)

// defaultRelayListen is where a relay listens that is not told otherwise.
const defaultRelayListen = "127.0.0.1:7342"

// relayAnswer is the JSON form of what relay prints when the relay is ready.
type relayAnswer struct {
	Relay string `json:"relay"`
}

func (c *command) relay() *cobra.Command {
	var config waymeet.RelayConfig
	var listen string
	verb := &cobra.Command{
		Use:   "relay",
		Short: "Run a relay",
		Long: "Run a relay until it is told to stop (SIGINT, SIGTERM). Prints one line, \"relay URL\", when it\n" +
			"is ready. A relay needs a state directory of its own: do not share it with a node.",
		Args: noArguments,
		RunE: func(*cobra.Command, []string) (err error) {
			if config.StateDir, err = c.state(); err != nil {
				return err
			}
			if config.Listen, err = listenAddress(listen); err != nil {
				return err
			}
			if err := checkRelay(config); err != nil {
				return err
			}
			config.Logger = c.logger()
			return serve(
				func(ctx context.Context) (*waymeet.Relay, error) { return waymeet.StartRelay(ctx, config) },
				func(r *waymeet.Relay) error { return say(c, relayAnswer{r.URL()}, "relay %s", r.URL()) })
		},
	}
	flags := verb.Flags()
	flags.StringVar(&listen, "listen", defaultRelayListen, "`IP:PORT` of the UDP socket")
	flags.StringVar(&config.Admit, "admit", "", "who may register: \"open\" is everyone; needed unless it listens on loopback")
	flags.StringVar(&config.Advertise, "advertise", "", "`HOST:PORT` for the URL, where the listen address is not what clients reach")
	flags.StringVar(&config.Tap, "tap", "", "write every datagram to this `file`; only with --unsafe-debug")
	flags.BoolVar(&config.UnsafeDebug, "unsafe-debug", false, "allow --tap: tests only")
	return verb
}

// checkRelay refuses what would make no sense once it ran.
func checkRelay(config waymeet.RelayConfig) error {
	loopback := config.Listen.Addr().IsLoopback()
	switch {
	case config.Tap != "" && !config.UnsafeDebug:
		return usage("--tap", "it writes down who speaks with whom, so it is for tests alone", "--unsafe-debug beside it")
	case config.Admit != "" && config.Admit != "open":
		return usage("--admit "+config.Admit, "the one way to admit is \"open\"", "--admit open")
	case !loopback && config.Admit == "":
		return usage("--listen "+config.Listen.String(), "a relay that others reach must say whom it admits", "--admit open")
	case config.Listen.Addr().IsUnspecified() && config.Advertise == "":
		return usage("--listen "+config.Listen.String(), "the URL would name no address that a client can reach", "--advertise HOST:PORT")
	}
	return nil
}
