package netwatch

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// groups are the notifications of the kernel that wake the watcher. What they
// say is not read: the next look tells the truth.
const groups = unix.RTMGRP_LINK | unix.RTMGRP_IPV4_IFADDR | unix.RTMGRP_IPV6_IFADDR |
	unix.RTMGRP_IPV4_ROUTE | unix.RTMGRP_IPV6_ROUTE

// settle is how long after a notification others are waited for.
const settle = 5 * time.Millisecond

// netlink is a socket on which the kernel tells of changes (rtnetlink(7)).
type netlink struct{ socket *os.File }

// newBell listens to the kernel, or to a timer alone where that is not
// allowed.
func newBell() bell {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return timed{}
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups}); err != nil {
		unix.Close(fd)
		return timed{}
	}
	return netlink{os.NewFile(uintptr(fd), "rtnetlink")}
}

func (n netlink) wait(ctx context.Context, d time.Duration) bool {
	n.socket.SetReadDeadline(time.Now().Add(d))
	stop := context.AfterFunc(ctx, func() { n.socket.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	buffer := make([]byte, 16<<10)
	_, err := n.socket.Read(buffer)
	switch {
	case ctx.Err() != nil || errors.Is(err, os.ErrDeadlineExceeded):
		return false
	case err == nil:
		n.drain(buffer)
		return true
	case errors.Is(err, syscall.ENOBUFS):
		// More was said than fits: all the more reason to look.
		return true
	}
	// A socket that fails otherwise is as good as none.
	return timed{}.wait(ctx, d)
}

// drain takes what else is there, so that one look answers it all.
func (n netlink) drain(buffer []byte) {
	n.socket.SetReadDeadline(time.Now().Add(settle))
	for range 1024 {
		if _, err := n.socket.Read(buffer); err != nil {
			return
		}
	}
}

func (n netlink) close() { n.socket.Close() }
