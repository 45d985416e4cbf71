package main

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/waymeet/waymeet"
)

const (
	// stopLimit is how long a clean stop may take: SIGTERM ends the process
	// within 3 s.
	stopLimit = 2500 * time.Millisecond
	// exitInterrupted is the exit code after a second signal.
	exitInterrupted = 130
)

// service is a node or a relay that runs.
type service interface {
	Done() <-chan struct{}
	Err() error
	Stop(context.Context) error
}

// interruptible is a context that ends with the first SIGINT or SIGTERM. A
// second signal ends the process at once.
func interruptible() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	ended := make(chan struct{})
	go func() {
		select {
		case <-signals:
			cancel()
		case <-ended:
			return
		}
		select {
		case <-signals:
			os.Exit(exitInterrupted)
		case <-ended:
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(ended)
		cancel()
	}
}

// serve starts a service, lets it run until a signal comes or it gives up, and
// stops it cleanly.
func serve[S service](start func(context.Context) (S, error), ready func(S) error) error {
	ctx, end := interruptible()
	defer end()
	running, err := start(ctx)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil // asked to stop before it was up
	case err != nil:
		return failed("cannot start", err, "waymeet help")
	}
	err = ready(running)
	if err == nil {
		select {
		case <-ctx.Done():
		case <-running.Done():
		}
	}
	stopped := stopService(running)
	switch {
	case err != nil:
		return failed("cannot say that it runs", err, "another standard output")
	case running.Err() != nil:
		return gaveUp(running.Err())
	}
	return stopped
}

// stopService stops, and reports if that was not clean.
func stopService(running service) error {
	ctx, cancel := context.WithTimeout(context.Background(), stopLimit)
	defer cancel()
	if err := running.Stop(ctx); err != nil {
		return failed("it did not stop cleanly", err, "its log, with -v")
	}
	return nil
}

// gaveUp says why a service stopped by itself: the chain of reasons, from who
// gave up to who failed first. An exit code of its own tells whoever watches the
// process that it ran and may be started again.
func gaveUp(cause error) error {
	problem := waymeet.Problem{
		Code: waymeet.ExitGaveUp, What: "it gave up", Whose: cause.Error(),
		Hint: `start it again, nothing acknowledged is lost; "actor crashed" in its log has the stacks`,
	}
	var known waymeet.Problem
	if errors.As(cause, &known) {
		problem.Whose, problem.Hint = known.What+": "+known.Whose, known.Hint
	}
	return problem
}

// listenAddress reads --listen. An empty one is the zero address: the default.
func listenAddress(text string) (netip.AddrPort, error) {
	if text == "" {
		return netip.AddrPort{}, nil
	}
	address, err := netip.ParseAddrPort(text)
	if err != nil {
		return address, usage("--listen "+text, "it is not IP:PORT", "--listen 127.0.0.1:0, or --listen '[::]:7342'")
	}
	return address, nil
}

// The two kinds of service that there are.
var (
	_ service = (*waymeet.Node)(nil)
	_ service = (*waymeet.Relay)(nil)
)
