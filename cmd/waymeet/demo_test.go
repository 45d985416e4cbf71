package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/waymeet/waymeet"
)

func TestKillsMustNotRefillAttempts(t *testing.T) {
	at := func(used, cycles, remote uint64) attempts {
		return attempts{used: waymeet.AttemptStatus{Used: used, Max: 5}, cycles: cycles, remote: remote, local: 1}
	}
	for _, c := range []struct {
		name          string
		before, after attempts
		words         string
	}{
		{"nothing happened", at(1, 1, 1), at(1, 1, 1), ""},
		{"another attempt", at(1, 1, 1), at(2, 1, 1), ""},
		{"a newer generation", at(3, 1, 1), at(0, 2, 2), ""},
		{"refilled", at(1, 1, 1), at(0, 1, 1), "refilled"},
		{"refilled under a newer generation, without its cycle", at(1, 1, 1), at(0, 1, 2), "refilled"},
		{"a cycle out of nothing", at(1, 1, 1), at(1, 2, 1), "without a newer generation"},
		{"cycles forgotten", at(1, 2, 1), at(1, 1, 1), "went back"},
	} {
		err := checkNotRefilled(c.before, c.after)
		if (err == nil) != (c.words == "") || err != nil && !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: got %v", c.name, err)
		}
	}
}

func TestASmallFileGetsBallast(t *testing.T) {
	dir := t.TempDir()
	small, large := filepath.Join(dir, "small"), filepath.Join(dir, "large")
	for path, size := range map[string]int{small: 10, large: ballastSize} {
		if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if chosen, err := choosePayload(large, t.TempDir()); err != nil || len(chosen) != 1 || chosen[0].path != large {
		t.Errorf("large: %v, %v", chosen, err)
	}
	chosen, err := choosePayload(small, t.TempDir())
	if err != nil || len(chosen) != 2 || chosen[0].path != small || chosen[1].size != ballastSize {
		t.Errorf("small: %v, %v", chosen, err)
	}
	if _, err := choosePayload(filepath.Join(dir, "missing"), t.TempDir()); err == nil {
		t.Error("a missing file was chosen")
	}
}

func TestReport(t *testing.T) {
	var people, script bytes.Buffer
	for _, r := range []*report{newReport(&people, false), newReport(&script, true)} {
		r.step("join", "bob joined %s", "cx-\x1b[2J")
		r.event("bob", waymeet.Event{Kind: waymeet.EventPathChanged, Path: waymeet.PathDirect})
		r.fail("end", errors.New("left over"))
	}
	if text := people.String(); strings.Count(text, "\n") != 2 || strings.ContainsRune(text, '\x1b') || !strings.Contains(text, "FAIL") {
		t.Errorf("people read:\n%s", text)
	}
	reference, err := readReference()
	if err != nil {
		t.Fatal(err)
	}
	for _, complaint := range reference.contradicts("demo", script.String()) {
		t.Error(complaint)
	}
	var lines []line
	for decoder := json.NewDecoder(&script); decoder.More(); {
		var l line
		if err := decoder.Decode(&l); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, l)
	}
	if len(lines) != 3 || lines[1].Event.Kind != waymeet.EventPathChanged || lines[2].Result != "FAIL" {
		t.Errorf("a script reads %+v", lines)
	}
}

// childMode tells the test binary to play a child of the demo.
const childMode = "WAYMEET_TEST_CHILD"

// TestPlayAChild is no test unless the environment makes it a child.
func TestPlayAChild(t *testing.T) {
	mode := os.Getenv(childMode)
	if mode == "" {
		return
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	if mode == "mute" {
		os.Exit(7)
	}
	fmt.Println("noise\nready for work\nready again")
	<-signals
	switch mode {
	case "sulks":
		os.Exit(9)
	case "deaf":
		select {}
	}
	os.Exit(0)
}

func startChild(t *testing.T, mode string) (*process, error) {
	t.Helper()
	t.Setenv(childMode, mode)
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return startProcess(context.Background(), program, t.TempDir(), mode, "ready ", "-test.run=^TestPlayAChild$")
}

func TestAProcessSaysWhenItIsReadyAndEndsCleanly(t *testing.T) {
	p, err := startChild(t, "good")
	if err != nil {
		t.Fatal(err)
	}
	if p.ready != "for work" {
		t.Errorf("ready: %q", p.ready)
	}
	if err := p.alive(); err != nil {
		t.Error(err)
	}
	if _, err := p.terminate(patience); err != nil {
		t.Error(err)
	}
	if p.alive() == nil {
		t.Error("it is alive after its end")
	}
}

func TestAProcessThatEndsBadlyIsNoticed(t *testing.T) {
	if _, err := startChild(t, "mute"); err == nil || !strings.Contains(err.Error(), "before it was ready") {
		t.Errorf("mute: %v", err)
	}
	p, err := startChild(t, "sulks")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.terminate(patience); err == nil || !strings.Contains(err.Error(), "exit code 9") {
		t.Errorf("sulks: %v", err)
	}
	if p, err = startChild(t, "deaf"); err != nil {
		t.Fatal(err)
	}
	if _, err := p.terminate(100 * time.Millisecond); err == nil || !strings.Contains(err.Error(), "still ran") {
		t.Errorf("deaf: %v", err)
	}
	if p.alive() == nil {
		t.Error("the deaf one lives on")
	}
}

func TestOnlyTheDeadCountAsKilled(t *testing.T) {
	events := []waymeet.Event{
		{Kind: waymeet.EventActorCrashed, Actor: handshakers + "1"},
		{Kind: waymeet.EventActorRestarted, Actor: handshakers + "1"},
		{Kind: waymeet.EventActorCrashed, Actor: "/channels/manager"},
	}
	if got := crashes(events, handshakers); got != 1 {
		t.Errorf("%d handshakers died, want 1", got)
	}
}

func TestALargeFileGetsItsTime(t *testing.T) {
	small, large := payloads{{size: 10}}, payloads{{size: 10}, {size: 30_000_000_000}}
	if small.limit().Round(time.Second) != copyLimit || large.limit() != copyLimit+3000*time.Second {
		t.Errorf("small %s, large %s", small.limit(), large.limit())
	}
}

func TestASkippedActIsNamed(t *testing.T) {
	var whole, part bytes.Buffer
	newReport(&whole, false).pass(nil)
	newReport(&part, false).pass([]string{"direct", "generations"})
	if !strings.Contains(whole.String(), "every invariant held") {
		t.Errorf("whole: %s", &whole)
	}
	if strings.Contains(part.String(), "every") || !strings.Contains(part.String(), "direct, generations") {
		t.Errorf("part: %s", &part)
	}
}
