package netwatch

import (
	"encoding/binary"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// defaultRoutes asks the kernel for its routes and keeps the default ones of
// the main table; nothing if it does not answer.
func defaultRoutes() []Route {
	table, err := syscall.NetlinkRIB(unix.RTM_GETROUTE, unix.AF_UNSPEC)
	if err != nil {
		return nil
	}
	entries, err := syscall.ParseNetlinkMessage(table)
	if err != nil {
		return nil
	}
	var routes []Route
	for _, entry := range entries {
		if route, ok := parseDefault(entry); ok {
			routes = append(routes, route)
		}
	}
	return routes
}

// parseDefault reads one route, if it is a default one of the main table:
//
//	rtmsg: family 1 ‖ length of destination 1 ‖ … ‖ table 1 (at 4) ‖ … (12 bytes)
func parseDefault(entry syscall.NetlinkMessage) (Route, bool) {
	head := entry.Data
	if entry.Header.Type != unix.RTM_NEWROUTE || len(head) < unix.SizeofRtMsg ||
		head[1] != 0 || head[4] != unix.RT_TABLE_MAIN || head[7] != unix.RTN_UNICAST {
		return Route{}, false
	}
	attributes, err := syscall.ParseNetlinkRouteAttr(&entry)
	if err != nil {
		return Route{}, false
	}
	route := Route{IPv6: head[0] == unix.AF_INET6}
	for _, a := range attributes {
		switch a.Attr.Type {
		case unix.RTA_OIF:
			route.Interface = int(native32(a.Value))
		case unix.RTA_PRIORITY:
			route.Metric = native32(a.Value)
		case unix.RTA_GATEWAY:
			route.Gateway, _ = netip.AddrFromSlice(a.Value)
		}
	}
	return route, true
}

// native32 is a number as the kernel writes it.
func native32(b []byte) uint32 {
	if len(b) != 4 {
		return 0
	}
	return binary.NativeEndian.Uint32(b)
}
