package crash

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"testing"
)

// process is a writer's process as its parent sees it.
type process struct {
	command *exec.Cmd
	stdin   io.Closer
	pipe    *os.File
	// facts gets one token for each fact that it says, while there is room.
	facts chan struct{}
	heard chan error
}

// prepare makes a process that will write into dir; env is more of its
// environment.
func prepare(t *testing.T, dir string, l *ledger, env ...string) *process {
	t.Helper()
	p := &process{command: exec.Command(os.Args[0]), facts: make(chan struct{}, 1), heard: make(chan error, 1)}
	p.command.Env = append(append(os.Environ(), writerDir+"="+dir, writerFrom+"="+strconv.Itoa(l.next)), env...)
	p.command.Stderr = os.Stderr
	stdin, err := p.command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.stdin = stdin
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p.pipe = read
	p.command.ExtraFiles = []*os.File{write}
	return p
}

// start begins the process, and listens to it until its end of the pipe closes.
func (p *process) start(l *ledger) error {
	err := p.command.Start()
	err = errors.Join(err, p.command.ExtraFiles[0].Close())
	if err != nil {
		return errors.Join(err, p.pipe.Close())
	}
	go func() {
		p.heard <- errors.Join(l.listen(tokens{p.pipe, p.facts}), p.pipe.Close())
	}()
	return nil
}

// tokens is a reader that leaves a token in facts when it has read something.
type tokens struct {
	io.Reader
	facts chan<- struct{}
}

func (t tokens) Read(b []byte) (int, error) {
	n, err := t.Reader.Read(b)
	select {
	case t.facts <- struct{}{}:
	default:
	}
	return n, err
}

// kill is SIGKILL. It returns when all that was said is in the ledger.
func (p *process) kill() error {
	_ = p.command.Process.Kill() // it may have ended
	return p.gone()
}

// gone waits for the end of the process and of its words. The error says how it
// ended, if not well or by a signal.
func (p *process) gone() error {
	heard := <-p.heard
	err := p.command.Wait()
	_ = p.stdin.Close() // Wait has closed it
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() < 0 {
		err = nil
	}
	if err != nil {
		err = fmt.Errorf("the writer: %w", err)
	}
	return errors.Join(heard, err)
}
