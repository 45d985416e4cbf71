package admin

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/waymeet/waymeet/messages"
)

const (
	socketName = "admin.sock"
	// maxSocketPath is the longest path that a Unix socket address holds, with
	// room for its closing zero.
	maxSocketPath = 107
	// probeTimeout bounds the question whether a socket's owner still lives.
	probeTimeout = time.Second
)

// SocketPath is where the socket of a state directory is. A path that the
// system cannot bind is a usage Problem.
func SocketPath(stateDir string) (string, error) {
	path := filepath.Join(stateDir, socketName)
	if len(path) > maxSocketPath {
		return "", messages.Problem{
			Code:  messages.ExitUsage,
			What:  "cannot use the state directory " + stateDir,
			Whose: fmt.Sprintf("its %s would have a path of %d bytes, and the system allows %d", socketName, len(path), maxSocketPath),
			Hint:  "a shorter --state",
		}
	}
	return path, nil
}

// listen opens the socket for its owner alone. The socket that a dead process
// left behind is replaced, that of a living one is not, and a file that is no
// socket is left alone.
func listen(path string) (net.Listener, error) {
	l, err := net.Listen("unix", path)
	if errors.Is(err, syscall.EADDRINUSE) {
		if err := clearStale(path); err != nil {
			return nil, err
		}
		l, err = net.Listen("unix", path)
	}
	if err != nil {
		return nil, messages.Problem{
			Code: messages.ExitFailed, What: "cannot open the admin socket " + path, Whose: reason(err),
			Hint: "a --state directory that you can write to",
		}
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

func clearStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && info.Mode()&fs.ModeSocket == 0 {
		return messages.Problem{
			Code: messages.ExitFailed, What: "cannot open the admin socket " + path, Whose: "a file that is no socket stands there",
			Hint: "moving it away",
		}
	}
	conn, err := net.DialTimeout("unix", path, probeTimeout)
	if err == nil {
		conn.Close()
		return alreadyRunning(path)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return alreadyRunning(path)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func alreadyRunning(path string) error {
	return messages.Problem{
		Code: messages.ExitNoNode, What: "cannot start in " + filepath.Dir(path), Whose: "a node is already running there",
		Hint: "stopping it first, or another --state",
	}
}

// dial connects to the socket of a running node.
func dial(ctx context.Context, path string) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", path)
	switch {
	case err == nil:
		return conn, nil
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return nil, messages.Problem{
			Code: messages.ExitNoNode, What: "no running node in " + filepath.Dir(path), Whose: "nothing listens there",
			Hint: "waymeet up --state " + filepath.Dir(path),
		}
	case errors.Is(err, fs.ErrPermission):
		return nil, messages.Problem{
			Code: messages.ExitFailed, What: "cannot talk to a node in " + filepath.Dir(path), Whose: "the directory, or the socket in it, is another user's",
			Hint: "the account that runs the node",
		}
	}
	return nil, err
}

// reason is the system's own word for an error, without the operation and the
// path that surround it.
func reason(err error) string {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno.Error()
	}
	return err.Error()
}
