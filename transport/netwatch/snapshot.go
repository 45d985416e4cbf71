package netwatch

import (
	"cmp"
	"net"
	"net/netip"
	"slices"
)

// Interface is one network interface with its addresses.
type Interface struct {
	Name  string
	Index int
	// Up: it is switched on and has a carrier.
	Up       bool
	Loopback bool
	// Prefixes are its addresses with the length of their networks, sorted;
	// the address bits beyond the length are kept.
	Prefixes []netip.Prefix
}

// Route is a default route.
type Route struct {
	// Interface is the index of the interface it goes out by.
	Interface int
	// Gateway is the next hop; not valid if the network is directly attached.
	Gateway netip.Addr
	// Metric orders routes: the lowest one is used.
	Metric uint32
	IPv6   bool
}

// Snapshot is the network of this machine at one time. It is never changed.
type Snapshot struct {
	// Interfaces are all interfaces, sorted by index.
	Interfaces []Interface
	// Defaults are the default routes of the main table, sorted; empty where
	// the system does not tell them cheaply.
	Defaults []Route
}

// Read takes a snapshot now.
func Read() (Snapshot, error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return Snapshot{}, err
	}
	var s Snapshot
	for _, i := range interfaces {
		// An interface that goes away between the two calls has no addresses.
		addrs, _ := i.Addrs()
		s.Interfaces = append(s.Interfaces, Interface{
			Name: i.Name, Index: i.Index,
			Up:       i.Flags&net.FlagUp != 0 && i.Flags&net.FlagRunning != 0,
			Loopback: i.Flags&net.FlagLoopback != 0,
			Prefixes: prefixes(addrs),
		})
	}
	s.Defaults = defaultRoutes()
	s.sort()
	return s, nil
}

func prefixes(addrs []net.Addr) []netip.Prefix {
	var list []netip.Prefix
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			list = append(list, p)
		}
	}
	slices.SortFunc(list, func(a, b netip.Prefix) int {
		return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
	})
	return list
}

func (s Snapshot) sort() {
	slices.SortFunc(s.Interfaces, func(a, b Interface) int {
		return cmp.Or(cmp.Compare(a.Index, b.Index), cmp.Compare(a.Name, b.Name))
	})
	slices.SortFunc(s.Defaults, func(a, b Route) int {
		return cmp.Or(cmp.Compare(a.Interface, b.Interface), a.Gateway.Compare(b.Gateway), cmp.Compare(a.Metric, b.Metric))
	})
}

// Equal reports whether nothing has changed.
func (s Snapshot) Equal(t Snapshot) bool { return s.Difference(t) == "" }

// Difference says in a few words what differs in the later snapshot, or
// nothing: "interface eth0 is gone", "addresses of eth0 changed".
func (s Snapshot) Difference(later Snapshot) string {
	for _, old := range s.Interfaces {
		now, ok := later.find(old.Index, old.Name)
		switch {
		case !ok:
			return "interface " + old.Name + " is gone"
		case now.Up != old.Up && now.Up:
			return "interface " + old.Name + " is up"
		case now.Up != old.Up:
			return "interface " + old.Name + " is down"
		case !slices.Equal(now.Prefixes, old.Prefixes):
			return "addresses of " + old.Name + " changed"
		}
	}
	for _, i := range later.Interfaces {
		if _, ok := s.find(i.Index, i.Name); !ok {
			return "interface " + i.Name + " is new"
		}
	}
	if !slices.Equal(s.Defaults, later.Defaults) {
		return "default route changed"
	}
	return ""
}

func (s Snapshot) find(index int, name string) (Interface, bool) {
	for _, i := range s.Interfaces {
		if i.Index == index && i.Name == name {
			return i, true
		}
	}
	return Interface{}, false
}

// Addresses are all addresses of interfaces that are up, in the order of the
// interfaces.
func (s Snapshot) Addresses() []netip.Addr {
	var list []netip.Addr
	for _, i := range s.Interfaces {
		if !i.Up {
			continue
		}
		for _, p := range i.Prefixes {
			list = append(list, p.Addr())
		}
	}
	return list
}
