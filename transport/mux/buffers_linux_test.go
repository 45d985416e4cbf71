package mux_test

import (
	"bytes"
	"log"
	"net"
	"os"
	"testing"

	"github.com/quic-go/quic-go"
	"golang.org/x/sys/unix"

	tt "github.com/waymeet/waymeet/transport/transporttest"
)

// quic-go would ask for larger buffers, and where the kernel does not give them
// say so on the global logger: it finds nothing to do, and says nothing.
func TestBuffersAreNoneOfQUICsBusiness(t *testing.T) {
	var said bytes.Buffer
	log.SetOutput(&said)
	t.Cleanup(func() { log.SetOutput(os.Stderr) })
	conn := tt.Loopback(t)
	end := tt.NewEnd(t, conn, tt.Options{})
	if got := bufferSize(t, conn); got < 1<<18 {
		t.Errorf("a receive buffer of %d bytes: none was asked for", got)
	}
	if err := conn.SetReadBuffer(1 << 14); err != nil { // as where the kernel is mean
		t.Fatal(err)
	}
	small := bufferSize(t, conn)
	transport := &quic.Transport{Conn: end.Socket.PacketConn()}
	if _, err := transport.WriteTo([]byte("anything"), conn.LocalAddr()); err != nil {
		t.Logf("to nobody: %v", err) // it has looked at the buffers by now
	}
	if got := bufferSize(t, conn); got != small {
		t.Errorf("quic-go changed the receive buffer from %d to %d bytes", small, got)
	}
	if err := transport.Close(); err != nil {
		t.Error(err)
	}
	if said.Len() > 0 {
		t.Errorf("on the global logger: %s", &said)
	}
}

// bufferSize is the size of a socket's receive buffer.
func bufferSize(t *testing.T, conn *net.UDPConn) (size int) {
	t.Helper()
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(fd uintptr) {
		size, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF)
	}); err != nil {
		t.Fatal(err)
	}
	return size
}
