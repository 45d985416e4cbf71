package admin

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waymeet/waymeet/messages"
)

func wantProblem(t *testing.T, err error, code messages.ExitCode, words string) {
	t.Helper()
	var problem messages.Problem
	if !errors.As(err, &problem) {
		t.Fatalf("got %v, want a problem with code %d", err, code)
	}
	if problem.Code != code || !strings.Contains(problem.Error(), words) {
		t.Errorf("got code %d %q, want code %d and %q", problem.Code, problem, code, words)
	}
}

func TestSocketBelongsToItsOwnerAlone(t *testing.T) {
	dir := shortDir(t)
	server, err := ServeNode(Config{StateDir: dir}, &fakeNode{})
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, socketName))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the socket has mode %v", info.Mode())
	}
	stop(t, server)
	if _, err := os.Stat(filepath.Join(dir, socketName)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket outlives its server: %v", err)
	}
}

func TestALongPathIsRefusedWithItsReason(t *testing.T) {
	dir := "/" + strings.Repeat("d", maxSocketPath-len("//"+socketName))
	if path, err := SocketPath(dir); err != nil || len(path) != maxSocketPath {
		t.Errorf("%d bytes: %v", len(path), err)
	}
	dir += "d"
	_, err := SocketPath(dir)
	wantProblem(t, err, messages.ExitUsage, "108 bytes")
	_, err = Connect(dir)
	wantProblem(t, err, messages.ExitUsage, "108 bytes")
	_, err = ServeNode(Config{StateDir: dir}, &fakeNode{})
	wantProblem(t, err, messages.ExitUsage, "108 bytes")
}

func TestALivingSocketIsNotTakenOver(t *testing.T) {
	dir := shortDir(t)
	first, err := ServeNode(Config{StateDir: dir}, &fakeNode{})
	if err != nil {
		t.Fatal(err)
	}
	defer stop(t, first)
	_, err = ServeNode(Config{StateDir: dir}, &fakeNode{})
	wantProblem(t, err, messages.ExitNoNode, "already running")
	connect(t, dir)
}

func TestTheSocketOfADeadProcessIsReplaced(t *testing.T) {
	dir := shortDir(t)
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, socketName), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close()
	_, err = Connect(dir)
	wantProblem(t, err, messages.ExitNoNode, "no running node")

	server, err := ServeNode(Config{StateDir: dir}, &fakeNode{})
	if err != nil {
		t.Fatal(err)
	}
	defer stop(t, server)
	connect(t, dir)
}

func TestAFileInTheSocketsPlaceIsLeftAlone(t *testing.T) {
	dir := shortDir(t)
	path := filepath.Join(dir, socketName)
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := ServeNode(Config{StateDir: dir}, &fakeNode{})
	wantProblem(t, err, messages.ExitFailed, "no socket")
	if text, err := os.ReadFile(path); err != nil || string(text) != "mine" {
		t.Errorf("the file is now %q, %v", text, err)
	}
}

func TestNoNode(t *testing.T) {
	dir := shortDir(t)
	_, err := Connect(dir)
	wantProblem(t, err, messages.ExitNoNode, "waymeet up --state "+dir)
	_, err = Connect(filepath.Join(dir, "missing"))
	wantProblem(t, err, messages.ExitNoNode, "no running node")
}
