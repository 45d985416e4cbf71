package actorstest

import "strings"

// kindOf is the kind of the actor at a path: "store", "manager", "pair".
func kindOf(path string) string {
	for _, k := range []struct{ above, kind string }{
		{"/channels/pairs/", "pair"}, {"/channels/handshakes/", "handshaker"},
		{"/network/relays/", "relay client"}, {"/bootstrap/joins/", "join"},
	} {
		if strings.HasPrefix(path, k.above) {
			return k.kind
		}
	}
	return path[strings.LastIndexByte(path, '/')+1:]
}
