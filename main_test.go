package waymeet_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/waymeet/waymeet/actors"
	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/supervision"
)

// The test binary is three programs: the tests, the inviter that one of them
// kills, and the members that another one does. The environment says which one
// it is.
const (
	inviterDir   = "WAYMEET_TEST_INVITER_DIR"
	inviterRelay = "WAYMEET_TEST_INVITER_RELAY"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(inviterDir); dir != "" {
		if err := runInviter(dir, os.Getenv(inviterRelay)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if dir := os.Getenv(memberDir); dir != "" {
		if err := runMember(dir, os.Getenv(memberRelay), os.Getenv(memberTicket)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// runInviter founds a context, prints a ticket, and comes to a halt between
// the claim and its answer: there it prints a line and does nothing more. It
// ends at the latest with whoever holds its stdin.
func runInviter(dir, relay string) error {
	url, err := messages.ParseRelayURL(relay)
	if err != nil {
		return err
	}
	node, err := actors.Start(actors.Config{
		Dir: dir, Listen: loopback, Relays: []messages.RelayURL{url}, Chaos: supervision.KillAt(haltWhenClaimed),
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	founded, err := node.Found(ctx)
	if err != nil {
		return err
	}
	ticket, err := node.Invite(ctx, founded, 0)
	if err != nil {
		return err
	}
	fmt.Println(ticket)
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// haltWhenClaimed stops the inviter for ever before it handles that the claim
// is on disk: no answer has left.
func haltWhenClaimed(at supervision.Point) bool {
	if at.Path == "/bootstrap/inviter" && at.Phase == supervision.BeforeMessage && at.Message == "messages.ClaimStored" {
		fmt.Println(claimed)
		select {}
	}
	return false
}

// claimed is the line that the inviter prints when it halts.
const claimed = "claimed"

// inviter is the inviter's process.
type inviter struct {
	process *exec.Cmd
	lines   *bufio.Scanner
	ticket  string
}

// startInviter runs the inviter in a process of its own and returns when it
// has made its ticket.
func startInviter(t *testing.T, dir, relay string) *inviter {
	t.Helper()
	i := &inviter{process: exec.Command(os.Args[0])}
	i.process.Env = append(os.Environ(), inviterDir+"="+dir, inviterRelay+"="+relay)
	i.process.Stderr = os.Stderr
	_, err := i.process.StdinPipe() // closed with this process, if it should die
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := i.process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	i.lines = bufio.NewScanner(stdout)
	if err := i.process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(i.kill)
	i.ticket = i.line(t)
	return i
}

// line is the next line that the inviter prints.
func (i *inviter) line(t *testing.T) string {
	t.Helper()
	if !i.lines.Scan() {
		t.Fatalf("the inviter ended: %v", i.lines.Err())
	}
	return strings.TrimSpace(i.lines.Text())
}

// kill is SIGKILL. Killing twice is fine.
func (i *inviter) kill() {
	_ = i.process.Process.Kill()
	_ = i.process.Wait()
}
