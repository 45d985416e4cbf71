package waymeet_test

import (
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waymeet/waymeet"
)

// A host has no flags: what it is to try is in its config.
func TestRelayConfigThatMakesNoSenseIsRefused(t *testing.T) {
	open := netip.MustParseAddrPort("0.0.0.0:0")
	for hint, config := range map[string]waymeet.RelayConfig{
		"name a directory":                              {Listen: loopback},
		`RelayConfig.Admit "open"`:                      {StateDir: "r", Listen: open},
		"RelayConfig.Advertise HOST:PORT":               {StateDir: "r", Listen: open, Admit: "open"},
		"RelayConfig.UnsafeDebug beside Tap, in a test": {StateDir: "r", Listen: loopback, Tap: "tap"},
	} {
		_, err := waymeet.StartRelay(t.Context(), config)
		if p := problem(t, err); p.Code != waymeet.ExitUsage || p.Hint != hint {
			t.Errorf("want %q, got %+v", hint, p)
		}
	}
}

// What makes no sense is refused before anything is made, and the Problem names it.
func TestConfigThatMakesNoSenseIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		config waymeet.Config
		want   string
	}{
		"STUN without a port":     {waymeet.Config{STUN: []string{"127.0.0.1:3478", "stun.example.org"}}, `"stun.example.org"`},
		"STUN without a host":     {waymeet.Config{STUN: []string{":3478"}}, `":3478"`},
		"STUN at port 0":          {waymeet.Config{STUN: []string{"stun.example.org:0"}}, `"stun.example.org:0"`},
		"STUN at a named port":    {waymeet.Config{STUN: []string{"stun.example.org:stun"}}, `"stun.example.org:stun"`},
		"a nickname of two lines": {waymeet.Config{Nickname: "anna\nben"}, `anna\nben`},
		"a nickname that steers":  {waymeet.Config{Nickname: "anna\x1b[2J"}, `anna\x1b[2J`},
		"STUN with an open IPv6":  {waymeet.Config{STUN: []string{"2001:db8::1"}}, `"2001:db8::1"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.config.StateDir, c.config.Listen = filepath.Join(t.TempDir(), "state"), loopback
			node, err := waymeet.Start(t.Context(), c.config)
			if err == nil {
				stop(t, node)
			}
			if p := problem(t, err); p.Code != waymeet.ExitUsage || !strings.Contains(p.What, c.want) || p.Hint == "" {
				t.Errorf("got %+v", p)
			}
			if _, err := os.Stat(c.config.StateDir); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("something was made on disk: %v", err)
			}
		})
	}
}
