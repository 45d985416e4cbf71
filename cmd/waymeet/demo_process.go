package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	// readyLimit is how long a process may take to say that it is ready.
	readyLimit = 15 * time.Second
	// goodbyeLimit is how long a process may take to end after SIGTERM.
	goodbyeLimit = 3 * time.Second
)

// process is a child of the demo.
type process struct {
	name string
	cmd  *exec.Cmd
	// ready is the line that it printed when it was ready.
	ready string
	// exited is closed when the process has ended.
	exited chan struct{}
}

// startProcess runs the program in a directory and returns when it has printed
// a line with the prefix. What it logs goes to name.log there.
func startProcess(ctx context.Context, program, dir, name, prefix string, args ...string) (*process, error) {
	log, err := os.OpenFile(filepath.Join(dir, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p := &process{name: name, cmd: exec.Command(program, args...), exited: make(chan struct{})}
	p.cmd.Dir = dir
	p.cmd.Stderr = log
	p.cmd.SysProcAttr = dieWithParent()
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	lines := make(chan string, 1)
	go func() {
		defer close(p.exited)
		readLines(stdout, prefix, lines)
		p.cmd.Wait() // the exit code is in ProcessState
	}()
	return p, p.awaitReady(ctx, prefix, lines)
}

// readLines passes the first line with the prefix on and reads to the end.
func readLines(from io.Reader, prefix string, lines chan<- string) {
	defer close(lines)
	found := false
	for scanner := bufio.NewScanner(from); scanner.Scan(); {
		if !found && strings.HasPrefix(scanner.Text(), prefix) {
			found = true
			lines <- scanner.Text()
		}
	}
}

func (p *process) awaitReady(ctx context.Context, prefix string, lines <-chan string) error {
	limit := time.NewTimer(readyLimit)
	defer limit.Stop()
	select {
	case line, ok := <-lines:
		if !ok {
			<-p.exited
			return fmt.Errorf("%s ended before it was ready (%s)", p.name, p.cmd.ProcessState)
		}
		p.ready = strings.TrimPrefix(line, prefix)
		return nil
	case <-limit.C:
		p.kill()
		return fmt.Errorf("%s was not ready within %s", p.name, readyLimit)
	case <-ctx.Done():
		p.kill()
		return ctx.Err()
	}
}

// kill ends the process as a crash would: SIGKILL.
func (p *process) kill() {
	p.cmd.Process.Kill()
	<-p.exited
}

// terminate asks the process to end, with SIGTERM, and says how long it took.
// Errors: it took longer than the limit, or its exit code is not 0.
func (p *process) terminate(within time.Duration) (time.Duration, error) {
	began := time.Now()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return 0, err
	}
	limit := time.NewTimer(within)
	defer limit.Stop()
	select {
	case <-p.exited:
	case <-limit.C:
		p.kill()
		return within, fmt.Errorf("%s still ran %s after SIGTERM", p.name, within)
	}
	took := time.Since(began)
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		return took, fmt.Errorf("%s ended with exit code %d after SIGTERM", p.name, code)
	}
	return took, nil
}

// alive reports an error if the process has ended by itself.
func (p *process) alive() error {
	select {
	case <-p.exited:
		return fmt.Errorf("%s died (%s)", p.name, p.cmd.ProcessState)
	default:
		return nil
	}
}
