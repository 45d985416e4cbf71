package waymeet

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"

	"github.com/waymeet/waymeet/actors"
	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/transport/admin"
	"github.com/waymeet/waymeet/transport/store"
)

// RelayConfig is what a relay needs. StateDir is required; a relay shares it
// with no node.
type RelayConfig struct {
	// StateDir keeps the relay's key, 0700.
	StateDir string
	// Listen is the address of the UDP socket. Zero: 127.0.0.1:7342.
	Listen netip.AddrPort
	// Admit is "open" to let everybody register. Empty is allowed on a
	// loopback address alone.
	Admit string
	// Advertise is HOST:PORT for the URL, where clients reach the relay under
	// another address than Listen.
	Advertise string
	// Tap is a file that gets every datagram; only with UnsafeDebug.
	Tap string
	// UnsafeDebug allows Tap. Tests only.
	UnsafeDebug bool
	// Logger gets what the relay logs; nil: silence.
	Logger *slog.Logger
}

// Relay is a running relay. It is safe for concurrent use.
type Relay struct {
	relay *actors.Relay
	admin *admin.Server
	lock  *store.Lock
	tap   *os.File
	url   messages.RelayURL

	stopping  sync.Once
	stopError error
}

// StartRelay runs a relay and returns when it is ready.
func StartRelay(ctx context.Context, config RelayConfig) (*Relay, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !config.Listen.IsValid() {
		config.Listen = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), messages.RelayPort)
	}
	if err := checkRelay(config); err != nil {
		return nil, err
	}
	r := &Relay{}
	if err := r.start(config); err != nil {
		_ = r.Stop(ctx) // the error that counts is why it did not start
		return nil, err
	}
	return r, nil
}

// checkRelay refuses what SPEC 11.4 does: an open relay that nobody asked for.
func checkRelay(config RelayConfig) error {
	problem := Problem{Code: ExitUsage, What: "cannot run a relay on " + config.Listen.String()}
	switch {
	case config.StateDir == "":
		problem.Whose, problem.Hint = "RelayConfig.StateDir is empty", "name a directory"
	case config.Tap != "" && !config.UnsafeDebug:
		problem.Whose, problem.Hint = "a tap writes down who speaks with whom", "RelayConfig.UnsafeDebug beside Tap, in a test"
	case config.Admit != "" && config.Admit != "open":
		problem.Whose, problem.Hint = fmt.Sprintf("%q is no way to admit", config.Admit), `RelayConfig.Admit "open"`
	case config.Admit == "" && !config.Listen.Addr().IsLoopback():
		problem.Whose, problem.Hint = "others reach it, and nobody said whom it admits", `RelayConfig.Admit "open"`
	case config.Listen.Addr().IsUnspecified() && config.Advertise == "":
		problem.Whose, problem.Hint = "its URL would name no address", "RelayConfig.Advertise HOST:PORT"
	default:
		return nil
	}
	return problem
}

func (r *Relay) start(config RelayConfig) error {
	var err error
	state := store.Directory(config.StateDir)
	if r.lock, err = state.Lock(); err != nil {
		return actors.StateProblem(config.StateDir, err)
	}
	seed, err := state.Claim(store.KindRelay)
	if err != nil {
		return actors.StateProblem(config.StateDir, err)
	}
	if config.Tap != "" {
		if r.tap, err = os.OpenFile(config.Tap, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600); err != nil {
			return Problem{Code: ExitFailed, What: "cannot open the tap", Whose: err.Error(), Hint: "another --tap FILE"}
		}
	}
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(config.Listen))
	if err != nil {
		return relayListen(config, err)
	}
	key := ed25519.NewKeyFromSeed(seed[:])
	relay := actors.RelayConfig{Conn: conn, Key: key, Logger: config.Logger}
	if r.tap != nil {
		relay.Tap = r.tap
	}
	if r.relay, err = actors.StartRelay(relay); err != nil {
		return errors.Join(err, conn.Close())
	}
	r.url = messages.RelayURL{Key: messages.PublicKey(key.Public().(ed25519.PublicKey)), Address: config.Advertise}
	if r.url.Address == "" {
		r.url.Address = conn.LocalAddr().(*net.UDPAddr).AddrPort().String()
	}
	if _, err := messages.ParseRelayURL(r.url.String()); err != nil {
		return err
	}
	r.admin, err = admin.ServeRelay(admin.Config{StateDir: config.StateDir, Logger: config.Logger}, relayBackend{r})
	return err
}

// URL is what nodes are given to use this relay; there is no secret in it.
func (r *Relay) URL() string { return r.url.String() }

// Status is how the relay stands.
func (r *Relay) Status() RelayStatus { return r.relay.Status() }

// Stop tells the clients that the relay stops, and stops it. Stopping twice is
// safe. A nil ctx is one that never ends.
func (r *Relay) Stop(ctx context.Context) error {
	if ctx == nil {
		ctx = context.Background()
	}
	r.stopping.Do(func() { r.stopError = r.stop(ctx) })
	return r.stopError
}

// stop stops what start started, as far as it came.
func (r *Relay) stop(ctx context.Context) error {
	var errs []error
	if r.admin != nil {
		errs = append(errs, r.admin.Stop(ctx))
	}
	if r.relay != nil {
		errs = append(errs, r.relay.Stop(ctx))
	}
	if r.tap != nil {
		errs = append(errs, r.tap.Close())
	}
	if r.lock != nil {
		errs = append(errs, r.lock.Release())
	}
	return errors.Join(errs...)
}

// Done is closed when the relay has stopped.
func (r *Relay) Done() <-chan struct{} { return r.relay.Done() }

// Err is why the relay stopped by itself.
func (r *Relay) Err() error { return r.relay.Err() }

func relayListen(config RelayConfig, err error) error {
	whose := err.Error()
	if errors.Is(err, syscall.EADDRINUSE) {
		whose = "the port is in use by another process"
	}
	return Problem{Code: ExitFailed, What: "cannot listen on " + config.Listen.String(), Whose: whose, Hint: "choose another --listen, or stop the program that uses the port"}
}
