package supervision

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestRestartDelay(t *testing.T) {
	want := []time.Duration{0, 100, 200, 400, 800, 1600, 3200, 6400, 10000, 10000} // ms
	rng, again := rand.New(rand.NewPCG(1, 2)), rand.New(rand.NewPCG(1, 2))
	for n, ms := range want {
		middle := ms * time.Millisecond
		d := restartDelay(n, rng)
		if d < middle*3/4 || d > middle*5/4 {
			t.Errorf("delay %d = %v, want %v ± 25%%", n, d, middle)
		}
		if same := restartDelay(n, again); same != d {
			t.Errorf("delay %d differs for the same seed: %v and %v", n, d, same)
		}
	}
}

// A life of Within/Restarts makes the next crash a first one.
func TestBackoffHealth(t *testing.T) {
	rig := newRig(OneForOne, Intensity{Restarts: 100, Within: 1000 * time.Second}, members("a")...)
	rig.do("open")
	rig.do("up a")
	if got := rig.do("crash a"); got != "start a" {
		t.Fatalf("first restart is not immediate: %q", got)
	}
	rig.do("up a")
	rig.do("wait 9s")
	if got := rig.do("crash a"); got != "" {
		t.Fatalf("second restart does not wait: %q", got)
	}
	rig.do("wait 1s")
	rig.do("up a")
	rig.do("wait 10s")
	if got := rig.do("crash a"); got != "start a" {
		t.Fatalf("not healthy after 10 s of 1000 s / 100: %q", got)
	}
}
