package actors

import "testing"

func TestNothingBeginsWhileStopping(t *testing.T) {
	var g goroutines
	release, ended := make(chan struct{}), false
	if !g.start(func() { <-release; ended = true }) {
		t.Fatal("it did not run before")
	}
	g.close()
	if g.start(func() { t.Error("it ran") }) {
		t.Error("it says that it runs")
	}
	close(release)
	if g.wait(); !ended {
		t.Error("nobody waited for what ran")
	}
}
