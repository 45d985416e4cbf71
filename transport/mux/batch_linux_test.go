package mux_test

import (
	"encoding/binary"
	"net"
	"strings"
	"testing"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/transport/mux"
	tt "github.com/waymeet/waymeet/transport/transporttest"
)

// segmentMessage is the control message by which quic-go asks for GSO.
func segmentMessage(size int) []byte {
	oob := make([]byte, unix.CmsgSpace(2))
	binary.NativeEndian.PutUint64(oob, uint64(unix.CmsgLen(2)))
	binary.NativeEndian.PutUint32(oob[8:], unix.IPPROTO_UDP)
	binary.NativeEndian.PutUint32(oob[12:], unix.UDP_SEGMENT)
	binary.NativeEndian.PutUint16(oob[unix.CmsgLen(0):], uint16(size))
	return oob
}

// gsoFace is what quic-go asks of a connection before it uses GSO and batches.
type gsoFace interface {
	net.PacketConn
	SetReadBuffer(int) error
	SetWriteBuffer(int) error
	ReadMsgUDP(b, oob []byte) (n, oobn, flags int, addr *net.UDPAddr, err error)
	WriteMsgUDP(b, oob []byte, addr *net.UDPAddr) (n, oobn int, err error)
	ReadBatch([]ipv4.Message, int) (int, error)
}

// A burst of packets of one size, the last shorter, is sealed packet by packet
// and arrives whole, over a direct path and over a relay.
func TestBurstsAreSealedPacketByPacket(t *testing.T) {
	left := tt.NewEnd(t, tt.Loopback(t), tt.Options{})
	left.Pump(t)
	right := tt.NewEnd(t, tt.Loopback(t), tt.Options{})
	face, ok := right.Socket.PacketConn().(gsoFace)
	if !ok {
		t.Fatal("the face lacks a method that quic-go looks for")
	}
	relay := tt.NewRelay(t, tt.Loopback(t))
	out, back := relay.Join(left.Socket.LocalAddr(), right.Socket.LocalAddr())
	a := tt.NewAttempt(t, "x", messages.SuiteAESGCM, left, right, right.Path(), back)
	a.Install(t)
	for _, path := range []mux.Path{right.Path(), out} {
		a.Dialled.SetPath(path)
		var want []string
		var burst []byte
		for i := range 16 {
			p := packet(strings.Repeat(string(rune('a'+i)), 1199))
			if i == 15 {
				p = p[:500]
			}
			want = append(want, p)
			burst = append(burst, p...)
		}
		n, _, err := left.Socket.PacketConn().(gsoFace).WriteMsgUDP(burst, segmentMessage(1200), a.Dialled.Addr().(*net.UDPAddr))
		if n != len(burst) || err != nil {
			t.Fatalf("WriteMsgUDP = %d, %v", n, err)
		}
		got := map[string]bool{}
		for len(got) < len(want) {
			ms := make([]ipv4.Message, 8)
			for i := range ms {
				ms[i] = ipv4.Message{Buffers: [][]byte{make([]byte, 1452)}, OOB: make([]byte, 128)}
			}
			n, err := face.ReadBatch(ms, 0)
			if err != nil || n == 0 {
				t.Fatalf("ReadBatch = %d, %v", n, err)
			}
			for _, m := range ms[:n] {
				if m.Addr.String() != a.Accepted.Addr().String() {
					t.Errorf("packet of %v", m.Addr)
				}
				got[string(m.Buffers[0][:m.N])] = true
			}
		}
		for i, p := range want {
			if !got[p] {
				t.Errorf("over %v: packet %d did not come whole", path, i)
			}
		}
		if got := a.Dialled.Stats().DatagramsSent; got < 16 {
			t.Errorf("%d datagrams counted, want at least 16", got)
		}
	}
}
