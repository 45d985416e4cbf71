package relay

import (
	"context"
	"net/netip"
	"testing"
)

func TestResolveKnowsAddressesAndLocalNames(t *testing.T) {
	for address, want := range map[string]netip.AddrPort{
		"192.0.2.1:7342":          netip.MustParseAddrPort("192.0.2.1:7342"),
		"[::ffff:192.0.2.1]:7342": netip.MustParseAddrPort("192.0.2.1:7342"),
	} {
		if got, err := Resolve(t.Context(), address, nil); err != nil || got != want {
			t.Errorf("%s: %v, %v, want %v", address, got, err, want)
		}
	}
	got, err := Resolve(t.Context(), "localhost:7342", nil)
	if err != nil || !got.Addr().IsLoopback() || got.Port() != 7342 {
		t.Errorf("localhost: %v, %v", got, err)
	}
}

func TestResolveTriesAgainUntilItsContextEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	tries := 0
	_, err := Resolve(ctx, "no such name:7342", func(error) {
		if tries++; tries == 2 {
			cancel()
		}
	})
	if err == nil || tries < 2 {
		t.Errorf("after %d tries: %v", tries, err)
	}
}

func TestResolveRefusesWhatIsNoAddress(t *testing.T) {
	tries := 0
	for _, address := range []string{"", "localhost", "localhost:no-such-service"} {
		if _, err := Resolve(t.Context(), address, func(error) { tries++ }); err == nil {
			t.Errorf("%q is an address", address)
		}
	}
	if tries != 0 {
		t.Errorf("asked again %d times for what cannot be", tries)
	}
}
