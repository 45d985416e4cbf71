package relay

import (
	"context"
	"net"
	"net/netip"
	"time"

	"github.com/cenkalti/backoff/v4"
)

// Times of Resolve: the first pause between two tries, and the longest.
const (
	resolveFirst = 500 * time.Millisecond
	resolveMost  = 30 * time.Second
)

// Resolve looks HOST:PORT up, again and again with growing pauses until it is
// found or ctx ends. told hears of every try that failed; it may be nil. An IP
// address is its own answer.
func Resolve(ctx context.Context, address string, told func(error)) (netip.AddrPort, error) {
	if addr, err := netip.ParseAddrPort(address); err == nil {
		return unmap(addr), nil
	}
	// No random factor: its source is global, and one node that asks its own
	// resolver needs none.
	pauses := backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(resolveFirst), backoff.WithMaxInterval(resolveMost),
		backoff.WithMaxElapsedTime(0), backoff.WithRandomizationFactor(0),
	)
	return backoff.RetryNotifyWithData(
		func() (netip.AddrPort, error) { return lookUp(ctx, address) },
		backoff.WithContext(pauses, ctx),
		func(err error, _ time.Duration) {
			if told != nil {
				told(err)
			}
		},
	)
}

// lookUp asks once.
func lookUp(ctx context.Context, address string) (netip.AddrPort, error) {
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return netip.AddrPort{}, backoff.Permanent(err)
	}
	port, err := net.DefaultResolver.LookupPort(ctx, "udp", service)
	if err != nil {
		return netip.AddrPort{}, backoff.Permanent(err)
	}
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return netip.AddrPort{}, err
	}
	return netip.AddrPortFrom(found[0].Unmap(), uint16(port)), nil
}
