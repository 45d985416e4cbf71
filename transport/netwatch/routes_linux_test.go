package netwatch

import (
	"encoding/binary"
	"net/netip"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// route is a route as the kernel tells it (rtnetlink(7)).
func route(family, length, table byte, attributes ...[]byte) syscall.NetlinkMessage {
	data := make([]byte, unix.SizeofRtMsg)
	data[0], data[1], data[4], data[7] = family, length, table, unix.RTN_UNICAST
	for _, a := range attributes {
		data = append(data, a...)
	}
	return syscall.NetlinkMessage{Header: syscall.NlMsghdr{Type: unix.RTM_NEWROUTE, Len: uint32(unix.NLMSG_HDRLEN + len(data))}, Data: data}
}

func attribute(kind uint16, value []byte) []byte {
	b := binary.NativeEndian.AppendUint16(nil, uint16(4+len(value)))
	return append(binary.NativeEndian.AppendUint16(b, kind), value...)
}

func number(n uint32) []byte { return binary.NativeEndian.AppendUint32(nil, n) }

func TestDefaultRoutesOfTheMainTable(t *testing.T) {
	out, metric := attribute(unix.RTA_OIF, number(2)), attribute(unix.RTA_PRIORITY, number(100))
	gateway := netip.MustParseAddr("192.0.2.1")
	via := attribute(unix.RTA_GATEWAY, gateway.AsSlice())
	got, ok := parseDefault(route(unix.AF_INET, 0, unix.RT_TABLE_MAIN, out, via, metric))
	if want := (Route{Interface: 2, Gateway: gateway, Metric: 100}); !ok || got != want {
		t.Errorf("got %+v, %v, want %+v", got, ok, want)
	}
	if got, ok := parseDefault(route(unix.AF_INET6, 0, unix.RT_TABLE_MAIN, out)); !ok || !got.IPv6 || got.Gateway.IsValid() {
		t.Errorf("attached IPv6: %+v, %v", got, ok)
	}

	blackhole := route(unix.AF_INET, 0, unix.RT_TABLE_MAIN, out)
	blackhole.Data[7] = unix.RTN_BLACKHOLE
	other := route(unix.AF_INET, 0, unix.RT_TABLE_MAIN, out)
	other.Header.Type = unix.NLMSG_DONE
	short := route(unix.AF_INET, 0, unix.RT_TABLE_MAIN)
	short.Data = short.Data[:5]
	torn := route(unix.AF_INET, 0, unix.RT_TABLE_MAIN, []byte{0xff, 0xff, 1, 0})
	for name, entry := range map[string]syscall.NetlinkMessage{
		"to a network": route(unix.AF_INET, 24, unix.RT_TABLE_MAIN, out), "of another table": route(unix.AF_INET, 0, unix.RT_TABLE_LOCAL, out),
		"to nowhere": blackhole, "no route": other, "too short": short, "torn attribute": torn,
	} {
		if got, ok := parseDefault(entry); ok {
			t.Errorf("%s: taken as %+v", name, got)
		}
	}
}
