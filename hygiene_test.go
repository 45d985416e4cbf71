package waymeet_test

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
)

// A node is a guest in its host's process: it touches no signal handler, global
// logger, registry, flag or page, and prints nothing. testdata/host looks.
func TestHostKeepsItsProcess(t *testing.T) {
	t.Parallel()
	host := filepath.Join(t.TempDir(), "host")
	if out, err := exec.Command("go", "build", "-o", host, "./testdata/host").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		t.Run(s.String(), func(t *testing.T) { endHost(t, host, s) })
	}
}

// endHost runs the host and ends it with a signal, whose default it is that the
// process dies.
func endHost(t *testing.T, program string, s syscall.Signal) {
	var said bytes.Buffer
	host := exec.CommandContext(patient(t), program, t.TempDir())
	host.Stdout, host.Stderr = &said, &said
	findings, end, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer findings.Close()
	host.ExtraFiles = []*os.File{end}
	// What this process ignores, as one in the background may, a child would too.
	signal.Notify(make(chan os.Signal, 1), s)
	err = host.Start()
	signal.Reset(s)
	if err != nil {
		t.Fatal(err)
	}
	end.Close()
	ready := false
	for lines := bufio.NewScanner(findings); !ready && lines.Scan(); {
		if ready = lines.Text() == "ready"; !ready {
			t.Error(lines.Text())
		}
	}
	if err := host.Process.Signal(s); err != nil {
		t.Error(err)
	}
	_ = host.Wait() // how it ended is looked at below
	status := host.ProcessState.Sys().(syscall.WaitStatus)
	if !ready || !status.Signaled() || status.Signal() != s {
		t.Errorf("ready: %v; ended with %v, not by %v", ready, host.ProcessState, s)
	}
	if said.Len() > 0 {
		t.Errorf("it printed:\n%s", &said)
	}
}
