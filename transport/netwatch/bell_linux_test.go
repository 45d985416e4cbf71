package netwatch

import (
	"context"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// pair is a bell and what rings it, over a socket that anybody may have.
func pair(t *testing.T) (netlink, *os.File) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	b, ringer := netlink{os.NewFile(uintptr(fds[0]), "bell")}, os.NewFile(uintptr(fds[1]), "ringer")
	t.Cleanup(func() { b.close(); ringer.Close() })
	return b, ringer
}

func ring(t *testing.T, ringer *os.File) {
	t.Helper()
	if _, err := ringer.Write([]byte("something happened")); err != nil {
		t.Fatal(err)
	}
}

func TestBellWakesOnceForABurst(t *testing.T) {
	b, ringer := pair(t)
	for range 3 {
		ring(t, ringer)
	}
	if !b.wait(context.Background(), time.Hour) {
		t.Error("slept through it")
	}
	if b.wait(context.Background(), time.Millisecond) {
		t.Error("woken again by the same burst")
	}
	ring(t, ringer)
	if !b.wait(context.Background(), time.Hour) {
		t.Error("slept through the next one")
	}
}

func TestBellEndsWithItsContext(t *testing.T) {
	b, _ := pair(t)
	ctx, cancel := context.WithCancel(context.Background())
	go cancel()
	if b.wait(ctx, time.Hour) {
		t.Error("woken by nothing")
	}
	if b.wait(ctx, time.Hour) {
		t.Error("woken by nothing, after the end")
	}
}

func TestBellThatBrokeIsATimer(t *testing.T) {
	b, _ := pair(t)
	b.close()
	if b.wait(context.Background(), time.Millisecond) {
		t.Error("woken by a closed socket")
	}
}

// In a network namespace of its own, the kernel itself rings.
func TestKernelTellsOfAnInterface(t *testing.T) {
	got := make(chan []string, 1)
	go func() {
		// The thread is never unlocked: it dies with its namespace.
		runtime.LockOSThread()
		if unix.Unshare(unix.CLONE_NEWNET) != nil {
			got <- nil
			return
		}
		got <- watchLoopbackComeUp()
	}()
	switch reasons := <-got; {
	case reasons == nil:
		t.Skip("LOUD SKIP: a network namespace needs root; the kernel's own notifications were not tested")
	case !slices.Equal(reasons, []string{"first look", "interface lo is up"}) && !slices.Equal(reasons, []string{"first look", "addresses of lo changed"}):
		t.Errorf("got %q", reasons)
	}
}

// watchLoopbackComeUp brings the loopback up after the first report; only a
// notification can bring the second one within the hour.
func watchLoopbackComeUp() []string {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	reasons := []string{}
	err := Watch(ctx, Config{Interval: time.Hour}, func(c Change) {
		reasons = append(reasons, c.Reason)
		if len(reasons) == 2 {
			cancel()
			return
		}
		if err := bringUp("lo"); err != nil {
			reasons = append(reasons, err.Error())
			cancel()
		}
	})
	if err != nil {
		reasons = append(reasons, err.Error())
	}
	return reasons
}

func bringUp(name string) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	request, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request)
}
