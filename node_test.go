package waymeet_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waymeet/waymeet"
)

// What makes no sense is refused before anything is made, and the Problem names it.
func TestConfigThatMakesNoSenseIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		config waymeet.Config
		want   string
	}{
		"STUN without a port":    {waymeet.Config{STUN: []string{"127.0.0.1:3478", "stun.example.org"}}, `"stun.example.org"`},
		"STUN without a host":    {waymeet.Config{STUN: []string{":3478"}}, `":3478"`},
		"STUN at port 0":         {waymeet.Config{STUN: []string{"stun.example.org:0"}}, `"stun.example.org:0"`},
		"STUN at a named port":   {waymeet.Config{STUN: []string{"stun.example.org:stun"}}, `"stun.example.org:stun"`},
		"STUN with an open IPv6": {waymeet.Config{STUN: []string{"2001:db8::1"}}, `"2001:db8::1"`},
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
